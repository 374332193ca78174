"""The routing process on a real embedded bus: decides, ends, starts again, and survives a bus that does not answer."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest

from router.succession import preference
from schemas.decisions import Claim
from schemas.errors import BusUnavailable
from schemas.topics import DECISIONS, INTAKE, INTAKE_DEAD, partition_of
from services.routing import snapshots
from services.routing.dead_facts import TooManyDeadFacts
from services.routing.worker import Post, RoutingWorker
from services.runtime.bus import Message, Place
from services.runtime.clock import ManualClock
from services.runtime.codec import encode
from services.runtime.decisions_reader import DecisionsReader, read
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.limits import Limits
from services.runtime.telemetry import ROUTING_SKIPPED, Metrics
from tests.world import World

PARTITIONS = 2
DEMO = partition_of("demo", PARTITIONS)


@pytest.fixture
async def bus(tmp_path):
    async with EmbeddedBus(tmp_path / "bus.db", PARTITIONS) as bus:
        yield bus


@asynccontextmanager
async def routing(bus, clock=None, name="a", post=None):
    worker = RoutingWorker(bus, clock=clock or ManualClock(), metrics=Metrics(), name=name, post=post)
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
    """A bus whose next append to a topic has an unknown outcome: it is there, or it is not."""

    def __init__(self, bus, *, written, topic=DECISIONS.name):
        self._bus = bus
        self._topic = topic
        self._written = written
        self.armed = False

    def __getattr__(self, name):
        return getattr(self._bus, name)

    async def publish(self, topic, partition, messages):
        if topic == self._topic and self.armed:
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
        assert worker.not_ready() is None
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


async def test_facts_after_a_bad_one_are_folded_though_it_cannot_be_put_aside_yet(bus):
    flaky = Flaky(bus, written=False, topic=INTAKE_DEAD.name)
    flaky.armed = True
    world = World()
    async with routing(flaky), DecisionsReader(bus, partitions=[DEMO]) as reader:
        messages = [Message(b"not json", key="demo")]
        messages += [Message(encode(envelope), key="demo") for envelope in a_call(world)]
        await bus.publish(INTAKE.name, DEMO, messages)
        await until(reader, "agent.reserved", [])
    assert (await bus.bounds(Place(INTAKE_DEAD.name, 0))).end == 1


async def test_too_many_bad_facts_in_a_row_stop_the_owner(bus):
    worker = RoutingWorker(bus, clock=ManualClock(), metrics=Metrics(), name="a", limits=Limits(dead_letters_run_max=3))
    await bus.publish(INTAKE.name, DEMO, [Message(b"not json", key="demo")] * 4)
    with pytest.raises(TooManyDeadFacts):
        await worker.run()


# ---- two routers

FIRST, SECOND = (Post(ordinal, 2, alone=False) for ordinal in preference(DEMO, 2))  # as DEMO's partition prefers them


@asynccontextmanager
async def killed_at_the_end(bus, clock, name, post):
    worker = RoutingWorker(bus, clock=clock, metrics=Metrics(), name=name, post=post)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def records_of(bus, count=1):
    """Read the claims of DEMO's partition until there are so many."""
    claims = []
    async with bus.read({Place(DECISIONS.name, DEMO): 0}) as reader:
        while len(claims) < count:
            records = [read(record) for record in await reader.fetch()]
            claims += [record for record in records if isinstance(record, Claim)]
    return claims


async def ready(worker):
    while worker.not_ready() is not None:  # noqa: ASYNC110  asked for, as an orchestrator would
        await asyncio.sleep(0)


async def test_a_standby_takes_over_after_silence_and_gives_the_lost_time_back(bus):
    clock = ManualClock()
    world = World()
    decisions = []
    async with killed_at_the_end(bus, clock, "b", SECOND) as standby, DecisionsReader(bus, partitions=[DEMO]) as reader:
        async with killed_at_the_end(bus, clock, "a", FIRST):
            await tell(bus, a_call(world))
            reserved = await until(reader, "agent.reserved", decisions)
            await ready(standby)
        clock.advance(4)
        extended = await until(reader, "deadlines.extended", decisions)
    assert [claim.ordinal for claim in await records_of(bus, 2)] == [FIRST.ordinal, SECOND.ordinal]
    assert extended.by_s == pytest.approx(4, abs=0.1)
    (entry,) = extended.reservations
    assert (entry.expires_at - reserved.expires_at).total_seconds() == pytest.approx(extended.by_s)
    assert [decision.type for decision in decisions].count("agent.reserved") == 1


async def test_an_owner_that_leaves_hands_over_at_once(bus):
    clock = ManualClock()
    world = World()
    decisions = []
    async with killed_at_the_end(bus, clock, "b", SECOND) as standby, DecisionsReader(bus, partitions=[DEMO]) as reader:
        async with killed_at_the_end(bus, clock, "a", FIRST) as owner:
            await tell(bus, a_call(world))
            await until(reader, "agent.reserved", decisions)
            await ready(standby)
            await owner.leave()
            await records_of(bus, 2)  # without the clock's having moved
        world.accept("carl")
        await tell(bus, [world.facts[-1][1]])
        await until(reader, "item.connecting", decisions)
    assert "deadlines.extended" not in [decision.type for decision in decisions]


async def test_the_router_that_prefers_a_partition_takes_it_back(bus):
    clock = ManualClock()
    async with killed_at_the_end(bus, clock, "b", SECOND) as standby:
        await ready(standby)
        clock.advance(6)
        await records_of(bus, 1)
        async with killed_at_the_end(bus, clock, "a", FIRST):
            claims = await records_of(bus, 2)
    assert [claim.ordinal for claim in claims] == [SECOND.ordinal, FIRST.ordinal]


async def test_a_second_process_with_the_same_ordinal_leaves_a_living_owner_alone(bus):
    clock = ManualClock()
    one = Post(0, 1, alone=False)
    async with killed_at_the_end(bus, clock, "a", one) as owner:
        await ready(owner)
        while not all(partition.owning for partition in owner.partitions().values()):  # noqa: ASYNC110  as above
            await asyncio.sleep(0)
        async with killed_at_the_end(bus, clock, "a2", one) as other:
            await ready(other)
            world = World()
            async with DecisionsReader(bus, partitions=[DEMO]) as reader:
                await tell(bus, a_call(world))
                await until(reader, "agent.reserved", [])
            assert [partition.owning for partition in other.partitions().values()] == [False, False]


async def test_a_bad_fact_is_put_aside_once_whoever_reads_it_again(bus):
    clock = ManualClock()
    await bus.publish(INTAKE.name, DEMO, [Message(b"not json", key="demo")])
    world = World()
    for name in ("a", "b"):
        async with (
            killed_at_the_end(bus, clock, name, FIRST) as owner,
            killed_at_the_end(bus, clock, name + "2", SECOND),
        ):
            clock.advance(10)
            async with DecisionsReader(bus, partitions=[DEMO]) as reader:
                told = len(world.facts)
                world.call(name)
                await tell(bus, [envelope for _, envelope in world.facts[told - 1 if told == 1 else told :]])
                await until(reader, "item.queued", [])
            await owner._dead.send()
    assert (await bus.bounds(Place(INTAKE_DEAD.name, 0))).end == 1


class Answered:
    """A bus on which an answer is appended just before it is asked where `intake` ends."""

    def __init__(self, bus):
        self._bus = bus
        self.answer = None

    def __getattr__(self, name):
        return getattr(self._bus, name)

    async def bounds(self, place):
        if place == Place(INTAKE.name, DEMO) and self.answer is not None:
            answer, self.answer = self.answer, None
            await tell(self._bus, [answer])
        return await self._bus.bounds(place)


async def test_an_answer_that_is_on_the_log_beats_the_timer(bus):
    clock = ManualClock()
    answered = Answered(bus)
    decisions = []
    world = World()
    async with routing(answered, clock), DecisionsReader(bus, partitions=[DEMO]) as reader:
        await tell(bus, a_call(world))
        await until(reader, "agent.reserved", decisions)
        world.accept("carl")
        answered.answer = world.facts[-1][1]
        clock.advance(3600)  # far beyond the offer's end
        await until(reader, "item.connecting", decisions)
    assert "reservation.lapsed" not in [decision.type for decision in decisions]


async def test_who_was_away_for_longer_than_the_log_is_kept_goes_on_with_what_there_is(bus):
    world = World()
    async with routing(bus, name="a"), DecisionsReader(bus, partitions=[DEMO]) as reader:
        await tell(bus, a_call(world))
        await until(reader, "agent.reserved", [])
    told = len(world.facts)
    world.call("c2")
    await tell(bus, [envelope for _, envelope in world.facts[told:]])
    for topic in (INTAKE, DECISIONS):
        place = Place(topic.name, DEMO)
        await bus.trim(place, (await bus.bounds(place)).end)
    async with routing(bus, name="b"), DecisionsReader(bus, partitions=[DEMO]) as reader:
        told = len(world.facts)
        world.call("c3")
        await tell(bus, [envelope for _, envelope in world.facts[told:]])
        assert (await until(reader, "item.queued", [])).contact_id == "c3"


async def test_snapshots_take_turns_over_restarts(bus):
    world = World()
    slots = []
    for name in ("a", "b", "c"):
        async with routing(bus, name=name), DecisionsReader(bus, partitions=[DEMO]) as reader:
            told = len(world.facts)
            world.call(name)
            await tell(bus, [envelope for _, envelope in world.facts[told - (told == 1) :]])
            while (await until(reader, "item.queued", [])).contact_id != name:
                pass
        slots.append((await snapshots.load(bus, DEMO)).slot)
    assert slots in ([0, 1, 0], [1, 0, 1])
