"""The routing process: both logs in, steps out, one owner a partition.

One loop serves all partitions: fetch, fold, decide, publish. What was decided is appended before anything else is
folded, so that a batch of facts costs one append. The engine is pure; whatever goes wrong out here ends in one of three
ways: a poison fact is rejected on the log and its caller sent to a person; a bus that does not answer leaves this
process in doubt, so that it forgets the partition, restores and claims again; too many dead letters stop it.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from router.ownership import Lineage
from router.partition import Partition
from schemas.decisions import Claim, DecisionRecord, FactRejected, Step
from schemas.errors import BusUnavailable, Defect, MalformedInput, UnknownType
from schemas.ids import CellId, EventId, derived_id
from schemas.intake import FactEnvelope
from schemas.topics import DECISIONS, INTAKE, INTAKE_DEAD
from services.routing import snapshots
from services.runtime.bus import Bus, Message, Place, Reader, Record
from services.runtime.clock import Clock
from services.runtime.codec import DecisionEnvelope, decode_fact, encode
from services.runtime.decisions_reader import read
from services.runtime.telemetry import (
    DEAD_LETTERS,
    DECISIONS_MADE,
    OWNED,
    ROUTING_SKIPPED,
    STEP_SECONDS,
    Metrics,
    get_logger,
)

IDLE_WAIT_S: Final = 1.0
BARRIER_WAIT_S: Final = 0.05
RETRY_S: Final = 0.5
SNAPSHOT_EVERY: Final = 2_000  # records of `decisions` a partition
DEAD_LETTERS_MAX: Final = 100  # beyond: something is wrong with us, not with the facts
CLAIM_AGAIN_AFTER: Final = timedelta(hours=1)
log = get_logger(__name__)


class TooManyDeadLetters(Defect):
    """The owner stops deciding: a bad release must not drain the log into the dead letters."""


class Seat:
    """One partition as this process holds it: its fold, and how far both logs have been read."""

    def __init__(self, number: int, partition: Partition, *, intake_next: int, decisions_next: int) -> None:
        self.number = number
        self.partition = partition
        self.intake_next = intake_next
        self.decisions_next = decisions_next
        self.own: dict[int, DecisionRecord] = {}  # appended by us, not yet read back: no need to decode them again
        self.snapshot_at = decisions_next
        self.snapshots = 0
        self.claimed_at = datetime.max.replace(tzinfo=UTC)
        self.in_doubt = False  # what this process holds of it is not to be trusted: restore
        self.superseded = False  # another process decides: restore, and follow


class RoutingWorker:
    """Decides for all partitions of one process."""

    def __init__(self, bus: Bus, *, clock: Clock, metrics: Metrics, name: str) -> None:
        """`name` is unique to this process and its incarnation."""
        self._bus = bus
        self._clock = clock
        self._metrics = metrics
        self._name = name
        self._seats: dict[int, Seat] = {}
        self._dead_letters = 0
        self._restored = 0

    @property
    def owns_all(self) -> bool:
        """Tell whether every partition is owned by this process."""
        return len(self._seats) == self._bus.partitions and all(seat.partition.owning for seat in self._seats.values())

    async def run(self) -> None:
        """Decide until cancelled. Raises `TooManyDeadLetters`."""
        async with self._bus.read({}) as reader:
            for number in range(self._bus.partitions):
                await self._sit_down(number, reader)
            while True:
                try:
                    await self._turn(reader)
                except BusUnavailable:
                    log.warning("routing.bus_unavailable", process=self._name)
                    await asyncio.sleep(RETRY_S)

    async def save_snapshots(self) -> None:
        """After the end of `run`: write a snapshot of each partition that went on since its last, for a quick start."""
        for seat in self._seats.values():
            await self._read_back(seat)
            if seat.partition.owning and not seat.partition.closed:
                await self._close(seat, self._clock.now())
                await self._read_back(seat)
            if seat.partition.closed and seat.decisions_next > seat.snapshot_at:
                await self._snapshot(seat)

    async def _read_back(self, seat: Seat) -> None:
        place = Place(DECISIONS.name, seat.number)
        end = (await self._bus.bounds(place)).end
        async with self._bus.read({place: seat.decisions_next}) as reader:
            while seat.decisions_next < end:
                await self._take(await reader.fetch())

    # ---- one turn

    async def _turn(self, reader: Reader) -> None:
        for seat in self._seats.values():
            if seat.in_doubt:
                await self._sit_down(seat.number, reader, claim=not seat.superseded)
        await self._take(await reader.fetch(wait_s=self._wait_s()))
        now = self._clock.now()
        started = self._clock.monotonic()
        decided = 0
        for seat in self._seats.values():
            if seat.partition.owning:
                await self._barrier(seat, reader, now)
                decided += await self._decide(seat, now)
                await self._keep_house(seat, now)
            elif self._clock.now() - seat.claimed_at > CLAIM_AGAIN_AFTER:
                await self._claim(seat)
        if decided:
            self._metrics.observe(STEP_SECONDS, self._clock.monotonic() - started)

    def _wait_s(self) -> float:
        deadlines = [seat.partition.next_deadline() for seat in self._seats.values() if seat.partition.owning]
        nearest = min((deadline for deadline in deadlines if deadline is not None), default=None)
        if nearest is None:
            return IDLE_WAIT_S
        return min(max((nearest - self._clock.now()).total_seconds(), 0.0), IDLE_WAIT_S)

    async def _barrier(self, seat: Seat, reader: Reader, now: datetime) -> None:
        """Before a deadline is judged, fold whatever is on `intake` by now: an answer that is there always wins."""
        if not seat.partition.due(now):
            return
        end = (await self._bus.bounds(Place(INTAKE.name, seat.number))).end
        while seat.intake_next < end:
            await self._take(await reader.fetch(wait_s=BARRIER_WAIT_S))

    async def _decide(self, seat: Seat, now: datetime) -> int:
        steps = list(seat.partition.decide(now))
        if not steps:
            return 0
        try:
            await self._append(seat, steps)
        except BusUnavailable:
            self._doubt(seat)
            return 0
        for step in steps:
            for decision in step.decisions:
                self._metrics.count(DECISIONS_MADE, type=decision.type)
        return len(steps)

    async def _append(self, seat: Seat, records: Sequence[Claim | Step]) -> None:
        messages = [self._message(seat.number, record) for record in records]
        offsets = await self._bus.publish(DECISIONS.name, seat.number, messages)
        for offset, record in zip(offsets, records, strict=True):
            seat.own[offset] = record

    def _message(self, partition: int, record: Claim | Step) -> Message:
        if isinstance(record, Step):
            cell, time, what = record.cell, record.decided_at, f"{record.epoch}/{record.seq}"
        else:
            cell, time, what = CellId("*"), self._clock.now(), record.owner
        envelope = DecisionEnvelope.around(
            record,
            id=EventId(derived_id("decisions", str(partition), what)),
            source=f"/routing/{self._name}",
            subject=cell,
            time=time,
            cell=cell,
        )
        return Message(encode(envelope), key=cell)

    # ---- reading

    async def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            seat = self._seats[record.place.partition]
            if record.place.topic == INTAKE.name:
                if record.offset >= seat.intake_next:
                    seat.intake_next = record.offset + 1
                    await self._take_fact(seat, record)
            elif record.offset >= seat.decisions_next:
                seat.decisions_next = record.offset + 1
                await self._take_decision(seat, record)

    async def _take_fact(self, seat: Seat, record: Record) -> None:
        try:
            envelope: FactEnvelope | None = decode_fact(record.value)
        except UnknownType:
            self._metrics.count(ROUTING_SKIPPED, topic=INTAKE.name, why="unknown_type")
            envelope = None
        except MalformedInput:
            await self._bury(record.value, record.key, reason="malformed")
            envelope = None
        for rejected in seat.partition.fact(record.offset, envelope):
            await self._bury_rejected(rejected, record.value, record.key)

    async def _take_decision(self, seat: Seat, record: Record) -> None:
        data = seat.own.pop(record.offset, None) or read(record)
        if data is None:
            self._metrics.count(ROUTING_SKIPPED, topic=DECISIONS.name, why="unreadable")
            return
        was_owning = seat.partition.owning
        for rejected in seat.partition.record(record.offset, data):
            await self._bury_rejected(rejected, b"", None)
        if seat.partition.spent:
            # Decisions that did not count may be in the state: forget it. Superseded, another decides; else claim anew.
            seat.in_doubt = True
            seat.superseded = was_owning and isinstance(data, Claim)
        if seat.partition.owning != was_owning:
            self._metrics.set(OWNED, float(seat.partition.owning), partition=str(seat.number))
            state = "owned" if seat.partition.owning else "lost"
            epoch = seat.partition.ownership.lineage.epoch
            log.info("routing.ownership", partition=seat.number, epoch=epoch, state=state)

    # ---- ownership

    async def _sit_down(self, number: int, reader: Reader, *, claim: bool = True) -> None:
        """Restore a partition from its newest snapshot, read on from there, and claim it."""
        self._restored += 1
        name = f"{self._name}.{self._restored}"  # an earlier claim of this process must not be taken for the new one
        snapshot = await snapshots.load(self._bus, number)
        firsts = [(await self._bus.bounds(Place(topic.name, number))).first for topic in (INTAKE, DECISIONS)]
        if snapshot is None:
            partition = Partition(name, intake_next=firsts[0])
            seat = Seat(number, partition, intake_next=firsts[0], decisions_next=firsts[1])
        else:
            lineage = Lineage(snapshot.epoch, snapshot.seq)
            partition = Partition.restore(name, snapshot.image, lineage=lineage, intake_next=snapshot.intake_next)
            seat = Seat(number, partition, intake_next=snapshot.intake_next, decisions_next=snapshot.decisions_next)
        self._seats[number] = seat
        reader.add(Place(INTAKE.name, number), seat.intake_next)
        reader.add(Place(DECISIONS.name, number), seat.decisions_next)
        seat.claimed_at = self._clock.now()
        if claim:
            await self._claim(seat)

    async def _claim(self, seat: Seat) -> None:
        seat.claimed_at = self._clock.now()
        try:
            await self._append(seat, [seat.partition.claim()])
        except BusUnavailable:
            self._doubt(seat)
            raise

    def _doubt(self, seat: Seat) -> None:
        log.warning("routing.in_doubt", partition=seat.number)
        self._metrics.set(OWNED, 0.0, partition=str(seat.number))
        seat.partition.ownership.doubt()
        seat.in_doubt = True

    async def _keep_house(self, seat: Seat, now: datetime) -> None:
        """Write a snapshot or claim anew when it is time, at a moment when the log speaks for all that is folded."""
        wants_snapshot = seat.decisions_next - seat.snapshot_at >= SNAPSHOT_EVERY
        wants_claim = now - seat.claimed_at > CLAIM_AGAIN_AFTER
        if not (wants_snapshot or wants_claim) or not seat.partition.ownership.read_back:
            return
        if not seat.partition.closed:
            await self._close(seat, now)  # read back in the next turn
        elif wants_snapshot:
            await self._snapshot(seat)
        else:
            await self._claim(seat)

    async def _close(self, seat: Seat, now: datetime) -> None:
        try:
            await self._append(seat, list(seat.partition.close(now)))
        except BusUnavailable:
            self._doubt(seat)

    async def _snapshot(self, seat: Seat) -> None:
        lineage = seat.partition.ownership.lineage
        snapshot = snapshots.Snapshot(
            lineage.epoch, lineage.seq, seat.intake_next, seat.decisions_next, seat.partition.image()
        )
        await snapshots.save(self._bus, seat.number, snapshot, slot=seat.snapshots, at=self._clock.now())
        seat.snapshots += 1
        seat.snapshot_at = seat.decisions_next

    # ---- dead letters

    async def _bury_rejected(self, rejected: FactRejected, value: bytes, key: str | None) -> None:
        log.error("routing.fact_rejected", event_id=rejected.fact_id, type=rejected.fact_type, reason=rejected.reason)
        await self._bury(value, key, reason="rejected")

    async def _bury(self, value: bytes, key: str | None, *, reason: str) -> None:
        """Keep what could not be folded. `*.dead` holds the record as it was; the reason is on the log and counted."""
        self._dead_letters += 1
        self._metrics.count(DEAD_LETTERS, topic=INTAKE.name, why=reason)
        if self._dead_letters > DEAD_LETTERS_MAX:
            raise TooManyDeadLetters(f"more than {DEAD_LETTERS_MAX} facts could not be folded")
        await self._bus.publish(INTAKE_DEAD.name, 0, [Message(value, key=key or reason)])
