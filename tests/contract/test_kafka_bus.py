"""What only a real broker can show: it freezes, dies, comes back, and holds topics of another shape."""

import asyncio
import os
import signal
from contextlib import contextmanager
from uuid import uuid4

import pytest

from deploy.kafka.run_broker import Broker, free_port
from schemas.errors import BusUnavailable, ConfigurationError
from schemas.topics import INTAKE
from services.runtime import kafka_bus, kafka_readers
from services.runtime.bus import Message, Place
from services.runtime.kafka_bus import KafkaBus

pytestmark = pytest.mark.kafka

LEFT = Place(INTAKE.name, 0)
ATTEMPTS_MAX = 60


@pytest.fixture
def prefix():
    return f"{uuid4().hex}."


@pytest.fixture
def own_broker(kafka_broker, tmp_path):
    """A broker that may be killed; the shared one has the logs of many tests to recover."""
    with Broker(tmp_path) as broker:
        yield broker


@contextmanager
def frozen(broker):
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


async def publish_until_acknowledged(bus, value):
    for _ in range(ATTEMPTS_MAX):
        try:
            [offset] = await bus.publish(INTAKE.name, 0, [Message(value)])
        except BusUnavailable:
            continue
        return offset
    raise AssertionError("the bus never came back")


async def read_to_the_end(bus):
    end = (await bus.bounds(LEFT)).end
    records = []
    async with bus.read({LEFT: 0}) as reader:
        while not records or records[-1].offset < end - 1:
            records += await reader.fetch(wait_s=30)
    return [record.value for record in records]


async def test_a_frozen_broker_makes_publishing_unavailable_and_no_worse(kafka_broker, prefix):
    async with KafkaBus(kafka_broker.bootstrap, 1, prefix, publish_timeout_s=0.5) as bus:
        before = await publish_until_acknowledged(bus, b"before")
        with frozen(kafka_broker):
            calls = [bus.publish(INTAKE.name, 0, [Message(b"doubtful")]) for _ in range(20)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {BusUnavailable}
        after = await publish_until_acknowledged(bus, b"after")
        assert after > before
        found = await read_to_the_end(bus)
    assert found[before] == b"before"
    assert found[after] == b"after"


async def test_a_cancelled_call_is_still_seen_to_its_end(kafka_broker, prefix):
    async with KafkaBus(kafka_broker.bootstrap, 1, prefix, publish_timeout_s=0.5) as bus:
        await publish_until_acknowledged(bus, b"before")
        with frozen(kafka_broker):
            call = asyncio.create_task(bus.publish(INTAKE.name, 0, [Message(b"doubtful")]))
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
            with pytest.raises(BusUnavailable):  # the broker is still found to be away
                await bus.publish(INTAKE.name, 0, [Message(b"doubtful")])
        await publish_until_acknowledged(bus, b"after")


async def test_a_silent_broker_is_reported_to_readers(kafka_broker, prefix, monkeypatch):
    monkeypatch.setattr(kafka_readers, "SILENCE_MAX_S", 0.5)
    async with KafkaBus(kafka_broker.bootstrap, 1, prefix) as bus, bus.read({LEFT: 0}) as reader:
        assert list(await reader.fetch(wait_s=0.1)) == []
        with frozen(kafka_broker), pytest.raises(BusUnavailable):
            await fetch_until_it_fails(reader)
        await publish_until_acknowledged(bus, b"a")
        assert [record.value for record in await first_records(reader)] == [b"a"]


async def fetch_until_it_fails(reader):
    for _ in range(ATTEMPTS_MAX):
        await reader.fetch(wait_s=0.1)


async def first_records(reader):
    for _ in range(ATTEMPTS_MAX):
        try:
            records = await reader.fetch(wait_s=1)
        except BusUnavailable:
            continue
        if records:
            return records
    raise AssertionError("the reader never came back")


async def test_bounds_of_a_frozen_broker_are_unavailable(kafka_broker, prefix, monkeypatch):
    monkeypatch.setattr(kafka_bus, "_REQUEST_TIMEOUT_MS", 500)
    async with KafkaBus(kafka_broker.bootstrap, 1, prefix) as bus:
        with frozen(kafka_broker), pytest.raises(BusUnavailable):
            await bus.bounds(LEFT)


async def test_a_killed_broker_comes_back_with_all_that_was_acknowledged(own_broker, prefix):
    async with KafkaBus(own_broker.bootstrap, 1, prefix, publish_timeout_s=1.0) as bus:
        offsets = [await publish_until_acknowledged(bus, f"{number}".encode()) for number in range(50)]
        async with bus.read({LEFT: 0}) as reader:
            own_broker.kill()
            with pytest.raises(BusUnavailable):
                await bus.publish(INTAKE.name, 0, [Message(b"doubtful")])
            await asyncio.to_thread(own_broker.start)
            last = await publish_until_acknowledged(bus, b"last")
            assert (await first_records(reader))[0].offset == 0  # the same reader goes on
        found = await read_to_the_end(bus)
    assert [found[offset] for offset in offsets] == [f"{number}".encode() for number in range(50)]
    assert found[last] == b"last"


async def test_a_member_that_restarts_under_its_name_gets_its_partitions_back(kafka_broker, prefix):
    def pod(name):
        return KafkaBus(kafka_broker.bootstrap, 2, prefix, instance=name)

    async with pod("pod-0") as other, other.join("g", [INTAKE.name]) as stays:
        async with pod("pod-1") as bus, bus.join("g", [INTAKE.name]) as member:
            while len(stays.assigned()) != 1:
                await asyncio.gather(stays.fetch(wait_s=0.5), member.fetch(wait_s=0.5))
            held = member.assigned()
            assert held | stays.assigned() == {LEFT, Place(INTAKE.name, 1)}
        # No partition moves while the name is away for less than a session.
        await stays.fetch(wait_s=0.5)
        assert not held & stays.assigned()
        async with pod("pod-1") as bus, bus.join("g", [INTAKE.name]) as member:
            assert member.assigned() == held


async def test_topics_of_another_shape_are_refused(kafka_bootstrap, prefix):
    async with KafkaBus(kafka_bootstrap, 1, prefix):
        pass
    with pytest.raises(ConfigurationError, match="FRONTDOOR_PARTITIONS"):
        async with KafkaBus(kafka_bootstrap, 2, prefix):
            pass


async def test_a_broker_that_is_not_there_is_unavailable(prefix, monkeypatch):
    monkeypatch.setattr(kafka_bus, "_START_TIMEOUT_S", 0.5)
    with pytest.raises(BusUnavailable):
        async with KafkaBus(f"127.0.0.1:{free_port()}", 1, prefix):
            pass
