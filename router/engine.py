"""The engine of one cell: folds facts, makes decisions.

`apply(event)` folds a fact from `intake`, or a step that was recorded on `decisions`. `decide(now)` returns what
follows from the state, and has folded it: the caller records the result as one step, or drops the engine. A `decide`
that returns nothing has changed nothing. `next_deadline()` tells when to decide next even if no fact comes.

How a decision comes about: facts move contacts, answers and presence (`facts`). Whatever a fact touched is judged until
nothing more follows (`judge_contact`, `judge_agent`): the judgement looks at states only, never at which fact came, so
judging twice gives nothing twice. Then timers that are due are judged, then whoever waits is matched with whoever is
free. The caller makes sure, before a timer is due, that every fact appended until then has been folded (DESIGN 3.1).

The order of everything that can reach a decision is the order of the log, of time, or of ids; two engines that fold the
same records decide the same.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from router import effects, eligibility, expiry, facts, judgement, matching, recovery
from router.entities import AgentRecord
from router.policies.frontdoor import Frontdoor
from router.policy import Policy
from router.state import CellState
from schemas import decisions as made
from schemas.errors import Defect
from schemas.ids import CellId, ContactId, TenantId
from schemas.intake import ConfigApplied, FactEnvelope

NameT = TypeVar("NameT", bound=str)

ENGINE_VERSION: Final = "2"
POLICY: Final[Policy] = Frontdoor()
STEP_BYTES_MAX: Final = 450_000  # of one step's record, estimated; half of what a record may have
DECISION_BYTES: Final = 700  # without what differs in length; a step is far from DECISIONS_PER_STEP_MAX by this
ENTRY_BYTES: Final = 200  # a candidate, an extended deadline


class Engine:
    """One cell, and the policy by which it matches."""

    def __init__(self, cell: CellId, policy: Policy = POLICY) -> None:
        self._state = CellState(cell, policy)
        self._rejected: list[made.FactRejected] = []
        self._unadopted: list[TenantId] = []
        self._undecided_for = timedelta(0)
        self._extensions: list[made.DeadlinesExtended] = []
        self._room = 0  # bytes that the present step may still grow by

    @property
    def cell(self) -> CellId:
        """Which cell it decides for."""
        return self._state.cell

    @property
    def state(self) -> CellState:
        """What it knows; to look at, never to change."""
        return self._state

    # ---- folding

    def apply(self, event: FactEnvelope | made.Step) -> None:
        """Fold a fact, or a recorded step of this cell after the facts up to its cause.

        Raises a `Defect` for a fact that cannot be folded; then nothing has changed, and `reject` is to follow.
        """
        if isinstance(event, made.Step):
            self._apply_step(event)
        elif facts.fold(self._state, event) and isinstance(event.data, ConfigApplied):
            self._unadopted.append(event.data.tenant)

    def _apply_step(self, step: made.Step) -> None:
        for decision in step.decisions:
            self._fold(decision, step.decided_at)
        self._state.decided_at = step.decided_at
        # Its owner had judged everything that was touched before it.
        self._state.touched_contacts.clear()
        self._state.touched_agents.clear()
        self._state.lines.settle()
        self._unadopted.clear()

    def reject(self, rejection: made.FactRejected) -> made.FactRejected:
        """Note a fact that could not be folded; the next `decide` records it and sends its contact to a person."""
        self._rejected.append(rejection)
        return rejection

    def take_over(self, undecided_for: timedelta) -> None:
        """Become the owner's: look at every entity in the next `decide`, and give back the time that was lost.

        `undecided_for`: how long nobody could decide; zero if somebody could.
        """
        state = self._state
        state.touched_contacts.update(dict.fromkeys(sorted(state.contacts)))
        state.touched_agents.update(dict.fromkeys(sorted(state.agents)))
        state.lines.unsettle()
        self._undecided_for = undecided_for

    # ---- deciding

    def next_deadline(self) -> datetime | None:
        """Return when to call `decide` at the latest; it may find that nothing is due yet."""
        state = self._state
        unfinished = state.touched_contacts or state.touched_agents or not state.lines.settled
        return state.decided_at if unfinished and state.decided_at else state.next_timer()

    def due(self, now: datetime) -> bool:
        """Tell whether `decide(now)` may judge a timer, so that every fact appended until then has to be folded."""
        timer = self._state.next_timer()
        return timer is not None and timer <= max(now, self._state.decided_at or now)

    def decide(self, now: datetime) -> list[made.Decision]:
        """Return what follows from the state at `now`, already folded. `now` never runs backwards.

        About `STEP_BYTES_MAX` at most, so that the step fits a record; the next call then goes on at once.
        """
        state = self._state
        now = max(now, state.decided_at) if state.decided_at else now
        decisions: list[made.Decision] = []
        self._room = STEP_BYTES_MAX
        while self._room > 0:
            judged = self._next_judgement(now)
            if judged is None:
                break
            decisions += self._drawn(judged, now)
        if decisions:
            state.decided_at = now
        return decisions

    def _drawn(self, judged: "_Judged", now: datetime) -> list[made.Decision]:
        """Fold decisions one by one as they are drawn. A contact that cannot be judged is reset; others go on."""
        decisions: list[made.Decision] = []
        try:
            for decision in judged.decisions:
                self._fold(decision, now)
                decisions.append(decision)
        except Exception as error:
            if judged.contact is None or judged.contact not in self._state.contacts:
                raise
            for decision in recovery.reset(self._state, judged.contact, error):
                self._fold(decision, now)
                decisions.append(decision)
        return decisions

    def _next_judgement(self, now: datetime) -> "_Judged | None":
        """Return the next thing to judge; its decisions are folded one by one as they are drawn."""
        state = self._state
        if self._undecided_for:
            by, self._undecided_for = self._undecided_for, timedelta(0)
            self._extensions = expiry.extensions(state, by, now)
        if self._extensions:
            return _Judged(iter([self._extensions.pop(0)]))
        if self._rejected:
            rejected = self._rejected.pop(0)
            return _Judged(self._rejection(rejected), ContactId(rejected.subject))
        if self._unadopted:
            return _Judged(self._adoption(self._unadopted.pop(0)))
        if state.touched_contacts:
            contact = _first(state.touched_contacts)
            return _Judged(judgement.judge_contact(state, contact, now), contact)
        if state.touched_agents:
            return _Judged(judgement.judge_agent(state, _first(state.touched_agents)))
        due = state.pop_due(now)
        if due is not None:
            return _Judged(expiry.expire(state, *due, now), expiry.contact_of(state, *due))
        match = matching.next_match(state, now)
        return _Judged(iter([judgement.of_match(state, match, now)])) if match is not None else None

    def _fold(self, decision: made.Decision, at: datetime) -> None:
        effects.fold(self._state, decision, at)
        self._room -= _bytes_of(decision)

    def _rejection(self, rejection: made.FactRejected) -> Iterator[made.Decision]:
        yield rejection
        yield from judgement.divert(self._state, rejection.subject)

    def _adoption(self, tenant: TenantId) -> Iterator[made.Decision]:
        yield made.ConfigAdopted(tenant=tenant, version=self._state.tenants[tenant].version)

    @property
    def settled(self) -> bool:
        """Tell whether all that was folded is judged, so that a record may say so without deciding."""
        state = self._state
        unfinished = self._undecided_for or self._extensions or self._rejected or self._unadopted
        return not (unfinished or state.touched_contacts or state.touched_agents) and state.lines.settled

    # ---- snapshots

    def image(self) -> dict[str, Any]:
        """Return the folded state as JSON data; only between steps."""
        if self._rejected:
            raise Defect("a snapshot between a rejection and its step")
        return self._state.image()

    @classmethod
    def restore(cls, image: dict[str, Any], *, policy: Policy = POLICY) -> "Engine":
        """Rebuild an engine from its image; nothing is decided again."""
        state = CellState.of_image(image, policy=policy, is_free=_is_free)
        state.touched_contacts.clear()
        state.touched_agents.clear()
        state.lines.settle()
        engine = cls(state.cell, policy)
        engine._state = state
        return engine


def _bytes_of(decision: made.Decision) -> int:
    """Return about how long a decision is on the log; rather too much."""
    if isinstance(decision, made.AgentReserved):
        sealed = decision.sealed
        private = len(sealed.key) + len(sealed.box) if sealed is not None else 0
        return DECISION_BYTES + ENTRY_BYTES * len(decision.candidates) + private
    if isinstance(decision, made.DeadlinesExtended):
        return DECISION_BYTES + ENTRY_BYTES * len(decision.reservations)
    return DECISION_BYTES


class _Judged(NamedTuple):
    decisions: Iterator[made.Decision]
    contact: ContactId | None = None  # whose trouble it is if drawing them fails


def _first(names: dict[NameT, None]) -> NameT:
    name = next(iter(names))
    del names[name]
    return name


def _is_free(agent: AgentRecord) -> bool:
    return eligibility.standing(agent) is None
