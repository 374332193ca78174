"""Lanes of facts that wait: their order, their bounds, and what becomes of them over a restart."""

import asyncio
import sqlite3

import pytest

from schemas.errors import BusUnavailable, Transient
from services.runtime.telemetry import LIMIT_REACHED, SPOOL_AGE, SPOOL_FACTS, SPOOLED
from tests.spool_cases import PATIENCE_S, House


def records(*names, size=2):
    return [("pool", "contact.dialog_turned", f"{name}".ljust(size).encode()) for name in names]


async def put(spool, *names, place=None, **options):
    lane = spool.lanes[0]
    place = spool.reserve(lane, len(names)) if place is None else place
    try:
        await spool.put(lane, place, records(*names, **options))
    finally:
        lane.release(place)


async def values(spool):
    return [fact.value.decode().strip() for fact in await spool.first(spool.lanes[0])]


@pytest.fixture
async def house(tmp_path):
    """A spool that nobody forwards."""
    house = House(tmp_path, spool_facts_max=10, spool_bytes_max=1000)
    await house._stop_forwarding()
    yield house
    await house.publisher.close()


async def test_facts_wait_in_the_order_of_their_places(house):
    spool = house.spool
    places = [spool.reserve(spool.lanes[0], 1) for _ in range(3)]
    for name, place in reversed(list(zip("abc", places, strict=True))):
        await put(spool, name, place=place)
    assert await values(spool) == ["a", "b", "c"]


async def test_nothing_passes_a_place_whose_outcome_is_open(house):
    spool, lane = house.spool, house.spool.lanes[0]
    await put(spool, "a")
    place = spool.reserve(lane, 1)
    await put(spool, "c")
    assert await values(spool) == ["a"]
    lane.news.clear()
    lane.release(place)  # it reached the bus
    assert lane.news.is_set()
    assert await values(spool) == ["a", "c"]


async def test_an_open_place_of_another_lane_holds_nothing_up(house):
    house.spool.reserve(house.spool.lanes[1], 1)
    await put(house.spool, "a")
    assert await values(house.spool) == ["a"]


async def test_many_at_once_are_all_there(house):
    await asyncio.gather(*(put(house.spool, name) for name in "abcdefg"))
    assert await values(house.spool) == list("abcdefg")
    assert house.metrics.value(SPOOL_FACTS, outcome="spooled") == 7


async def test_a_caller_that_is_cancelled_leaves_its_fact_on_its_way(house):
    writing = asyncio.create_task(put(house.spool, "a"))
    await asyncio.sleep(0)
    writing.cancel()
    await put(house.spool, "b")
    assert writing.cancelled()
    assert await values(house.spool) == ["a", "b"]
    assert house.spool.lanes[0].waiting == 2


@pytest.mark.parametrize(
    ("names", "size", "limit"), [("abcdefghijk", 2, "spool_facts_max"), ("ab", 501, "spool_bytes_max")]
)
async def test_a_full_spool_refuses_and_takes_again_when_there_is_room(house, names, size, limit):
    for name in names[:-1]:
        await put(house.spool, name, size=size)
    with pytest.raises(BusUnavailable):
        await put(house.spool, names[-1], size=size)
    assert house.metrics.value(LIMIT_REACHED, limit=limit) == 1
    assert house.metrics.value(SPOOL_FACTS, outcome="refused") == 1
    lane = house.spool.lanes[0]
    await house.spool.forget(lane, await house.spool.first(lane))
    await put(house.spool, names[-1], size=size)
    assert await values(house.spool) == [names[-1]]


async def test_a_disk_that_fails_is_told_and_leaves_nothing_waiting(house, monkeypatch):
    def fail(rows):
        raise sqlite3.OperationalError("disk full")

    with monkeypatch.context() as broken:
        broken.setattr("services.webhooks.spool_file.SpoolFile.append", lambda _, rows: fail(rows))
        outcomes = await asyncio.gather(*(put(house.spool, name) for name in "abc"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BusUnavailable] * 3
    assert house.spool.empty.is_set()
    assert house.metrics.value(SPOOL_FACTS, outcome="refused") == 3
    await put(house.spool, "d")
    assert await values(house.spool) == ["d"]


async def test_a_disk_that_cannot_be_read_may_come_back(house, monkeypatch):
    await put(house.spool, "a")

    def fail(*_, **__):
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr("services.webhooks.spool_file.SpoolFile.first", fail)
        with pytest.raises(Transient):
            await values(house.spool)
    assert await values(house.spool) == ["a"]


async def test_how_many_wait_and_since_when(house):
    assert (house.metrics.value(SPOOLED), house.metrics.value(SPOOL_AGE)) == (0, 0)
    await put(house.spool, "a")
    house.clock.advance(5)
    await put(house.spool, "b", "c")
    assert (house.metrics.value(SPOOLED), house.metrics.value(SPOOL_AGE)) == (3, 5)
    lane = house.spool.lanes[0]
    await house.spool.forget(lane, (await house.spool.first(lane))[:1])
    await house.spool.first(lane)
    house.clock.advance(2)
    house.spool.show_age()
    assert (house.metrics.value(SPOOLED), house.metrics.value(SPOOL_AGE)) == (2, 2)
    await house.spool.forget(lane, await house.spool.first(lane))
    assert (house.metrics.value(SPOOLED), house.metrics.value(SPOOL_AGE)) == (0, 0)


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_the_next_start_finds_what_waits_and_puts_its_own_behind_it(house, end):
    for name in "abc":
        await put(house.spool, name)
    await getattr(house, end)()
    house.clock.advance(60)
    house.start(forwarding=False)
    assert house.spool.lanes[0].waiting == 3
    assert house.metrics.value(SPOOL_FACTS, outcome="adopted") == 3
    assert house.metrics.value(SPOOL_AGE) == 60
    await put(house.spool, "d")
    assert await values(house.spool) == list("abcd")


async def test_killed_again_and_again_nothing_is_lost(house):
    for name in "abc":
        await put(house.spool, name)
        await house.kill()
        house.start(forwarding=False)
    assert await values(house.spool) == list("abc")


@pytest.mark.parametrize("broken", ["leftovers", "SpoolFile.append"])
async def test_a_disk_that_fails_at_the_start_costs_no_start_and_no_fact(house, monkeypatch, broken):
    await put(house.spool, "a")
    await house.stop()

    def fail(*_):
        raise sqlite3.OperationalError("disk full") if broken == "SpoolFile.append" else Transient("not now")

    with monkeypatch.context() as patched:
        patched.setattr(f"services.webhooks.spool.{broken}", fail)
        house.start(forwarding=False)
    assert house.spool.empty.is_set()
    await house.spool.adopt()
    assert await values(house.spool) == ["a"]


async def test_a_neighbour_that_ended_is_found_while_we_run(house, tmp_path):
    neighbour = House(tmp_path)
    await neighbour._stop_forwarding()
    await put(neighbour.spool, "a")
    await house.spool.adopt()
    assert await values(house.spool) == [], "it lives"
    await neighbour.publisher.close()
    await put(house.spool, "b")
    await house.spool.adopt()
    assert await values(house.spool) == ["a", "b"]
    assert house.spool.lanes[0].waiting == 2


async def test_after_the_end_a_fact_is_refused_and_not_forgotten_in_silence(tmp_path):
    house = House(tmp_path)
    await house.stop()
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(BusUnavailable):
            await put(house.spool, "a")
