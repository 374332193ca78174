"""A cell's engine that is small enough to try every interleaving: each fact is decided once, and there is one timer.

`opens` starts a timer, which `answers` stops; `poison` cannot be folded. What a fact leads to is one `ConfigAdopted`
with the fact's name for a tenant (version 1 if the timer was quicker), a `FactRejected` for poison; what the timer
leads to is one `ContactDiverted`.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from router.partition import Partition
from schemas.contacts import CallerLegEnded
from schemas.decisions import ConfigAdopted, ContactDiverted, DeadlinesExtended, FactRejected, Step
from schemas.ids import CellId, fact_id
from schemas.intake import FactEnvelope
from schemas.routing import CallEndCause

START = datetime(2030, 1, 7, 9, 2, tzinfo=UTC)
PATIENCE = timedelta(seconds=1)


def fact(name: str, cell: str = "x") -> FactEnvelope:
    """Return a fact of that name; the rest of it says nothing."""
    data = CallerLegEnded(contact_id=name, cause=CallEndCause.COMPLETED)
    return FactEnvelope.around(data, id=fact_id(name), source="/test", subject=name, time=START, cell=cell)


@dataclass
class TinyEngine:
    """One cell."""

    cell: CellId
    decided_at: datetime | None = None
    folded: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    deadline: datetime | None = None
    lapsed: bool = False
    extension: timedelta = timedelta(0)
    rejected: list[FactRejected] = field(default_factory=list)

    @property
    def state(self):
        return self

    def apply(self, event):
        if isinstance(event, Step):
            self._apply_step(event)
        elif event.subject == "poison":
            raise ValueError("poison")
        elif event.subject not in self.folded:
            self.folded += (event.subject,)
            self.open += (event.subject,)
            if event.subject == "opens":
                self.deadline = START + PATIENCE
            elif event.subject == "answers":
                self.deadline = None

    def _apply_step(self, step):
        for decision in step.decisions:
            self._fold(decision)
        self.decided_at = step.decided_at

    def _fold(self, decision):
        if isinstance(decision, ConfigAdopted):
            assert decision.tenant in self.open, "what was decided was folded before, and not decided yet"
            self.open = tuple(name for name in self.open if name != decision.tenant)
        elif isinstance(decision, ContactDiverted):
            self.deadline, self.lapsed = None, True
        elif isinstance(decision, DeadlinesExtended):
            self.deadline += timedelta(seconds=decision.by_s)

    def reject(self, rejection):
        self.rejected.append(rejection)
        return rejection

    def take_over(self, undecided_for):
        self.extension = undecided_for

    def next_deadline(self):
        return self.deadline

    def due(self, now):
        return self.deadline is not None and self.deadline <= now

    def decide(self, now):
        now = max(now, self.decided_at or now)
        decisions = []
        if self.extension and self.deadline is not None:
            decisions.append(DeadlinesExtended(by_s=self.extension.total_seconds()))
        self.extension = timedelta(0)
        decisions += self.rejected
        self.rejected = []
        decisions += [ConfigAdopted(tenant=name, version=int(name == "answers" and self.lapsed)) for name in self.open]
        for decision in decisions:
            self._fold(decision)
        if self.deadline is not None and self.deadline <= now:
            decisions.append(ContactDiverted(contact_id="opens", reason="dialog_lost"))
            self._fold(decisions[-1])
        if decisions:
            self.decided_at = now
        return decisions

    def image(self):
        assert not self.rejected
        deadline = self.deadline and (self.deadline - START).total_seconds()
        decided = self.decided_at and (self.decided_at - START).total_seconds()
        return {"cell": self.cell, "folded": self.folded, "open": self.open, "deadline": deadline, "decided": decided,
                "lapsed": self.lapsed}  # fmt: skip

    @classmethod
    def restore(cls, image):
        decided, deadline = image["decided"], image["deadline"]
        return cls(
            CellId(image["cell"]),
            decided_at=None if decided is None else START + timedelta(seconds=decided),
            folded=tuple(image["folded"]),
            open=tuple(image["open"]),
            deadline=None if deadline is None else START + timedelta(seconds=deadline),
            lapsed=image["lapsed"],
        )


class TinyPartition(Partition):
    """The real partition, around tiny engines."""

    engine_type = TinyEngine
