"""What must hold: of every log that can come about, of every state, and at the end of every undisturbed run.

A `History` is one possible content of `decisions`, with what a reader from the beginning makes of it. It is checked
when it first comes about, record by record:

1. No record of a superseded owner is seen: whoever wrote a record that counts wrote the last claim before it. (Who
   wrote a record, and by which of its claims, is noted beside the log; no reader knows it.)
2. No fact is decided twice, and none skipped: a step that counts leaves no fact up to its `cause` undecided.
3. A timer fires once, and not after its answer; an answer after it is told so.
4. What is given back of deadlines after an outage is, cell by cell, never more than the time in which nobody decided:
   from the last sign of one owner to the first of the next.
5. Readers agree: one that starts at any place knows there what the reader from the beginning knows. From equal
   knowledge the same records give the same verdicts, so that all hand on the same sequence.

`scenario.judge` holds the second and third, since they depend on the facts.
"""

from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

from schemas.decisions import Claim, DeadlinesExtended, DecisionRecord, Heartbeat, Step
from schemas.ids import CellId, EventId, derived_id
from services.runtime.bus import Bounds, Place, Record
from services.runtime.codec import DecisionEnvelope, encode
from services.runtime.decisions_reader import lineage_before, place
from tests.exploration.tiny import START


class Broken(AssertionError):
    """A promise of routing does not hold."""


def require(holds: object, promise: str) -> None:
    if not holds:
        raise Broken(promise)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of `decisions`; and who wrote it, by which of its claims, which no reader knows."""

    record: DecisionRecord
    writer: int
    token: str

    @property
    def key(self) -> tuple[int, str, str]:
        return self.writer, self.token, self.record.model_dump_json()


def said(record: DecisionRecord) -> str:
    """Return a record in a few words."""
    if isinstance(record, Claim):
        return "a claim"
    if isinstance(record, Heartbeat):
        return f"{record.epoch}/{record.seq} {'leaving' if record.leaving else 'heartbeat'}"
    decisions = ", ".join(_said(decision) for decision in record.decisions)
    return f"{record.epoch}/{record.seq} {record.cell} cause {record.cause}: {decisions or 'nothing'}"


def _said(decision: object) -> str:
    names = ("tenant", "fact_type", "reservation_id", "item_id", "contact_id", "agent_id")
    of = next((str(getattr(decision, name)) for name in names if getattr(decision, name, None)), "")
    return f"{getattr(decision, 'type', '?')} {of}".strip()


@dataclass(frozen=True, slots=True)
class Signs:
    """When owners were known to decide, and what was given back of the time when nobody was."""

    newest: datetime = START
    claimed: bool = False  # the newest owner has given no sign yet
    nobody_for: timedelta = timedelta(0)
    given_back: Mapping[CellId, timedelta] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class History:
    """One content of `decisions`, and what a reader from its beginning has seen of it."""

    entries: tuple[int, ...] = ()
    epoch: int = -1
    seq: int = 0
    claimant: tuple[int, str] | None = None
    settled: tuple[str, ...] = ()
    seen: int = 0
    signs: Signs = Signs()


def extended(history: History, number: int, entry: Entry, rules, scenario) -> History:
    """Return the history after one more record, checked. Raises `Broken`."""
    offset = len(history.entries)
    lineage = rules.lineage(history.epoch, history.seq)
    counts = lineage.admit(offset, entry.record)
    claimant, settled, signs = history.claimant, history.settled, history.signs
    if isinstance(entry.record, Claim):
        claimant, signs = (entry.writer, entry.token), replace(signs, claimed=True)
    elif counts:
        require(claimant == (entry.writer, entry.token), "a record of a superseded owner is seen")
        if isinstance(entry.record, Step):
            settled = scenario.judge(entry.record, settled)
        signs = _given_back(entry.record, _sign(entry.record, signs))
    entries = (*history.entries, number)
    return History(entries, lineage.epoch, lineage.seq, claimant, settled, history.seen + counts, signs)


def _sign(record: Heartbeat | Step, signs: Signs) -> Signs:
    at = record.sent_at if isinstance(record, Heartbeat) else record.decided_at
    if at is None:
        return signs
    alone = max(at - signs.newest, timedelta(0)) if signs.claimed else timedelta(0)
    return replace(signs, newest=max(at, signs.newest), claimed=False, nobody_for=signs.nobody_for + alone)


def _given_back(record: Heartbeat | Step, signs: Signs) -> Signs:
    decisions = record.decisions if isinstance(record, Step) else ()
    back_s = sum(decision.by_s for decision in decisions if isinstance(decision, DeadlinesExtended))
    if not isinstance(record, Step) or not back_s:
        return signs
    given = signs.given_back.get(record.cell, timedelta(0)) + timedelta(seconds=back_s)
    require(given <= signs.nobody_for, "more time is given back than nobody decided")
    return replace(signs, given_back={**signs.given_back, record.cell: given})


def check_reader_from_here(records: tuple[DecisionRecord, ...], history: History) -> None:
    """A reader that starts after these records knows what one knows that has read them all."""
    lineage = run(lineage_before(OneLog(records), 0, len(records)))  # type: ignore[arg-type]
    known = (history.epoch, history.seq)
    require((lineage.epoch, lineage.seq) == known, "a reader that starts in the middle sees another sequence")


def run(coroutine):
    """Run a coroutine that never really waits, without the cost of a loop."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    raise AssertionError("it waited")


@lru_cache(maxsize=100_000)
def _encoded(text: str, kind: type) -> bytes:
    envelope = DecisionEnvelope.around(
        kind.model_validate_json(text), id=EventId(derived_id(text)), source="/test", subject="x", time=START,
        cell=CellId("x"),
    )  # fmt: skip
    return encode(envelope)


class OneLog:
    """A bus with one partition of `decisions` that does not change: enough for `lineage_before`."""

    def __init__(self, records: tuple[DecisionRecord, ...]) -> None:
        self._records = records

    async def bounds(self, _: Place) -> Bounds:
        return Bounds(0, len(self._records))

    @asynccontextmanager
    async def read(self, starts: Mapping[Place, int]):
        self._next = starts[place(0)]
        yield self

    async def fetch(self, **_: object) -> list[Record]:
        records = [
            Record(place(0), offset, _encoded(self._records[offset].model_dump_json(), type(self._records[offset])))
            for offset in range(self._next, len(self._records))
        ]
        self._next = len(self._records)
        return records
