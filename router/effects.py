"""Folding decisions: what each decision changes. The owner folds what it decides, everyone else what they read.

There is one way for both, so that a state that was restored equals one that was lived through. Each handler works out
the new entities first and stores them last, so that a decision that cannot be folded has changed nothing.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from router import agent_state, contact_state, item_state, reservation_state
from router.entities import AgentRecord, Item, Reservation
from router.facts import declared, put_agent
from router.replacing import replace
from router.state import CellState
from schemas import decisions as made
from schemas.ids import AgentId
from schemas.routing import AgentState, AgentStatus

RING_NO_ANSWER: Final = "ring_no_answer"


def fold(state: CellState, decision: made.Decision, at: datetime) -> None:
    """Fold one decision made at `at`. Raises `Defect` for one that cannot follow from this state."""
    _EFFECTS[decision.type](state, decision, at)


def _queued(state: CellState, data: made.ItemQueued, _at: datetime) -> None:
    contact = state.contacts[data.contact_id]
    item = Item(
        item_id=data.item_id,
        contact_id=data.contact_id,
        tenant=data.tenant,
        queue=data.queue,
        intent=data.intent,
        urgency=data.urgency,
        language=data.language,
        requirements=data.requirements,
        queued_at=data.queued_at,
        cost_rate=data.cost_rate,
    )
    state.put_item(item)
    state.put_contact(
        replace(contact, items=contact.items + 1, item_id=item.item_id, urgency=min(contact.urgency, item.urgency))
    )


def _urgency_changed(state: CellState, data: made.UrgencyChanged, _at: datetime) -> None:
    item = state.items[data.item_id]
    state.put_item(
        replace(
            item,
            state=item_state.next_state(item.state, data.type),
            urgency=data.urgency,
            queue=data.queue,
            requirements=data.requirements,
            stage=0,
        )
    )


def _relaxed(state: CellState, data: made.ItemRelaxed, _at: datetime) -> None:
    item = state.items[data.item_id]
    state.put_item(replace(item, state=item_state.next_state(item.state, data.type), stage=data.stage))


def _held(state: CellState, data: made.ItemHeld, _at: datetime) -> None:
    item = state.items[data.item_id]
    state.put_item(replace(item, state=item_state.next_state(item.state, data.type), held_until=data.until))


def _reserved(state: CellState, data: made.AgentReserved, at: datetime) -> None:
    item = _moved(state.items[data.item_id], data)
    agent = _engaged(state.agents[data.agent_id], data)
    reservation = Reservation(
        reservation_id=data.reservation_id,
        fence=data.fence,
        item_id=data.item_id,
        contact_id=data.contact_id,
        agent_id=data.agent_id,
        expires_at=data.expires_at,
        since=at,
        why=data.why,
        sealed=data.sealed,
    )
    state.fence = data.fence
    state.put_item(replace(item, reservation_id=data.reservation_id, attempts=item.attempts + 1))
    state.put_reservation(reservation)
    put_agent(state, replace(agent, reservation_id=data.reservation_id))


def _reservation_moved(state: CellState, data: Any, _at: datetime) -> None:
    state.put_reservation(_answered(state.reservations[data.reservation_id], data))


def _lapsed(state: CellState, data: made.ReservationLapsed, at: datetime) -> None:
    agent = state.agents[data.agent_id]
    _reservation_moved(state, data, at)
    if data.reachable and agent.next_status is None:
        put_agent(state, replace(agent, next_status=AgentStatus.BREAK, next_reason=RING_NO_ANSWER))


def _canceled(state: CellState, data: made.ReservationCanceled, at: datetime) -> None:
    reservation = _answered(state.reservations[data.reservation_id], data)
    _release(state, data, at)
    state.put_reservation(reservation)


def _requeued(state: CellState, data: made.ItemRequeued, at: datetime) -> None:
    item = _moved(state.items[data.item_id], data)
    excluded = tuple((agent, until) for agent, until in item.excluded if agent != data.agent_id and until > at)
    if data.excluded_until is not None:
        excluded = (*excluded, (data.agent_id, data.excluded_until))
    _release(state, data, at)
    state.reservations.pop(data.reservation_id, None)
    state.put_item(replace(item, reservation_id=None, excluded=excluded))


def _timed(state: CellState, data: made.ItemConnecting | made.ItemWrapping, at: datetime) -> None:
    item = _moved(state.items[data.item_id], data)
    reservation = replace(state.reservations[data.reservation_id], expires_at=data.expires_at, since=at)
    agent = _engaged(state.agents[data.agent_id], data)
    state.put_item(item)
    state.put_reservation(reservation)
    put_agent(state, agent)


def _joining(state: CellState, data: made.CallerJoining, _at: datetime) -> None:
    reservation = replace(state.reservations[data.reservation_id], joining=True)
    state.put_item(_moved(state.items[data.item_id], data))
    state.put_reservation(reservation)


def _connected(state: CellState, data: made.ItemConnected, at: datetime) -> None:
    item = _moved(state.items[data.item_id], data)
    reservation = replace(state.reservations[data.reservation_id], since=at)
    contact = replace(state.contacts[data.contact_id], spoken_to=True)
    agent = _engaged(state.agents[data.agent_id], data)
    state.put_item(item)
    state.put_reservation(reservation)
    state.put_contact(contact)
    put_agent(state, agent)


def _released_leg(state: CellState, data: made.LegReleased, _at: datetime) -> None:
    reservation = state.reservations.get(data.reservation_id) if data.reservation_id else None
    contact = state.contacts.get(data.contact_id)
    if reservation is not None and data.leg == "caller":
        state.put_reservation(replace(reservation, hang_up_told=True))
    elif contact is not None and data.reservation_id in contact.stray_legs:
        left = tuple(stray for stray in contact.stray_legs if stray != data.reservation_id)
        state.put_contact(replace(contact, stray_legs=left))


def _completed(state: CellState, data: made.ItemCompleted, at: datetime) -> None:
    item = _moved(state.items[data.item_id], data)
    _release(state, data, at)
    state.drop_item(item)


def _abandoned(state: CellState, data: made.ItemAbandoned, _at: datetime) -> None:
    state.drop_item(state.items[data.item_id])


def _diverted(state: CellState, data: made.ContactDiverted, at: datetime) -> None:
    contact = state.contacts[data.contact_id]
    state.put_contact(
        replace(
            contact,
            state=contact_state.next_state(contact.state, data.type),
            requests=contact.items + 1,
            handed_off_at=contact.handed_off_at or at,
            urgency_by="dialog_lost",
            silent_after=None,
        )
    )


def _reset(state: CellState, data: made.ContactReset, at: datetime) -> None:
    """Give the contact's work up. No table is asked: whatever state it is in, that state was the trouble."""
    for work in data.released:
        item = state.items.get(work.item_id)
        if item is not None:
            state.drop_item(item)
        agent = state.agents.get(work.agent_id) if work.agent_id else None
        if agent is not None and agent.reservation_id == work.reservation_id:
            put_agent(state, _freed(replace(agent, state=AgentState.IDLE), at))
    contact = state.contacts[data.contact_id]
    asked = contact.items + 1 if contact.requests else 0
    state.put_contact(replace(contact, resets=contact.resets + 1, requests=asked, item_id=None))


def _ended(state: CellState, data: made.ContactEnded, at: datetime) -> None:
    state.forget(state.contacts[data.contact_id], at=at)


def _announced(state: CellState, data: made.AgentChanged, _at: datetime) -> None:
    agent = state.agents[data.agent_id]
    lapsed = None if not data.reachable else agent.reachable_until
    put_agent(state, replace(agent, announced=data, unreachable=not data.reachable, reachable_until=lapsed))


def _extended(state: CellState, data: made.DeadlinesExtended, at: datetime) -> None:
    by, latest = timedelta(seconds=data.by_s), at + timedelta(seconds=data.grace_s)
    for extended in data.reservations:
        reservation = state.reservations[extended.reservation_id]
        state.put_reservation(replace(reservation, expires_at=extended.expires_at))
    for contact in [contact for contact in state.contacts.values() if contact.silent_after is not None]:
        state.put_contact(replace(contact, silent_after=_later(contact.silent_after, by, latest)))
    for agent in [agent for agent in state.agents.values() if agent.reachable_until is not None]:
        put_agent(state, replace(agent, reachable_until=_later(agent.reachable_until, by, latest)))


def _later(deadline: datetime | None, by: timedelta, latest: datetime) -> datetime | None:
    """Return a deadline that facts keep setting anew, put off: what they set during the outage was not lost."""
    return None if deadline is None else max(deadline, min(deadline + by, latest))


def _nothing(_state: CellState, _data: Any, _at: datetime) -> None:
    """The record speaks to readers; the state has it already."""


def _answered(reservation: Reservation, decision: Any) -> Reservation:
    return replace(reservation, state=reservation_state.next_state(reservation.state, decision.type))


def _moved(item: Item, decision: Any) -> Item:
    return replace(item, state=item_state.next_state(item.state, decision.type))


def _engaged(agent: AgentRecord, decision: Any) -> AgentRecord:
    return replace(agent, state=agent_state.next_state(agent.state, decision.type))


def _release(state: CellState, data: Any, at: datetime) -> None:
    """Free the agent that the decision names; what they declared meanwhile takes effect now."""
    put_agent(state, _freed(_engaged(state.agents[AgentId(data.agent_id)], data), at))


def _freed(agent: AgentRecord, at: datetime) -> AgentRecord:
    agent = replace(agent, reservation_id=None, idle_since=at)
    if agent.next_status is not None:
        agent = replace(declared(agent, agent.next_status, agent.next_reason, at=at), idle_since=at)
    return agent


_EFFECTS: Final[Mapping[str, Callable[[CellState, Any, datetime], None]]] = {
    "item.queued": _queued,
    "item.after_hours": _nothing,
    "item.urgency_changed": _urgency_changed,
    "item.relaxed": _relaxed,
    "item.held": _held,
    "agent.reserved": _reserved,
    "reservation.lapsed": _lapsed,
    "reservation.rescinded": _reservation_moved,
    "reservation.canceled": _canceled,
    "item.requeued": _requeued,
    "item.connecting": _timed,
    "item.caller_joining": _joining,
    "item.connected": _connected,
    "leg.released": _released_leg,
    "item.wrapping": _timed,
    "item.completed": _completed,
    "item.abandoned": _abandoned,
    "contact.diverted": _diverted,
    "contact.ended": _ended,
    "contact.reset": _reset,
    "agent.changed": _announced,
    "config.adopted": _nothing,
    "deadlines.extended": _extended,
    "fact.rejected": _nothing,
    "unrecognised": _nothing,
}
