"""The routing process on a real embedded bus: decides, ends, starts again, and survives a bus that does not answer."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from schemas.decisions import Claim
from schemas.errors import BusUnavailable
from schemas.topics import DECISIONS, INTAKE, INTAKE_DEAD, partition_of
from services.routing import snapshots
from services.routing.worker import RoutingWorker
from services.runtime.bus import Message, Place
from services.runtime.clock import ManualClock
from services.runtime.codec import encode
from services.runtime.decisions_reader import DecisionsReader, read
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.telemetry import ROUTING_SKIPPED, Metrics
from tests.world import World

PARTITIONS = 2
DEMO = partition_of("demo", PARTITIONS)


@pytest.fixture
async def bus(tmp_path):
    async with EmbeddedBus(tmp_path / "bus.db", PARTITIONS) as bus:
        yield bus


@asynccontextmanager
async def routing(bus, clock=None, name="a"):
    worker = RoutingWorker(bus, clock=clock or ManualClock(), metrics=Metrics(), name=name)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await worker.save_snapshots()


async def tell(bus, envelopes):
    await bus.publish(INTAKE.name, DEMO, [Message(encode(envelope), key="demo") for envelope in envelopes])


async def until(reader, kind, decisions):
    """Read steps until a decision of this kind; return it."""
    while True:
        for decided in await reader.fetch():
            decisions += decided.step.decisions
            found = [decision for decision in decided.step.decisions if decision.type == kind]
            if found:
                return found[0]


def a_call(world, contact="c1", agent="carl"):
    world.sign_in(agent)
    world.call(contact)
    return [envelope for _, envelope in world.facts]


async def test_facts_become_decisions(bus):
    async with routing(bus), DecisionsReader(bus, partitions=[DEMO]) as reader:
        await tell(bus, a_call(World()))
        assert (await until(reader, "agent.reserved", [])).agent_id == "carl"


async def test_a_restart_goes_on_from_its_snapshot_and_decides_nothing_twice(bus):
    decisions = []
    world = World()
    async with DecisionsReader(bus, partitions=[DEMO]) as reader:
        async with routing(bus, name="a"):
            await tell(bus, a_call(world))
            await until(reader, "agent.reserved", decisions)
        snapshot = await snapshots.load(bus, DEMO)
        assert snapshot is not None
        async with routing(bus, name="b"):
            world.accept("carl")
            await tell(bus, [world.facts[-1][1]])
            await until(reader, "item.connecting", decisions)
    assert [decision.type for decision in decisions].count("agent.reserved") == 1


async def test_a_restart_without_a_snapshot_goes_by_the_log(bus):
    decisions = []
    world = World()
    async with DecisionsReader(bus, partitions=[DEMO]) as reader:
        worker = RoutingWorker(bus, clock=ManualClock(), metrics=Metrics(), name="a")
        task = asyncio.create_task(worker.run())
        await tell(bus, a_call(world))
        await until(reader, "agent.reserved", decisions)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with routing(bus, name="b"):
            world.accept("carl")
            await tell(bus, [world.facts[-1][1]])
            await until(reader, "item.connecting", decisions)
    assert [decision.type for decision in decisions].count("agent.reserved") == 1


async def test_who_waits_keeps_their_place_over_a_restart(bus):
    world = World()
    world.call("first")
    world.wait(1)
    world.call("second")
    async with DecisionsReader(bus, partitions=[DEMO]) as reader:
        async with routing(bus, name="a"):
            await tell(bus, [envelope for _, envelope in world.facts])
            await until(reader, "item.queued", [])
        async with routing(bus, name="b"):
            told = len(world.facts)
            world.sign_in("carl")
            await tell(bus, [envelope for _, envelope in world.facts[told:]])
            assert (await until(reader, "agent.reserved", [])).contact_id == "first"


async def test_a_record_that_nobody_can_read_is_put_aside_and_the_next_is_decided(bus):
    async with routing(bus), DecisionsReader(bus, partitions=[DEMO]) as reader:
        await bus.publish(INTAKE.name, DEMO, [Message(b"not json", key="demo")])
        await tell(bus, a_call(World()))
        await until(reader, "agent.reserved", [])
    assert (await bus.bounds(Place(INTAKE_DEAD.name, 0))).end == 1


async def test_a_type_of_a_newer_release_is_counted_and_skipped(bus):
    async with routing(bus) as worker, DecisionsReader(bus, partitions=[DEMO]) as reader:
        envelope = World().facts[0][1]
        newer = encode(envelope).replace(b"config.applied", b"config.newer")
        await bus.publish(INTAKE.name, DEMO, [Message(newer, key="demo")])
        await tell(bus, a_call(World()))
        await until(reader, "agent.reserved", [])
        assert worker._metrics.value(ROUTING_SKIPPED, topic="intake", why="unknown_type") == 1


class Flaky:
    """A bus whose next append to `decisions` has an unknown outcome: it is there, or it is not."""

    def __init__(self, bus, *, written):
        self._bus = bus
        self._written = written
        self.armed = False

    def __getattr__(self, name):
        return getattr(self._bus, name)

    async def publish(self, topic, partition, messages):
        if topic == DECISIONS.name and self.armed:
            self.armed = False
            if self._written:
                await self._bus.publish(topic, partition, messages)
            raise BusUnavailable("no answer")
        return await self._bus.publish(topic, partition, messages)


@pytest.mark.parametrize("written", [True, False])
async def test_an_append_of_unknown_outcome_is_doubt_and_one_decision_all_the_same(bus, written):
    flaky = Flaky(bus, written=written)
    decisions = []
    world = World()
    async with routing(flaky) as worker, DecisionsReader(bus, partitions=[DEMO]) as reader:
        await tell(bus, [world.facts[0][1]])
        await until(reader, "config.adopted", decisions)
        assert worker.owns_all
        flaky.armed = True
        await tell(bus, a_call(world)[1:])
        await until(reader, "agent.reserved", decisions)
        told = len(world.facts)
        world.sign_in("nora")
        await tell(bus, [envelope for _, envelope in world.facts[told:]])
        await until(reader, "agent.changed", decisions)
    assert [decision.type for decision in decisions].count("agent.reserved") == 1
    assert [decision.type for decision in decisions].count("item.queued") == 1


async def test_a_claim_is_the_first_record_and_its_offset_the_epoch(bus):
    async with routing(bus), DecisionsReader(bus, partitions=[DEMO]) as reader:
        await tell(bus, a_call(World()))
        await until(reader, "agent.reserved", [])
    async with bus.read({Place(DECISIONS.name, DEMO): 0}) as raw:
        records = [read(record) for record in await raw.fetch()]
    assert isinstance(records[0], Claim)
    assert {record.epoch for record in records[1:]} == {0}
