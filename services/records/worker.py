"""The loop of the records process: read both logs, fold them in batches, store effect and position together.

A step is folded only after the fact that it names as its cause, so that configuration and contacts are there before
what was decided about them. Positions are the database's: after any doubt they are read again from there.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from schemas.errors import MalformedInput, Transient, UnknownType
from schemas.topics import DECISIONS, INTAKE
from services.records.dead_letters import DeadLetters
from services.records.fold_decisions import DecidedStep
from services.records.fold_facts import Told
from services.records.patience import Patience, Sleep
from services.records.store import Batch, PositionsMoved, Store
from services.runtime.bus import Bus, Place, Reader, Record
from services.runtime.codec import decode_fact
from services.runtime.limits import Limits
from services.runtime.telemetry import RECORDS_FOLDED, RECORDS_NEXT, RECORDS_UNFOLDED, Metrics, get_logger

_log = get_logger(__name__)


class PlacedStep(DecidedStep, Protocol):
    """A valid step with its partition."""

    @property
    def place(self) -> Place:
        """Where it was read."""


class StepReader(Protocol):
    """Reads valid steps; `services.runtime.decisions_reader.DecisionsReader` is one."""

    async def fetch(self, *, wait_s: float = 1.0, records_max: int = 500) -> Sequence[PlacedStep]:
        """Return the next valid steps, in order within each partition."""

    def next_offset(self, partition: int) -> int:
        """Return the offset after the last record read, valid or not."""


OpenSteps = Callable[[Mapping[int, int]], AbstractAsyncContextManager[StepReader]]


class RecordsWorker:
    """Folds the given partitions of both logs into the database until cancelled."""

    def __init__(
        self,
        *,
        bus: Bus,
        store: Store,
        open_steps: OpenSteps,
        partitions: Iterable[int],
        metrics: Metrics,
        limits: Limits,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._bus = bus
        self._store = store
        self._open_steps = open_steps
        self._partitions = sorted(partitions)
        self._metrics = metrics
        self._limits = limits
        self._sleep = sleep
        self._dead = DeadLetters(bus, metrics, run_max=limits.dead_letters_run_max)
        self._patience = Patience(metrics, pause_s_max=limits.retry_pause_s_max, sleep=sleep)
        self._next: dict[Place, int] = {}
        self._held: Sequence[PlacedStep] = ()

    @property
    def trouble(self) -> str | None:
        """What the worker waits for, `bus` or `database`; None while it works."""
        return self._patience.trouble

    def next_offset(self, place: Place) -> int:
        """Return the next offset to fold; every record before it has had its effect."""
        return self._next.get(place, 0)

    async def run(self) -> None:
        """Work until cancelled. Raises only defects: an offset that retention has passed, too many dead letters."""
        while True:
            try:
                await self._session()
            except PositionsMoved:
                _log.warning("records.positions_moved")
                # Another process folds these partitions: be ready for its end, at a distance.
                await self._sleep(self._limits.retry_pause_s_max)
            except Transient:  # a reader could not be opened
                self._patience.trouble = "bus"
                await self._sleep(self._limits.retry_pause_s_max)

    async def _session(self) -> None:
        self._held = ()
        firsts = await self._patience.until_done("bus", self._firsts)
        self._next = await self._patience.until_done("database", lambda: self._store.start(firsts))
        intake = {place: n for place, n in self._next.items() if place.topic == INTAKE.name}
        steps = {place.partition: n for place, n in self._next.items() if place.topic == DECISIONS.name}
        async with self._bus.read(intake) as facts_reader, self._open_steps(steps) as steps_reader:
            while True:
                await self._round(facts_reader, steps_reader)

    async def _firsts(self) -> dict[Place, int]:
        places = [Place(topic.name, p) for topic in (INTAKE, DECISIONS) for p in self._partitions]
        return {place: (await self._bus.bounds(place)).first for place in places}

    async def _round(self, facts_reader: Reader, steps_reader: StepReader) -> None:
        wait_s, records_max = self._limits.records_wait_s, self._limits.fetch_records_max
        records = await self._patience.until_done(
            "bus", lambda: facts_reader.fetch(records_max=records_max, wait_s=wait_s)
        )
        if not self._held:
            self._held = await self._patience.until_done(
                "bus", lambda: steps_reader.fetch(wait_s=wait_s, records_max=records_max)
            )
        facts = [told for record in records if (told := await self._told(record)) is not None]
        after = {record.place: record.offset + 1 for record in records}
        steps = self._take_ready(after)
        after |= self._steps_after(steps, steps_reader)
        if after:
            before = {place: self._next[place] for place in after}
            await self._apply(Batch(facts=facts, steps=steps, before=before, after=after))
            await self._sleep(self._limits.records_pause_s)

    async def _told(self, record: Record) -> Told | None:
        try:
            envelope = decode_fact(record.value)
        except UnknownType:
            self._metrics.count(RECORDS_UNFOLDED, topic=record.place.topic, reason="unknown_type")
            return None
        except MalformedInput as error:
            reason = error.reason
            await self._patience.until_done("bus", lambda: self._dead.put(record, reason=reason))
            return None
        self._dead.good()
        return Told(record.place.partition, record.offset, envelope)

    def _take_ready(self, after: Mapping[Place, int]) -> list[tuple[int, PlacedStep]]:
        ready: list[tuple[int, PlacedStep]] = []
        held: list[PlacedStep] = []
        waiting: set[int] = set()
        for decided in self._held:
            partition = decided.place.partition
            place = Place(INTAKE.name, partition)
            if partition in waiting or decided.step.cause >= after.get(place, self._next[place]):
                waiting.add(partition)  # and so do those behind it
                held.append(decided)
            else:
                ready.append((partition, decided))
        self._held = held
        return ready

    def _steps_after(self, ready: Sequence[tuple[int, PlacedStep]], reader: StepReader) -> dict[Place, int]:
        after = {Place(DECISIONS.name, partition): decided.offset + 1 for partition, decided in ready}
        held = {decided.place.partition for decided in self._held}
        for partition in self._partitions:
            place = Place(DECISIONS.name, partition)
            read = reader.next_offset(partition)
            # Claims and heartbeats have no effect; their position is stored with the next step, or now and then.
            worth_it = place in after or read - self._next[place] >= self._limits.fetch_records_max
            if partition not in held and worth_it:
                after[place] = read
        return after

    async def _apply(self, batch: Batch) -> None:
        await self._patience.until_done("database", lambda: self._store.apply(batch))
        self._next |= batch.after
        self._metrics.count(RECORDS_FOLDED, len(batch.facts), topic=INTAKE.name)
        self._metrics.count(RECORDS_FOLDED, len(batch.steps), topic=DECISIONS.name)
        for place, offset in batch.after.items():
            self._metrics.set(RECORDS_NEXT, offset, topic=place.topic, partition=str(place.partition))
