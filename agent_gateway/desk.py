"""What each agent has before them, folded from decisions.

A desk is a frozen value: status, the offer that waits for an answer, the call in hand. Each decision about an agent
changes the desk and says so in exactly one frame, whose `seq` is the decision's position in the log; so what a desktop
has seen is one number. A decision about many agents at once (deadlines moved) is one such change for each of them. One
that finds nothing to change (a requeue after the lapse that caused it) says nothing. The recent changes of each agent
are kept, so that a desktop that was away can be told what it missed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from schemas.decisions import (
    AgentChanged,
    AgentReserved,
    ContactReset,
    DeadlinesExtended,
    Decision,
    ExtendedDeadline,
    ItemCompleted,
    ItemConnected,
    ItemConnecting,
    ItemRequeued,
    ItemWrapping,
    ReleasedWork,
    ReservationCanceled,
    ReservationLapsed,
    ReservationRescinded,
    Step,
    UrgencyChanged,
    position,
)
from schemas.envelope import Sealed
from schemas.gateway_frames import (
    CallUpdated,
    CallView,
    OfferFrame,
    OfferView,
    OfferWithdrawn,
    StatusChanged,
    StatusView,
)
from schemas.ids import AgentId, ItemId, ReservationId, SessionId, TenantId
from schemas.routing import AgentState, AgentStatus, RequeueReason

DecisionFrame = OfferFrame | OfferWithdrawn | CallUpdated | StatusChanged
WithdrawnReason = Literal["rejected", "lapsed", "rescinded", "caller_hung_up"]

NOT_SEEN: Final = StatusView(status=AgentStatus.OFFLINE, version=0, state=AgentState.UNREACHABLE)
"""The status of an agent about whom nothing was decided yet."""

_WITHDRAWN: Final[Mapping[RequeueReason, WithdrawnReason]] = {
    RequeueReason.REJECTED: "rejected",
    RequeueReason.LAPSED: "lapsed",
    RequeueReason.UNREACHABLE: "lapsed",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """Work offered to one agent. `view` has no screen pop: that is `sealed`, opened by services for this agent only."""

    view: OfferView
    tenant: TenantId
    sealed: Sealed | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """The call that an agent has, since `since`; `deadline` is the present state's, or the last one that had any."""

    offer: Offer
    state: Literal["connecting", "connected", "wrapping"]
    since: datetime
    deadline: datetime

    @property
    def view(self) -> CallView:
        """The call as a desktop shows it, without the screen pop."""
        known = self.offer.view.model_dump(exclude={"deadline"})
        return CallView(**known, state=self.state, since=self.since, deadline=self.deadline)


@dataclass(frozen=True, slots=True)
class Desk:
    """All that one agent's desktop shows, after the decision at `position` (0: none yet)."""

    agent_id: AgentId
    position: int = 0
    status: StatusView = NOT_SEEN
    session: SessionId | None = None
    offer: Offer | None = None
    call: Call | None = None

    def held(self, reservation_id: ReservationId) -> Offer | None:
        """Return the offer behind a reservation that is open or has become the call; None if it is over."""
        held = (self.offer, self.call.offer if self.call else None)
        return next((offer for offer in held if offer and offer.view.reservation_id == reservation_id), None)


@dataclass(frozen=True, slots=True)
class DeskChange:
    """What one decision changed for one agent: the frame that says so, and the session that counts, if it told."""

    frame: DecisionFrame
    session: SessionId | None = None


_Fold = Callable[[Desk, Any, int, datetime], tuple[Desk, DecisionFrame | None]]


def _reserved(desk: Desk, decision: AgentReserved, seq: int, _at: datetime) -> tuple[Desk, DecisionFrame]:
    view = OfferView(
        contact_id=decision.contact_id,
        item_id=decision.item_id,
        reservation_id=decision.reservation_id,
        queue=decision.queue,
        intent=decision.intent,
        urgency=decision.urgency,
        language=decision.language,
        queued_at=decision.queued_at,
        deadline=decision.expires_at,
        why=decision.why,
    )
    return replace(desk, offer=Offer(view, decision.tenant, decision.sealed)), OfferFrame(seq=seq, offer=view)


def _more_urgent(desk: Desk, decision: UrgencyChanged, seq: int, _at: datetime) -> tuple[Desk, DecisionFrame]:
    assert desk.offer is not None  # the book found the desk by its open offer
    view = desk.offer.view.model_copy(update={"urgency": decision.urgency, "queue": decision.queue})
    return replace(desk, offer=replace(desk.offer, view=view)), OfferFrame(seq=seq, offer=view)


def _connecting(desk: Desk, decision: ItemConnecting, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    if desk.offer is None or desk.offer.view.reservation_id != decision.reservation_id:
        return desk, None
    call = Call(desk.offer, "connecting", since=at, deadline=decision.expires_at)
    return replace(desk, offer=None, call=call), _updated(call, seq, deadline=call.deadline)


def _connected(desk: Desk, decision: ItemConnected, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    if desk.call is None or desk.call.offer.view.reservation_id != decision.reservation_id:
        return desk, None
    call = replace(desk.call, state="connected", since=at)
    return replace(desk, call=call), _updated(call, seq, deadline=None)


def _wrapping(desk: Desk, decision: ItemWrapping, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    if desk.call is None or desk.call.offer.view.reservation_id != decision.reservation_id:
        return desk, None
    call = replace(desk.call, state="wrapping", since=at, deadline=decision.expires_at)
    return replace(desk, call=call), _updated(call, seq, deadline=call.deadline)


def _completed(desk: Desk, decision: ItemCompleted, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    return _over(desk, decision.reservation_id, seq, at, offer="rescinded", call="completed")


def _lapsed(desk: Desk, decision: ReservationLapsed, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    return _over(desk, decision.reservation_id, seq, at, offer="lapsed", call="lapsed")


def _rescinded(desk: Desk, decision: ReservationRescinded, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    return _over(desk, decision.reservation_id, seq, at, offer="rescinded", call=decision.reason.value)


def _canceled(desk: Desk, decision: ReservationCanceled, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    return _over(desk, decision.reservation_id, seq, at, offer="caller_hung_up", call="caller_hung_up")


def _requeued(desk: Desk, decision: ItemRequeued, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    withdrawn = _WITHDRAWN.get(decision.reason, "rescinded")
    return _over(desk, decision.reservation_id, seq, at, offer=withdrawn, call=decision.reason.value)


def _extended(desk: Desk, extended: ExtendedDeadline, seq: int, _at: datetime) -> tuple[Desk, DecisionFrame | None]:
    offer, call = desk.offer, desk.call
    if offer is not None and offer.view.reservation_id == extended.reservation_id:
        view = offer.view.model_copy(update={"deadline": extended.expires_at})
        return replace(desk, offer=replace(offer, view=view)), OfferFrame(seq=seq, offer=view)
    if call is not None and call.offer.view.reservation_id == extended.reservation_id:
        call = replace(call, deadline=extended.expires_at)
        return replace(desk, call=call), _updated(call, seq, deadline=call.deadline)
    return desk, None


def _released(desk: Desk, work: ReleasedWork, seq: int, at: datetime) -> tuple[Desk, DecisionFrame | None]:
    if work.reservation_id is None:
        return desk, None
    return _over(desk, work.reservation_id, seq, at, offer="rescinded", call="reset")


def _changed(desk: Desk, decision: AgentChanged, seq: int, _at: datetime) -> tuple[Desk, DecisionFrame]:
    status = status_view(decision)
    return replace(desk, status=status, session=decision.session), StatusChanged(seq=seq, status=status)


def status_view(decision: AgentChanged) -> StatusView:
    """Return what a desktop shows of its agent after this decision."""
    return StatusView(
        status=decision.status,
        status_reason=decision.status_reason,
        next_status=decision.next_status,
        version=decision.version,
        state=decision.state,
    )


def _over(
    desk: Desk, reservation_id: ReservationId, seq: int, at: datetime, *, offer: WithdrawnReason, call: str
) -> tuple[Desk, DecisionFrame | None]:
    """The reservation has ended: as an offer for the reason `offer`, as a call for the reason `call`."""
    if desk.offer is not None and desk.offer.view.reservation_id == reservation_id:
        return replace(desk, offer=None), OfferWithdrawn(seq=seq, reservation_id=reservation_id, reason=offer)
    if desk.call is not None and desk.call.offer.view.reservation_id == reservation_id:
        view = desk.call.offer.view
        ended = CallUpdated(
            seq=seq,
            contact_id=view.contact_id,
            item_id=view.item_id,
            reservation_id=reservation_id,
            state="ended",
            reason=call,
            since=at,
        )
        return replace(desk, call=None), ended
    return desk, None


def _updated(call: Call, seq: int, *, deadline: datetime | None) -> CallUpdated:
    view = call.offer.view
    return CallUpdated(
        seq=seq,
        contact_id=view.contact_id,
        item_id=view.item_id,
        reservation_id=view.reservation_id,
        state=call.state,
        deadline=deadline,
        since=call.since,
    )


# What is not listed concerns no desk, or nothing that a desk shows. Two are parts of a decision about many agents.
FOLDS: Final[Mapping[type, _Fold]] = {
    AgentReserved: _reserved,
    UrgencyChanged: _more_urgent,
    ItemConnecting: _connecting,
    ItemConnected: _connected,
    ItemWrapping: _wrapping,
    ItemCompleted: _completed,
    ReservationLapsed: _lapsed,
    ReservationRescinded: _rescinded,
    ReservationCanceled: _canceled,
    ItemRequeued: _requeued,
    AgentChanged: _changed,
    ExtendedDeadline: _extended,
    ReleasedWork: _released,
}


@dataclass(slots=True)
class _History:
    """The changes of one agent after position `floor`, in order."""

    floor: int
    changes: list[tuple[int, DeskChange]] = field(default_factory=list)  # few, where an empty deque weighs 600 bytes


class DeskBook:
    """All desks, and their recent changes: `changes_max` of each agent."""

    def __init__(self, *, changes_max: int = 32) -> None:
        self._changes_max = changes_max
        self._desks: dict[AgentId, Desk] = {}
        self._histories: dict[AgentId, _History] = {}
        self._offered: dict[ItemId, AgentId] = {}  # who has the open offer of an item

    def begin(self, desks: Iterable[Desk]) -> None:
        """Forget everything, and put desks in place as of their positions; earlier changes count as forgotten."""
        self._desks.clear()
        self._histories.clear()
        self._offered.clear()
        for desk in desks:
            self._put(desk)
            self._histories[desk.agent_id] = _History(floor=desk.position)

    def desk(self, agent_id: AgentId) -> Desk:
        """Return an agent's desk; an empty one for an agent about whom nothing was decided yet."""
        return self._desks.get(agent_id) or Desk(agent_id)

    def fold(self, offset: int, step: Step, decided_at: datetime) -> list[tuple[AgentId, int, DeskChange]]:
        """Fold a step that was read as valid, and return what it changed for whom: (agent, position, change).

        `offset` is the step's own, `decided_at` its time. Steps of one cell are folded in log order, each once.
        """
        changed: list[tuple[AgentId, int, DeskChange]] = []
        for index, decision in enumerate(step.decisions):
            seq = position(offset, index)
            for agent_id, part in self._concerned(decision):
                fold = FOLDS.get(type(part))
                desk, frame = fold(self.desk(agent_id), part, seq, decided_at) if fold else (None, None)
                if desk is not None and frame is not None:
                    change = DeskChange(frame, part.session if isinstance(part, AgentChanged) else None)
                    self._put(replace(desk, position=seq))
                    self._remember(agent_id, seq, change)
                    changed.append((agent_id, seq, change))
        return changed

    def _concerned(self, decision: Decision) -> Iterator[tuple[AgentId, Any]]:
        """Yield whom a decision may concern, each once, and what of it concerns them."""
        if isinstance(decision, UrgencyChanged):
            agent_id = self._offered.get(decision.item_id)
            if agent_id is not None:
                yield agent_id, decision
        elif isinstance(decision, DeadlinesExtended):
            yield from ((extended.agent_id, extended) for extended in decision.reservations)
        elif isinstance(decision, ContactReset):
            yield from ((work.agent_id, work) for work in decision.released if work.agent_id is not None)
        elif (agent_id := getattr(decision, "agent_id", None)) is not None:
            yield agent_id, decision

    def since(self, agent_id: AgentId, seq: int) -> list[tuple[int, DeskChange]] | None:
        """Return an agent's changes after position `seq`, in order.

        None if they are not all here: `seq` is too long ago, or ahead of this log. The latter is a desktop that another
        gateway served from further on, or one that outlived its log; a snapshot is right for both.
        """
        history = self._histories.get(agent_id, _History(floor=0))
        if not history.floor <= seq <= self.desk(agent_id).position:
            return None
        return [(at, change) for at, change in history.changes if at > seq]

    def _put(self, desk: Desk) -> None:
        before = self._desks.get(desk.agent_id)
        if before is not None and before.offer is not None:
            self._offered.pop(before.offer.view.item_id, None)
        if desk.offer is not None:
            self._offered[desk.offer.view.item_id] = desk.agent_id
        self._desks[desk.agent_id] = desk

    def _remember(self, agent_id: AgentId, seq: int, change: DeskChange) -> None:
        history = self._histories.setdefault(agent_id, _History(floor=0))
        history.changes.append((seq, change))
        if len(history.changes) > self._changes_max:
            history.floor, _ = history.changes.pop(0)
