"""One partition's fold: both logs in, engines and steps out.

Facts wait in line until it is known which step came after them: a step says, by its `cause`, up to where its cell had
folded `intake`. An owner folds facts as they come, since the step after them is its own. So a restored engine has
folded the same facts before the same decisions as the one that lived through it.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from router.engine import ENGINE_VERSION, Engine
from router.ownership import Lineage, Ownership, Role
from router.succession import Standing
from schemas.decisions import Claim, Decision, DecisionRecord, FactRejected, Heartbeat, Step
from schemas.errors import Defect
from schemas.ids import CellId
from schemas.intake import FactEnvelope

POLICY_VERSION: Final = "walk-1"
NOTHING_FOLDED: Final = -1
NOTHING: Final[Mapping[str, Any]] = {"causes": {}, "cells": {}}
"""The image of a partition in which nothing has happened."""
OUTAGE_MIN: Final = timedelta(seconds=2)  # a gap that is shorter is the usual one between two records


class Partition:
    """The engines of one partition's cells, and their owner's place in the log."""

    engine_type: ClassVar[type[Engine]] = Engine
    """What decides for a cell; an exploration of the rules of ownership puts a smaller one in its place."""

    def __init__(self, name: str, *, lineage: Lineage | None = None, intake_next: int = 0) -> None:
        """`name` is unique to this object, over all processes; `intake_next` is where it will read `intake` from."""
        self.ownership = Ownership(name, lineage=lineage)
        self.engines: dict[CellId, Engine] = {}
        self._intake_next = intake_next
        self._causes: dict[CellId, int] = {}
        self._recorded: dict[CellId, int] = {}  # as `_causes`, and said so by a step
        self._line: dict[CellId, deque[tuple[int, FactEnvelope]]] = {}
        self._steps: deque[Step] = deque()
        self._leading = False
        self._taking_over = False
        self._last_sign: datetime | None = None  # when somebody was last known to decide
        self.standing = Standing()
        """How the owner appears, for who follows."""
        self.counted = -1
        """Offset of the newest record of `decisions` that counts."""
        self.spent = False
        """What is folded is no prefix of the log that counts: drop this object and restore another."""

    @property
    def owning(self) -> bool:
        """Tell whether this process may decide: its claim stands, and all that counts before it is folded."""
        return self._leading and self.ownership.role is Role.OWNING and not self.spent

    def claim(self, ordinal: int | None = None) -> Claim:
        """Return the claim to append to `decisions`; `ordinal` is the claiming router's.

        Raises `Defect` on an object that has left or is in doubt and still holds what it folded as the owner: its own
        records would count as another's, and be folded twice. Restore another.
        """
        if self.spent or (self._leading and self.ownership.role is Role.FOLLOWING):
            raise Defect("a partition that was given up is restored before it is claimed again")
        return self.ownership.claim({"engine": ENGINE_VERSION, "policy": POLICY_VERSION}, ordinal)

    @property
    def claiming(self) -> bool:
        """Tell whether a claim of this object is on its way."""
        return self.ownership.role is Role.CLAIMING

    @property
    def last_sign(self) -> datetime | None:
        """When an owner last said that it decides, by its own clock."""
        return self._last_sign

    @property
    def warm(self) -> bool:
        """Tell whether all that counts and was read is folded."""
        return not self._steps and not self.spent

    # ---- reading

    def fact(self, offset: int, envelope: FactEnvelope | None) -> list[FactRejected]:
        """Take the record at `offset` of `intake`, in order; None for one that no reader can read.

        Returns what could not be folded, for an owner to put aside; `decide` records it.
        """
        self._intake_next = offset + 1
        if envelope is None or offset <= self._causes.get(envelope.cell, NOTHING_FOLDED):
            return self._advance()
        if self.owning:  # then nothing stands in line
            rejection = self._fold(offset, envelope)
            return [] if rejection is None else [rejection]
        self._line.setdefault(envelope.cell, deque()).append((offset, envelope))
        return self._advance()

    def record(self, offset: int, record: DecisionRecord) -> list[FactRejected]:
        """Take the record at `offset` of `decisions`, in order; returns what `fact` does."""
        lineage = self.ownership.lineage
        before = (lineage.epoch, lineage.seq)
        counts = self.ownership.observe(offset, record)
        if before != (lineage.epoch, lineage.seq):
            self.counted = offset
            self._see(record)
        if counts and isinstance(record, Step):
            self._steps.append(record)
        return self._advance()

    def _see(self, record: DecisionRecord) -> None:
        """Note what a record that counts tells of its owner."""
        if isinstance(record, Claim):
            self.standing = Standing(owner=record.ordinal, claimed=True)
            return
        at = record.sent_at if isinstance(record, Heartbeat) else record.decided_at
        if at is not None:
            self._last_sign = max(at, self._last_sign or at)
        if isinstance(record, Heartbeat) and record.leaving:
            self.standing = replace(self.standing, left=True)

    def _advance(self) -> list[FactRejected]:
        """Fold as far as both logs allow: a step once every fact before it was read; the rest once we own."""
        if self._leading and self.ownership.role is Role.FOLLOWING:
            self.spent = True  # superseded or in doubt: decisions that do not count may be in the state
        while self._steps and self._steps[0].cause < self._intake_next and not self.spent:
            self._follow(self._steps.popleft())
        if self.spent:
            self._steps.clear()
            self._line.clear()
            return []
        if self.ownership.role is not Role.OWNING or self._steps:
            self._leading = False
            return []
        if not self._leading:
            self._leading = self._taking_over = True
        return self._fold_line()

    def _follow(self, step: Step) -> None:
        """Fold a step that another owner recorded, after the facts that it came after."""
        if step.cause < self._causes.get(step.cell, NOTHING_FOLDED):
            self.spent = True  # its owner did not know a fact that we have folded, since we once owned
            return
        skipped = {decision.offset for decision in step.decisions if isinstance(decision, FactRejected)}
        line = self._line.get(step.cell, deque())
        engine = self._engine(step.cell)
        while line and line[0][0] <= step.cause:
            offset, envelope = line.popleft()
            if offset not in skipped:
                engine.apply(envelope)
        self._causes[step.cell] = self._recorded[step.cell] = step.cause
        engine.apply(step)

    def _fold_line(self) -> list[FactRejected]:
        """Fold, as the owner, the facts that no step has spoken for yet."""
        rejected = []
        for cell in sorted(self._line):
            for offset, envelope in self._line[cell]:
                rejection = self._fold(offset, envelope)
                if rejection is not None:
                    rejected.append(rejection)
        self._line.clear()
        return rejected

    def _fold(self, offset: int, envelope: FactEnvelope) -> FactRejected | None:
        engine = self._engine(envelope.cell)
        self._causes[envelope.cell] = offset
        try:
            engine.apply(envelope)
        except Exception as error:  # noqa: BLE001  whatever it is, one bad fact must not stop the others
            return engine.reject(
                FactRejected(
                    offset=offset,
                    fact_id=envelope.id,
                    fact_type=envelope.type,
                    subject=envelope.subject,
                    reason=type(error).__name__,  # its words might quote the fact
                )
            )
        return None

    def _engine(self, cell: CellId) -> Engine:
        engine = self.engines.get(cell)
        if engine is None:
            engine = self.engines[cell] = self.engine_type(cell)
        return engine

    # ---- deciding

    def decide(self, now: datetime, *, undecided_for: timedelta | None = None) -> Iterator[Step]:
        """Yield the steps that follow at `now`, numbered, in order of cells; each is to be appended, in order.

        The caller has folded `intake` up to an end observed at `now` or later if `due(now)`. `undecided_for` tells how
        long nobody had decided when this owner took over, if the caller has listened meanwhile; else what the log says
        of the owner before is compared with `now`, though by another clock.
        """
        if self.owning:
            self._look_around(now, undecided_for)
        for cell in sorted(self.engines):
            engine = self.engines[cell]
            while self.owning and (decisions := engine.decide(now)):
                assert engine.state.decided_at is not None, "an engine that decided knows when"
                yield self._step(cell, engine.state.decided_at, decisions)

    def _look_around(self, now: datetime, undecided_for: timedelta | None) -> None:
        """Begin as the owner, if it is the first time: everything is judged, and lost time given back."""
        if self._taking_over:
            outage = now - (self._last_sign or now) if undecided_for is None else undecided_for
            for engine in self.engines.values():
                engine.take_over(outage if outage >= OUTAGE_MIN else timedelta(0))
            self._taking_over = False
        self._last_sign = max(now, self._last_sign or now)

    def heartbeat(self, now: datetime, *, leaving: bool = False) -> Heartbeat:
        """Return a record that shows that its owner is there, to be appended; with `leaving` the owner's last.

        Raises `Defect` unless `owning`.
        """
        epoch, seq = self.ownership.number()
        if leaving:
            self.ownership.doubt()
        return Heartbeat(epoch=epoch, seq=seq, sent_at=now, leaving=leaving)

    def close(self, now: datetime) -> Iterator[Step]:
        """Yield empty steps that say how far cells have folded `intake`, where no step has said it yet.

        For an owner whose `decide` has just yielded nothing, before a snapshot; each is to be appended, in order. A
        cell with something left to decide is left out: followers would fold a rejected fact that no step names.
        """
        for cell in sorted(self.engines):
            unsaid = self._causes.get(cell) != self._recorded.get(cell)
            if self.owning and unsaid and self.engines[cell].settled:
                step = self._step(cell, max(now, self.engines[cell].state.decided_at or now), ())
                self.engines[cell].apply(step)
                yield step

    def _step(self, cell: CellId, at: datetime, decisions: Sequence[Decision]) -> Step:
        epoch, seq = self.ownership.number()
        cause = self._causes.get(cell, NOTHING_FOLDED)
        self._recorded[cell] = cause
        return Step(epoch=epoch, seq=seq, cell=cell, cause=cause, decided_at=at, decisions=tuple(decisions))

    def next_deadline(self) -> datetime | None:
        """Return the nearest deadline of any cell."""
        deadlines = (engine.next_deadline() for engine in self.engines.values())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def due(self, now: datetime) -> bool:
        """Tell whether a timer has come, so that `intake` is to be folded up to its present end first."""
        return any(engine.due(now) for engine in self.engines.values())

    # ---- snapshots

    @property
    def closed(self) -> bool:
        """Tell whether valid steps, read back, speak for all that is folded: only then is the state a prefix.

        Facts that were folded since the last step may come to stand after a step of another owner, who claimed
        without knowing them.
        """
        return self.ownership.read_back and self._causes == self._recorded

    def image(self) -> dict[str, Any]:
        """Return the folded state of all cells; a snapshot only if `closed`, see `close`."""
        return {
            "signed": self._last_sign.isoformat() if self._last_sign is not None else None,
            "causes": dict(self._causes),
            "cells": {cell: engine.image() for cell, engine in self.engines.items()},
        }

    @classmethod
    def restore(cls, name: str, image: Mapping[str, Any], *, lineage: Lineage, intake_next: int) -> "Partition":
        """Rebuild a partition from its image, as of the last record that `lineage` names."""
        partition = cls(name, lineage=lineage, intake_next=intake_next)
        partition.engines = {CellId(cell): cls.engine_type.restore(state) for cell, state in image["cells"].items()}
        partition._causes = {CellId(cell): cause for cell, cause in image["causes"].items()}
        partition._recorded = dict(partition._causes)
        signed = image.get("signed")
        partition._last_sign = datetime.fromisoformat(signed) if signed is not None else None
        return partition
