import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from schemas.decisions import Claim, Heartbeat
from schemas.errors import BusUnavailable
from schemas.topics import DECISIONS, INTAKE, INTAKE_DEAD
from services.records.dead_letters import TooManyDeadLetters
from services.records.process import build
from services.records.store import Batch, Store
from services.records.worker import RecordsWorker
from services.runtime.bus import Bus, Message, Place, Reader, Record
from services.runtime.codec import DecisionEnvelope, encode
from services.runtime.decisions_reader import DecisionsReader
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.limits import Limits
from services.runtime.telemetry import RECORDS_FOLDED, RECORDS_RETRIES, RECORDS_UNFOLDED, Metrics
from tests import records_cases as case

LIMITS = Limits(records_wait_s=0.01, records_pause_s=0.0, retry_pause_s_max=0.2, dead_letters_run_max=3)
BAD = Message(b'{"no": "envelope"}', key="x")
NEWER = Message(
    json.dumps(
        {
            "id": "1",
            "source": "/x",
            "type": "fact.of_tomorrow",
            "subject": "s",
            "time": "2030-01-07T09:02:00Z",
            "cell": "c",
            "data": {"type": "fact.of_tomorrow"},
        }
    ).encode()
)


class Pauses:
    """Stands in for sleeping: lets others run, and tells when a condition holds between two batches."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._waiting: list[tuple[Callable[[], bool], asyncio.Event]] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        for holds, event in self._waiting:
            if holds():
                event.set()
        await asyncio.sleep(0)

    async def until(self, holds: Callable[[], bool]) -> None:
        event = asyncio.Event()
        self._waiting.append((holds, event))
        if holds():
            event.set()
        await event.wait()


class Stand:
    """A worker over a real bus and database."""

    def __init__(self, bus: Bus, engine: AsyncEngine, *, store: Store | None = None, limits: Limits = LIMITS) -> None:
        self.metrics = Metrics()
        self.pauses = Pauses()
        self.bus = bus
        self.worker = RecordsWorker(
            bus=bus,
            store=store or Store(engine),
            open_steps=lambda starts: DecisionsReader(bus, partitions=starts, starts=starts),
            partitions=[0, 1],
            metrics=self.metrics,
            limits=limits,
            sleep=self.pauses,
        )

    async def has_folded(self, facts: int, steps: int) -> None:
        ends = {case.INTAKE_PLACE: facts, case.DECISIONS_PLACE: steps}
        await self.pauses.until(lambda: all(self.worker.next_offset(place) >= end for place, end in ends.items()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.worker.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[EmbeddedBus]:
    async with EmbeddedBus(tmp_path / "bus" / "bus.db", 2) as bus:
        yield bus


def decision(data: object) -> Message:
    return Message(
        encode(
            DecisionEnvelope.around(
                data, id="d", source="/routing/1", subject=case.CELL, time=case.START, cell=case.CELL
            )
        )
    )


async def publish_facts(bus: Bus, start: int = 0, end: int | None = None) -> None:
    messages = [Message(encode(envelope), key=case.CELL) for envelope in case.FACTS[start:end]]
    await bus.publish(INTAKE.name, case.PARTITION, messages)


async def publish_steps(bus: Bus, start: int = 0, end: int | None = None, *, claim: bool = True) -> None:
    claims = [Claim(owner="router", versions={})] if claim else []
    await bus.publish(DECISIONS.name, case.PARTITION, [decision(data) for data in (*claims, *case.STEPS[start:end])])


FACTS, STEPS = len(case.FACTS), len(case.STEPS) + 1  # the claim is a record too


async def test_both_logs_are_folded(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    await publish_facts(bus)
    await publish_steps(bus)
    stand = Stand(bus, engine)
    async with stand.running():
        await stand.has_folded(FACTS, STEPS)
    assert (await case.row(engine, "contacts", case.CALLER))["end_reason"] == "completed"
    assert stand.metrics.value(RECORDS_FOLDED, topic="intake") == FACTS
    assert stand.metrics.value(RECORDS_FOLDED, topic="decisions") == STEPS - 1
    assert stand.worker.trouble is None


async def test_a_step_waits_for_its_cause(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    await publish_steps(bus)
    await publish_facts(bus, 0, 8)
    stand = Stand(bus, engine)
    async with stand.running():
        await stand.has_folded(8, 4)  # the claim and the steps caused by the first eight facts
        assert stand.worker.next_offset(case.DECISIONS_PLACE) == 1 + case.steps_ready(8)
        await publish_facts(bus, 8)
        await stand.has_folded(FACTS, STEPS)
    assert (await case.counted(engine))["answered", '{"queue":"nurse"}'] == 1


@pytest.mark.parametrize("cut", [1, 7, 12, 18])
async def test_a_restart_goes_on_where_it_was(bus: EmbeddedBus, engine: AsyncEngine, cut: int) -> None:
    await publish_facts(bus, 0, cut)
    await publish_steps(bus)
    first = Stand(bus, engine)
    async with first.running():
        await first.has_folded(cut, 1 + case.steps_ready(cut))
    await publish_facts(bus, cut)
    second = Stand(bus, engine)
    async with second.running():
        await second.has_folded(FACTS, STEPS)
    counts = await case.counted(engine)
    assert (counts["arrived", "{}"], counts["offered", '{"queue":"nurse"}']) == (3, 4)


async def test_a_superseded_step_has_no_effect(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    await publish_facts(bus)
    await publish_steps(bus, 0, 3)
    await bus.publish(DECISIONS.name, case.PARTITION, [decision(Claim(owner="other", versions={}))])
    await publish_steps(bus, 3, claim=False)  # of the first epoch: the old owner woke up
    stand = Stand(bus, engine)
    async with stand.running():
        await stand.has_folded(FACTS, 4)
    assert ("answered", '{"queue":"nurse"}') not in await case.counted(engine)


async def test_many_heartbeats_move_the_position(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    await publish_steps(bus, 0, 0)
    beats = [decision(Heartbeat(epoch=0, seq=n)) for n in range(1, 601)]
    await bus.publish(DECISIONS.name, case.PARTITION, beats)
    stand = Stand(bus, engine)
    async with stand.running():
        await stand.has_folded(0, 500)
    stored = {(topic, partition): offset for topic, partition, offset in (await case.dump(engine))["positions"]}
    assert stored["decisions", case.PARTITION] >= 500


async def test_poison_is_put_aside_and_a_newer_type_is_skipped(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    await publish_facts(bus, 0, 1)
    await bus.publish(INTAKE.name, case.PARTITION, [BAD, NEWER])
    await publish_facts(bus, 3)
    stand = Stand(bus, engine)
    async with stand.running():
        await stand.has_folded(FACTS, 0)
    assert stand.metrics.value(RECORDS_UNFOLDED, topic="intake", reason="malformed") == 1
    assert stand.metrics.value(RECORDS_UNFOLDED, topic="intake", reason="unknown_type") == 1
    dead = Place(INTAKE_DEAD.name, 0)
    async with bus.read({dead: 0}) as reader:
        letters = [json.loads(record.value) for record in await reader.fetch(wait_s=0.1)]
    assert [(letter["reader"], letter["partition"], letter["offset"]) for letter in letters] == [
        ("records", case.PARTITION, 1)
    ]


async def test_too_much_poison_stops_the_process(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    await bus.publish(INTAKE.name, case.PARTITION, [BAD] * 4)
    stand = Stand(bus, engine)
    with pytest.raises(TooManyDeadLetters):
        await stand.worker.run()


class LosingStore(Store):
    """Loses the answer of every other commit, and refuses some attempts outright."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.attempts = 0

    async def apply(self, batch: Batch) -> None:
        self.attempts += 1
        if self.attempts % 3 == 1:
            raise OperationalError("refused", {}, Exception("down"))
        await super().apply(batch)
        if self.attempts % 3 == 2:
            raise ConnectionResetError


async def test_a_database_that_fails_costs_time_and_nothing_else(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    await publish_facts(bus)
    await publish_steps(bus)
    store = LosingStore(engine)
    stand = Stand(bus, engine, store=store, limits=Limits(records_wait_s=0.01, fetch_records_max=2))
    async with stand.running():
        await stand.has_folded(FACTS, STEPS)
    counts = await case.counted(engine)
    assert (counts["arrived", "{}"], counts["offered", '{"queue":"nurse"}']) == (3, 4)
    assert stand.metrics.value(RECORDS_RETRIES, what="database") > 3


async def test_a_database_that_was_put_back_is_read_from_its_own_position(
    bus: EmbeddedBus, engine: AsyncEngine
) -> None:
    await publish_facts(bus, 0, 6)
    stand = Stand(bus, engine)
    async with stand.running():
        await stand.has_folded(6, 0)
        tables = case.METADATA.tables
        async with engine.begin() as connection:
            for table in tables.values():
                await connection.execute(table.delete())
        await publish_facts(bus, 6)
        await publish_steps(bus)
        await stand.has_folded(FACTS, STEPS)
        await stand.pauses.until(lambda: stand.metrics.value(RECORDS_FOLDED, topic="decisions") == STEPS - 1)
    assert (await case.counted(engine))["arrived", "{}"] == 3


class FailingReader:
    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._fetches = 0

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        self._fetches += 1
        if self._fetches % 2:
            raise BusUnavailable("no answer")
        return await self._reader.fetch(records_max=records_max, wait_s=wait_s)

    def add(self, place: Place, offset: int) -> None:
        self._reader.add(place, offset)


class FailingBus:
    """Answers every other time."""

    def __init__(self, bus: EmbeddedBus) -> None:
        self._bus = bus
        self.partitions = bus.partitions
        self.publish: Callable[..., Awaitable[Sequence[int]]] = bus.publish
        self._asked = 0

    async def bounds(self, place: Place) -> object:
        self._asked += 1
        if self._asked in {1, 6}:  # while looking around, and while opening a reader
            raise BusUnavailable("no answer")
        return await self._bus.bounds(place)

    @asynccontextmanager
    async def read(self, starts: dict[Place, int]) -> AsyncIterator[FailingReader]:
        async with self._bus.read(starts) as reader:
            yield FailingReader(reader)


async def test_a_bus_that_fails_costs_time_and_nothing_else(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    await publish_facts(bus)
    await publish_steps(bus)
    stand = Stand(FailingBus(bus), engine)  # type: ignore[arg-type]
    async with stand.running():
        await stand.has_folded(FACTS, STEPS)
    assert stand.metrics.value(RECORDS_RETRIES, what="bus") > 0


async def test_the_process_is_ready_and_has_its_loops(bus: EmbeddedBus, engine: AsyncEngine) -> None:
    metrics = Metrics()
    assert len(build(bus=bus, engine=engine, metrics=metrics).loops) == 2
    part = build(bus=bus, engine=engine, metrics=metrics, partitions=[1])
    assert len(part.loops) == 1  # only the process with partition 0 exports the counters
    assert part.not_ready() is None
