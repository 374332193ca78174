"""How far a process is behind the logs that it reads."""

import pytest

from schemas.errors import BusUnavailable
from schemas.topics import DECISIONS, INTAKE, SNAPSHOTS
from services.runtime import log_lag
from services.runtime.bus import Message, Place
from services.runtime.clock import ManualClock
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.log_lag import FollowedBus, LogLag
from services.runtime.telemetry import LOG_BEHIND_RECORDS, LOG_BEHIND_SECONDS, Metrics

INTAKE_0, INTAKE_1 = Place(INTAKE.name, 0), Place(INTAKE.name, 1)


@pytest.fixture
async def real(tmp_path):
    async with EmbeddedBus(tmp_path / "bus.db", 2) as bus:
        yield bus


@pytest.fixture
def bus(real):
    return FollowedBus(real)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def lag(bus, metrics, clock):
    return LogLag(bus, process="records", metrics=metrics, clock=clock)


@pytest.fixture
def behind(metrics):
    def behind(place=INTAKE_0, process="records"):
        labels = {"process": process, "topic": place.topic, "partition": str(place.partition)}
        return (metrics.value(LOG_BEHIND_RECORDS, **labels), metrics.value(LOG_BEHIND_SECONDS, **labels))

    return behind


async def write(bus, count=1, place=INTAKE_0):
    await bus.publish(place.topic, place.partition, [Message(b"x", key="k")] * count)


def shown(metrics):
    return [line for line in metrics.render().decode().splitlines() if line.startswith("frontdoor_log_behind")]


async def read_all(reader):
    while await reader.fetch(wait_s=0.0):
        pass


async def test_the_bus_passes_everything_on(bus):
    assert bus.partitions == 2
    await write(bus, 3)
    assert (await bus.bounds(INTAKE_0)).end == 3
    async with bus.read({INTAKE_0: 1}) as reader:
        assert [record.offset for record in await reader.fetch(records_max=1)] == [1]
        assert [record.offset for record in await reader.fetch()] == [2]
        reader.add(INTAKE_0, 0)
        assert [record.offset for record in await reader.fetch()] == [0, 1, 2]
        reader.remove(INTAKE_0)
        assert not await reader.fetch(wait_s=0.0)
        assert bus.positions() == {}
    async with bus.join("group", [INTAKE.name]) as member:
        assert member.assigned() == {INTAKE_0, INTAKE_1}
        assert len(await member.fetch()) == 3
        await member.commit({INTAKE_0: 2})
    async with bus.join("group", [INTAKE.name]) as member:
        assert [record.offset for record in await member.fetch()] == [2]


async def test_who_has_read_all_is_not_behind(bus, lag, behind, metrics):
    await write(bus, 3)
    async with bus.read({INTAKE_0: 0}) as reader:
        await read_all(reader)
        await lag.look()
        assert behind() == (0, 0)
        assert len(shown(metrics)) == 2


async def test_the_age_is_that_of_the_oldest_unread_record(bus, lag, behind, clock):
    async with bus.read({INTAKE_0: 0}) as reader:
        await lag.look()
        await write(bus, 2)  # between two looks: its age counts from the one that sees it
        clock.advance(5)
        await lag.look()
        assert behind() == (2, 0)
        await write(bus, 3)
        clock.advance(5)
        await lag.look()
        assert behind() == (5, 5)
        clock.advance(5)
        await lag.look()
        assert behind() == (5, 10)
        await reader.fetch(records_max=2)
        await lag.look()
        assert behind() == (3, 5)  # the later three were first seen five seconds ago
        await read_all(reader)
        await lag.look()
        assert behind() == (0, 0)


async def test_a_busy_reader_is_behind_in_records_and_not_in_time(bus, lag, behind, clock):
    async with bus.read({INTAKE_0: 0}) as reader:
        for _ in range(5):
            await read_all(reader)
            await write(bus, 50)
            clock.advance(5)
            await lag.look()
            assert behind() == (50, 0)


async def test_of_several_readers_the_furthest_counts_and_a_reader_that_ends_does_not(bus, lag, behind, metrics):
    await write(bus, 4)
    async with bus.read({INTAKE_0: 4}):
        async with bus.read({INTAKE_0: 0}):  # someone looks back, such as a restore
            await lag.look()
            assert behind() == (0, 0)
        async with bus.read({INTAKE_1: 0}):
            await lag.look()
            assert len(shown(metrics)) == 4
        await lag.look()
        assert len(shown(metrics)) == 2
    await lag.look()
    assert shown(metrics) == []


async def test_only_the_two_logs_are_measured(bus, lag, metrics):
    async with bus.read({Place(SNAPSHOTS.name, 0): 0, Place(DECISIONS.name, 1): 0}):
        await lag.look()
        assert len(shown(metrics)) == 2
        assert all('topic="decisions"' in line for line in shown(metrics))


async def test_a_member_is_measured_in_what_it_holds_from_when_it_got_it(bus, real, lag, behind, clock, metrics):
    await write(bus, 7)  # long dealt with by others, for all that is known here
    async with bus.join("group", [INTAKE.name]) as member:
        assert bus.positions() == {}
        await member.fetch(records_max=0, wait_s=0.0)
        await lag.look()
        assert behind() == (0, 0)
        await write(bus, 2)
        clock.advance(5)
        await lag.look()
        clock.advance(5)
        await lag.look()
        assert behind() == (2, 5)
        while await member.fetch(wait_s=0.0):
            pass
        await lag.look()
        assert behind() == (0, 0)
        async with real.join("group", [INTAKE.name]) as other:
            await member.fetch(wait_s=0.0)
            assert member.assigned() | other.assigned() == {INTAKE_0, INTAKE_1}
            await lag.look()
            assert len(shown(metrics)) == 2
            assert set(bus.positions()) == member.assigned()


async def test_what_comes_back_to_a_member_is_counted_from_then(bus, real, lag, behind):
    async with bus.join("group", [INTAKE.name]) as member:
        await member.fetch(wait_s=0.0)
        await lag.look()
        async with real.join("group", [INTAKE.name]) as other:
            await member.fetch(wait_s=0.0)
            (moved,) = other.assigned()
            await lag.look()
            await write(bus, 3, moved)
            await other.fetch()
            await other.commit({moved: 3})
        await member.fetch(wait_s=0.0)
        await lag.look()
        assert behind(moved) == (0, 0)


async def test_while_the_bus_is_away_what_is_unread_grows_older(bus, real, lag, behind, clock, monkeypatch):
    await write(bus, 1)
    async with bus.read({INTAKE_0: 0}):
        await lag.look()

        async def away(place):
            raise BusUnavailable("away")

        monkeypatch.setattr(real, "bounds", away)
        clock.advance(30)
        await lag.look()
        assert behind() == (1, 30)


async def test_a_place_that_was_never_measured_is_not_shown(bus, real, lag, metrics, monkeypatch):
    async def away(place):
        raise BusUnavailable("away")

    monkeypatch.setattr(real, "bounds", away)
    async with bus.read({INTAKE_0: 0}):
        await lag.look()
    assert shown(metrics) == []


async def test_what_is_remembered_has_a_bound(bus, lag, behind, clock, monkeypatch):
    monkeypatch.setattr(log_lag, "LOOKS_MAX", 3)
    async with bus.read({INTAKE_0: 0}) as reader:
        for _ in range(10):
            await write(bus)
            clock.advance(5)
            await lag.look()
        assert behind() == (10, 45)
        await reader.fetch(records_max=2)
        await lag.look()
        assert behind() == (8, 0)  # of the middle nothing is known: the age counts from the newest look
        assert len(lag._looks[INTAKE_0]) == 1


async def test_the_loop_looks_every_few_seconds(bus, lag, behind):
    slept = []

    class End(Exception):
        pass

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) > 2:
            raise End

    await write(bus, 2)
    async with bus.read({INTAKE_0: 0}):
        with pytest.raises(End):
            await lag.keep(sleep=sleep)
    assert slept == [log_lag.LOOK_S] * 3
    assert behind()[0] == 2
