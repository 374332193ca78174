"""The routing process: both logs in, steps out, one owner a partition.

One loop serves all partitions: fetch, fold, decide, publish. What was decided is appended before anything else is
folded, so that a batch of facts costs one append. Partitions that another router owns are followed, so that this one is
warm when its turn comes. The engine is pure; whatever goes wrong out here ends in one of three ways: a poison fact is
rejected on the log and its caller sent to a person; a bus that does not answer leaves this process in doubt, so that it
forgets the partition, restores and claims again; too many facts in a row that cannot be folded stop it.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from router.partition import Partition
from router.succession import HEARTBEAT_S
from schemas.decisions import Claim, DecisionRecord, FactRejected, Heartbeat, Step
from schemas.errors import BusUnavailable, MalformedInput, OffsetGone, UnknownType
from schemas.intake import FactEnvelope
from schemas.topics import DECISIONS, INTAKE
from services.routing import snapshots
from services.routing.dead_facts import DeadFacts
from services.routing.held_partition import HeldPartition, restore
from services.routing.messages import message
from services.runtime.bus import Bus, Place, Reader, Record
from services.runtime.clock import Clock
from services.runtime.codec import decode_fact
from services.runtime.decisions_reader import read
from services.runtime.limits import Limits
from services.runtime.telemetry import DECISIONS_MADE, OWNED, ROUTING_SKIPPED, STEP_SECONDS, Metrics, get_logger

IDLE_WAIT_S: Final = 1.0
BARRIER_WAIT_S: Final = 0.05
RETRY_S: Final = 0.5
SNAPSHOT_EVERY: Final = 2_000  # records of `decisions` a partition
SNAPSHOT_AFTER: Final = timedelta(days=1)  # if there was less: far within the time for which logs are kept
CLAIM_AGAIN_AFTER: Final = timedelta(hours=1)
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Post:
    """Which of how many routers this is. One that is alone on its bus has nobody to show that it is there."""

    ordinal: int = 0
    count: int = 1
    alone: bool = True


class RoutingWorker:
    """Decides for the partitions that this process owns, and follows the others."""

    def __init__(
        self,
        bus: Bus,
        *,
        clock: Clock,
        metrics: Metrics,
        name: str,
        post: Post | None = None,
        limits: Limits | None = None,
    ) -> None:
        """`name` is unique to this process and its incarnation."""
        self._bus = bus
        self._clock = clock
        self._metrics = metrics
        self._name = name
        self._post = post or Post()
        self._held: dict[int, HeldPartition] = {}
        self._dead = DeadFacts(bus, metrics, run_max=(limits or Limits()).dead_letters_run_max)
        self._restored = 0
        self._leaving = False
        self._left = asyncio.Event()

    def partitions(self) -> Mapping[int, Partition]:
        """Return the partitions that are followed or owned; to look at."""
        return {number: held.partition for number, held in self._held.items()}

    def not_ready(self) -> str | None:
        """Return why this router is of no use yet, or None when it owns its partitions and is warm for the others."""
        if len(self._held) < self._bus.partitions:
            return "still reading the log"
        cold = any(not held.partition.owning and (self._post.alone or not held.warm) for held in self._held.values())
        return "not every partition is owned or followed" if cold else None

    async def run(self) -> None:
        """Decide until cancelled; a bus that does not answer is waited for. Raises `TooManyDeadFacts`."""
        for number in range(self._bus.partitions):
            self._metrics.set(OWNED, 0.0, partition=str(number))
        sending = asyncio.create_task(self._dead.keep_sending())
        try:
            while True:
                try:
                    async with self._bus.read({}) as reader:
                        self._held.clear()
                        await self._serve(reader)
                except BusUnavailable:  # before there was a reader
                    await asyncio.sleep(RETRY_S)
        finally:
            sending.cancel()

    async def _serve(self, reader: Reader) -> None:
        while True:
            try:
                await self._restore_lost(reader)
                await self._turn(reader)
            except OffsetGone:
                log.warning("routing.offset_gone", process=self._name)  # away for longer than the log is kept
                await self._give_up_cut()
                await asyncio.sleep(RETRY_S)
            except BusUnavailable:
                log.warning("routing.bus_unavailable", process=self._name)
                for held in self._held.values():
                    held.signed_at = self._clock.monotonic()  # that nobody was heard says nothing of the owner
                await asyncio.sleep(RETRY_S)

    async def _give_up_cut(self) -> None:
        """Give up the partitions whose next records are gone; the others stay as they are."""
        for held in self._held.values():
            for place, offset in held.places():
                if offset < (await self._bus.bounds(place)).first:
                    held.lost, held.claims_again = True, held.partition.owning

    async def leave(self) -> None:
        """Hand the partitions over: stop deciding, and say so on the log. Nothing to do for one that is alone."""
        if not self._post.alone:
            self._leaving = True
            await self._left.wait()

    async def save_snapshots(self) -> None:
        """After the end of `run`: write a snapshot of each partition that went on since its last, for a quick start.

        Not after `leave`: whoever took over writes the next.
        """
        with suppress(BusUnavailable):
            await self._dead.send()
        for held in () if self._leaving else self._held.values():
            await self._read_back(held)
            if held.partition.owning and not held.partition.closed:
                await self._close(held, self._clock.now())
                await self._read_back(held)
            if held.partition.closed and held.decisions_next > held.snapshot_at:
                await self._snapshot(held)

    async def _read_back(self, held: HeldPartition) -> None:
        place = Place(DECISIONS.name, held.number)
        end = (await self._bus.bounds(place)).end
        async with self._bus.read({place: held.decisions_next}) as reader:
            while held.decisions_next < end:
                self._take(await reader.fetch())

    # ---- one turn

    async def _turn(self, reader: Reader) -> None:
        self._take(await reader.fetch(wait_s=self._wait_s()))
        started, now = self._clock.monotonic(), self._clock.now()
        if await self._decide(reader, now):
            self._metrics.observe(STEP_SECONDS, self._clock.monotonic() - started)
        if self._leaving:
            await self._say_farewell(now)
            return
        for held in self._owned():
            await self._hold(held, now)
        await self._stand_by()

    async def _decide(self, reader: Reader, now: datetime) -> bool:
        """Decide for every partition that is owned; their steps are on their way to the log side by side."""
        await self._barrier(reader, now)
        made = [(held, steps) for held in self._owned() if (steps := self._steps(held, now))]
        if len(made) == 1:
            await self._append_all(*made[0])
        elif made:
            await asyncio.gather(*(self._append_all(held, steps) for held, steps in made))
        types = Counter(decision.type for _, steps in made for step in steps for decision in step.decisions)
        for kind, count in types.items():
            self._metrics.count(DECISIONS_MADE, count, type=kind)
        return bool(made)

    def _owned(self) -> list[HeldPartition]:
        return [held for held in self._held.values() if held.partition.owning and not held.lost]

    def _steps(self, held: HeldPartition, now: datetime) -> list[Step]:
        undecided_for = timedelta(seconds=self._silent_s(held.silent_since))
        return list(held.partition.decide(now, undecided_for=undecided_for))

    async def _hold(self, held: HeldPartition, now: datetime) -> None:
        """Do what an owner does beside deciding: keep house, and show that it is there."""
        await self._keep_house(held, now)
        if not self._post.alone and held.partition.owning and self._silent_s(held.appended_at) >= HEARTBEAT_S:
            await self._append_all(held, [held.partition.heartbeat(now)])

    async def _say_farewell(self, now: datetime) -> None:
        """Leave every partition, side by side: nobody decides until the next owner's claim is read."""
        farewells = [(held, held.partition.heartbeat(now, leaving=True)) for held in self._owned()]
        await asyncio.gather(*(self._append_all(held, [farewell]) for held, farewell in farewells))
        self._left.set()

    async def _stand_by(self) -> None:
        """Claim, side by side for the same reason, what the present owners have had their time for."""
        due = [held for held in self._held.values() if self._may_claim(held)]
        for failure in await asyncio.gather(*map(self._claim_quiet, due), return_exceptions=True) if due else ():
            if failure is not None:
                raise failure

    def _may_claim(self, held: HeldPartition) -> bool:
        if held.lost or held.partition.owning or held.partition.claiming or not held.warm:
            return False
        patience_s = held.patience_s(self._post.ordinal, self._post.count)
        return self._post.alone or self._silent_s(held.signed_at) >= patience_s

    async def _claim_quiet(self, held: HeldPartition) -> None:
        # A log that goes on, or does not answer, is no silence of its owner's.
        if (await self._bus.bounds(Place(DECISIONS.name, held.number))).end <= held.decisions_next:
            await self._claim(held)

    def _silent_s(self, since: float) -> float:
        return self._clock.monotonic() - since

    def _wait_s(self) -> float:
        """Return how long nothing but a new record gives this process anything to do."""
        now = self._clock.now()
        waits = [IDLE_WAIT_S]
        for held in self._held.values():
            if held.partition.owning:
                deadline = held.partition.next_deadline()
                waits += [(deadline - now).total_seconds()] if deadline is not None else []
                waits += [] if self._post.alone else [HEARTBEAT_S - self._silent_s(held.appended_at)]
            elif held.warm and not held.partition.claiming and not self._leaving:
                waits.append(held.patience_s(self._post.ordinal, self._post.count) - self._silent_s(held.signed_at))
        return max(min(waits), 0.0)

    async def _barrier(self, reader: Reader, now: datetime) -> None:
        """Before a deadline is judged, fold whatever is on `intake` by now: an answer that is there always wins.

        What is folded for one partition may belong to another, and make something due there.
        """
        passed: set[int] = set()
        while due := [held for held in self._owned() if held.number not in passed and held.partition.due(now)]:
            for held in due:
                end = (await self._bus.bounds(Place(INTAKE.name, held.number))).end
                while held.intake_next < end:
                    self._take(await reader.fetch(wait_s=BARRIER_WAIT_S))
                passed.add(held.number)

    async def _append_all(self, held: HeldPartition, records: Sequence[Step | Heartbeat]) -> bool:
        """Append what the owner made; after an unclear outcome it is in doubt and returns False."""
        try:
            await self._append(held, records)
        except BusUnavailable:
            self._doubt(held)
            return False
        return True

    async def _append(self, held: HeldPartition, records: Sequence[DecisionRecord]) -> None:
        if not records:
            return
        now = self._clock.now()
        messages = [message(record, partition=held.number, process=self._name, now=now) for record in records]
        offsets = await self._bus.publish(DECISIONS.name, held.number, messages)
        held.appended_at = self._clock.monotonic()
        for offset, record in zip(offsets, records, strict=True):
            held.own[offset] = record

    # ---- reading

    def _take(self, records: Sequence[Record]) -> None:
        """Fold records. Nothing in here waits, so that a batch is folded whole."""
        for record in records:
            held = self._held[record.place.partition]
            if record.place.topic == INTAKE.name:
                if record.offset >= held.intake_next:
                    held.intake_next = record.offset + 1
                    self._take_fact(held, record)
            elif record.offset >= held.decisions_next:
                held.decisions_next = record.offset + 1
                self._take_decision(held, record)

    def _take_fact(self, held: HeldPartition, record: Record) -> None:
        envelope: FactEnvelope | None = None
        try:
            envelope = decode_fact(record.value)
        except UnknownType:
            self._metrics.count(ROUTING_SKIPPED, topic=INTAKE.name, why="unknown_type")
        except MalformedInput:
            held.unreadable.append(record.offset)
        rejections = held.partition.fact(record.offset, envelope)
        if rejections or held.unreadable:
            self._bury(held, rejections)
        if envelope is not None and not rejections:
            self._dead.good()

    def _take_decision(self, held: HeldPartition, record: Record) -> None:
        data = held.own.pop(record.offset, None) or read(record)
        if data is None:
            self._metrics.count(ROUTING_SKIPPED, topic=DECISIONS.name, why="unreadable")
            return
        was_owning = held.partition.owning
        if isinstance(data, Step):  # its owner has put aside what nobody could read up to there
            held.unreadable = [offset for offset in held.unreadable if offset > data.cause]
        self._bury(held, held.partition.record(record.offset, data))
        if held.partition.counted == record.offset:
            held.signed_at = self._clock.monotonic() - self._age_s(held)
        if held.partition.spent:
            # Decisions that did not count may be in the state. Superseded, another decides; else this one claims anew.
            held.lost = True
            held.claims_again = not (was_owning and isinstance(data, Claim))
        if held.partition.owning != was_owning:
            self._tell(held)

    def _tell(self, held: HeldPartition) -> None:
        owning = held.partition.owning
        self._metrics.set(OWNED, float(owning), partition=str(held.number))
        epoch = held.partition.ownership.lineage.epoch
        log.info("routing.ownership", partition=held.number, epoch=epoch, state="owned" if owning else "lost")

    def _age_s(self, held: HeldPartition) -> float:
        """Return how old the owner's last sign is: of an old log by its clock; what comes as we listen is new."""
        sign = held.partition.last_sign
        if held.warm or sign is None:
            return 0.0
        return max((self._clock.now() - sign).total_seconds(), 0.0)

    def _bury(self, held: HeldPartition, rejections: Sequence[FactRejected]) -> None:
        """Put aside what could not be folded; the owner does, for all."""
        place = Place(INTAKE.name, held.number)
        for rejection in rejections:
            self._dead.rejected(rejection, place)
        if held.partition.owning:
            for offset in held.unreadable:
                self._dead.unreadable(place, offset)
            held.unreadable.clear()

    # ---- ownership

    async def _restore_lost(self, reader: Reader) -> None:
        """Take up what is not held, or not to be trusted, from its newest snapshot."""
        for number in range(self._bus.partitions):
            before = self._held.get(number)
            if before is not None and (self._leaving or not before.lost):
                continue
            self._restored += 1
            held = await restore(self._bus, number, name=f"{self._name}.{self._restored}", clock=self._clock)
            held.claims_again = self._post.alone or (before is not None and before.claims_again)
            self._held[number] = held
            for place, offset in held.places():
                reader.add(place, offset)

    async def _claim(self, held: HeldPartition) -> None:
        held.claimed_at = self._clock.now()
        held.silent_since = held.signed_at
        held.claims_again = False
        try:
            await self._append(held, [held.partition.claim(self._post.ordinal)])
        except BusUnavailable:
            self._doubt(held)
            raise

    def _doubt(self, held: HeldPartition) -> None:
        log.warning("routing.in_doubt", partition=held.number)
        self._metrics.set(OWNED, 0.0, partition=str(held.number))
        held.partition.ownership.doubt()
        held.lost = True
        held.claims_again = not self._leaving

    async def _keep_house(self, held: HeldPartition, now: datetime) -> None:
        """Write a snapshot or claim anew when it is time, at a moment when the log speaks for all that is folded."""
        fresh = held.decisions_next - held.snapshot_at
        wants_snapshot = fresh >= SNAPSHOT_EVERY or (fresh > 0 and now - held.snapshot_time > SNAPSHOT_AFTER)
        wants_claim = now - held.claimed_at > CLAIM_AGAIN_AFTER
        if not (wants_snapshot or wants_claim) or not held.partition.ownership.read_back:
            return
        if not held.partition.closed:
            await self._close(held, now)  # read back in the next turn
        elif wants_snapshot:
            await self._snapshot(held)
        else:
            await self._claim(held)

    async def _close(self, held: HeldPartition, now: datetime) -> None:
        await self._append_all(held, list(held.partition.close(now)))

    async def _snapshot(self, held: HeldPartition) -> None:
        lineage = held.partition.ownership.lineage
        snapshot = snapshots.Snapshot(
            lineage.epoch, lineage.seq, held.intake_next, held.decisions_next, held.partition.image()
        )
        await snapshots.save(self._bus, held.number, snapshot, slot=held.slot, at=self._clock.now())
        held.slot = (held.slot + 1) % snapshots.KEPT
        held.snapshot_at = held.decisions_next
        held.snapshot_time = self._clock.now()
