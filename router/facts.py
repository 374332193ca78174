"""Folding facts: what each fact changes in what is known. No decision is made here.

Each handler works out the new entities first and stores them last, so that a fact that raises has changed nothing.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from router import contact_state, eligibility, reservation_state
from router.entities import WAITING, AgentRecord, Contact, Reservation
from router.replacing import replace
from router.state import CellState, engaged
from schemas import agents as agent_facts
from schemas import contacts as contact_facts
from schemas.errors import Defect
from schemas.ids import ReservationId
from schemas.intake import ConfigApplied, FactEnvelope
from schemas.routing import AgentStatus, ContactState, ItemState, Urgency

BETWEEN_AGENTS_S: Final = 30.0  # a caller whose agent was lost comes back to the dialog within this, or is sought


def fold(state: CellState, envelope: FactEnvelope) -> bool:
    """Fold one fact; return False if it only let event time pass: a repeat, or about what is over.

    Raises `IllegalTransition` or another `Defect` for a fact that cannot be; then nothing has changed.
    """
    data = envelope.data
    handler = _CONTACT_FACTS.get(data.type)
    if handler is not None:
        new = _fold_contact(state, envelope, handler)
    elif isinstance(data, ConfigApplied):
        new = _adopt(state, data)
    else:
        new = _fold_agent(state, envelope)
    state.tick(envelope.time)
    return new


# ---- contacts


def _fold_contact(state: CellState, envelope: FactEnvelope, handler: "ContactFold") -> bool:
    data: Any = envelope.data
    if state.is_repeat(data.contact_id, envelope.id):
        return False
    contact = state.contacts.get(data.contact_id)
    if contact is None:
        if envelope.tenant is None:
            raise Defect(f"{data.type} names no tenant")
        contact = Contact(data.contact_id, envelope.tenant)
    handler(state, contact, data, envelope.time)
    if data.contact_id in state.contacts:  # a leg of who is unknown, or over long ago, leaves no trace
        state.contact_facts.setdefault(data.contact_id, set()).add(envelope.id)
    return True


def _moved(contact: Contact, data: Any) -> Contact:
    return replace(contact, state=contact_state.next_state(contact.state, data.type))


def _arrived(state: CellState, contact: Contact, data: contact_facts.ContactArrived, at: datetime) -> None:
    contact = replace(
        _moved(contact, data),
        carrier=data.carrier,
        account=data.account,
        call=data.call,
        number=data.number,
        language=contact.language if contact.requests else data.language,
    )
    if contact.state is ContactState.ARRIVED:
        contact = replace(contact, silent_after=at + timedelta(seconds=data.answer_by_s))
    state.put_contact(contact)


def _turned(state: CellState, contact: Contact, data: contact_facts.DialogTurned, at: datetime) -> None:
    contact = _moved(contact, data)
    if contact.state is ContactState.IN_DIALOG:
        contact = replace(
            contact, urgency=contact.urgency if data.urgency is None else min(contact.urgency, data.urgency)
        )
        if data.turn >= contact.turn:  # an earlier turn that comes late knows nothing of how things stand
            contact = replace(
                contact,
                turn=data.turn,
                intent=data.intent or contact.intent,
                silent_after=at + timedelta(seconds=data.answer_by_s),
            )
    state.put_contact(contact)


def _self_served(state: CellState, contact: Contact, data: contact_facts.SelfServed, _at: datetime) -> None:
    state.put_contact(replace(_moved(contact, data), self_served=True))


def _handed_off(state: CellState, contact: Contact, data: contact_facts.HandedOff, at: datetime) -> None:
    contact = _moved(contact, data)
    item = state.items.get(contact.item_id) if contact.item_id else None
    speaking = item is None or item.state in {ItemState.CONNECTED, ItemState.WRAPPING}
    first = contact.requests == 0
    raised = data.urgency < contact.urgency or first
    contact = replace(
        contact,
        intent=data.intent if raised else contact.intent,
        urgency=min(data.urgency, contact.urgency),
        urgency_by=data.urgency_by if raised else contact.urgency_by,
        language=data.language,
        requirements=data.requirements or contact.requirements,
        sealed=data.sealed or contact.sealed,
        handed_off_at=contact.handed_off_at or at,
        requests=contact.requests + (first or (data.returning and speaking and contact.requests == contact.items)),
    )
    state.put_contact(_awaited(state, contact))


def _urgency_raised(state: CellState, contact: Contact, data: contact_facts.UrgencyRaised, at: datetime) -> None:
    contact = _moved(contact, data)
    raised = data.urgency < contact.urgency
    contact = replace(
        contact,
        urgency=min(data.urgency, contact.urgency),
        urgency_by="red_flag" if raised and data.urgency is Urgency.EMERGENT else contact.urgency_by,
        intent=(data.intent or contact.intent) if raised else contact.intent,
        sealed=data.sealed or contact.sealed,
        handed_off_at=contact.handed_off_at or at,
        requests=max(contact.requests, 1),
    )
    state.put_contact(_awaited(state, contact))


def _awaited(state: CellState, contact: Contact) -> Contact:
    """Stop looking for silence where a person is on the way; who lost theirs is sought, whatever comes late."""
    item = state.items.get(contact.item_id) if contact.item_id else None
    on_the_way = contact.requests > contact.items or (item is not None and item.state in WAITING)
    return replace(contact, silent_after=None) if on_the_way else contact


def _caller_ended(state: CellState, contact: Contact, data: contact_facts.CallerLegEnded, _at: datetime) -> None:
    state.put_contact(replace(_moved(contact, data), leg_gone=True, silent_after=None))


# ---- the agent's leg: about a reservation, and late once that is over


def _about_reservation(change: Callable[[Reservation, Any], Reservation]) -> "ContactFold":
    def handler(state: CellState, contact: Contact, data: Any, at: datetime) -> None:
        reservation = state.reservations.get(data.reservation_id)
        if reservation is None or reservation.contact_id != contact.contact_id:
            if isinstance(data, contact_facts.AgentLegAnswered) and contact.contact_id in state.contacts:
                state.put_contact(replace(contact, stray_legs=(*contact.stray_legs, data.reservation_id)))
            return
        state.put_reservation(change(reservation, data))
        item = state.items[reservation.item_id]
        if isinstance(data, contact_facts.AgentLegEnded) and item.state is ItemState.CONNECTED:
            state.put_contact(replace(contact, silent_after=at + timedelta(seconds=BETWEEN_AGENTS_S)))

    return handler


ContactFold = Callable[[CellState, Contact, Any, datetime], None]

_CONTACT_FACTS: Final[Mapping[str, ContactFold]] = {
    "contact.arrived": _arrived,
    "contact.dialog_turned": _turned,
    "contact.self_served": _self_served,
    "contact.handed_off": _handed_off,
    "contact.urgency_raised": _urgency_raised,
    "leg.caller_ended": _caller_ended,
    "leg.agent_answered": _about_reservation(lambda held, _: replace(held, leg_up=True)),
    "leg.agent_ended": _about_reservation(lambda held, data: replace(held, leg_lost=data.cause)),
    "leg.caller_joined": _about_reservation(lambda held, _: replace(held, joined=True)),
    "leg.connect_failed": _about_reservation(lambda held, _: replace(held, carrier_failed=True)),
}


# ---- agents


def _fold_agent(state: CellState, envelope: FactEnvelope) -> bool:
    data: Any = envelope.data
    agent = state.agents.get(data.agent_id)
    if agent is None:
        return False  # no longer in any document: late
    if isinstance(data, agent_facts.PresenceRenewed):
        _renew(state, agent, data, envelope.time)  # a repeat is harmless by itself: the later end of lease counts
        return True
    if envelope.id in state.agent_facts:
        return False
    _AGENT_FACTS[data.type](state, agent, data, envelope.time)
    state.remember_agent_fact(envelope.id)
    return True


def _connected(state: CellState, agent: AgentRecord, data: agent_facts.AgentConnected, at: datetime) -> None:
    if agent.session is not None and data.session < agent.session:
        return  # an older socket's fact came late
    lease = at + timedelta(seconds=data.lease_s)
    put_agent(state, replace(agent, session=data.session, connected=True, unreachable=False, reachable_until=lease))


def _renew(state: CellState, agent: AgentRecord, data: agent_facts.PresenceRenewed, at: datetime) -> None:
    lease = at + timedelta(seconds=data.lease_s)
    if data.session != agent.session or not agent.connected:
        return
    if agent.reachable_until is None or lease > agent.reachable_until:
        put_agent(state, replace(agent, unreachable=False, reachable_until=lease))


def _disconnected(state: CellState, agent: AgentRecord, data: agent_facts.AgentDisconnected, at: datetime) -> None:
    if data.session == agent.session and agent.connected:
        grace = at + timedelta(seconds=state.tenants[agent.tenant].timers.reconnect_s)
        put_agent(state, replace(agent, connected=False, reachable_until=grace))


def _status_set(state: CellState, agent: AgentRecord, data: agent_facts.StatusSet, at: datetime) -> None:
    if engaged(agent):
        agent = replace(agent, next_status=data.status, next_reason=data.reason, version=agent.version + 1)
    else:
        agent = declared(agent, data.status, data.reason, at=at)
    put_agent(state, agent)


def _answered(state: CellState, agent: AgentRecord, data: Any, _at: datetime) -> None:
    reservation = _held(state, agent, data.reservation_id)
    if reservation is not None:
        moved = reservation_state.next_state(reservation.state, data.type)
        state.put_reservation(replace(reservation, state=moved))


def _hang_up(state: CellState, agent: AgentRecord, data: agent_facts.HangUpRequested, _at: datetime) -> None:
    reservation = _held(state, agent, agent.reservation_id)
    if reservation is not None and reservation.contact_id == data.contact_id:
        state.put_reservation(replace(reservation, hang_up_wanted=True))


def _wrapped_up(state: CellState, agent: AgentRecord, data: agent_facts.WrapUpDone, _at: datetime) -> None:
    reservation = _held(state, agent, agent.reservation_id)
    if reservation is not None and reservation.item_id == data.item_id:
        state.put_reservation(replace(reservation, disposition=data.disposition))


def _held(state: CellState, agent: AgentRecord, name: ReservationId | None) -> Reservation | None:
    """Return the reservation if it is there and this agent's; another's answer never counts."""
    reservation = state.reservations.get(name) if name else None
    return reservation if reservation is not None and reservation.agent_id == agent.agent_id else None


_AGENT_FACTS: Final[Mapping[str, Callable[[CellState, AgentRecord, Any, datetime], None]]] = {
    "agent.connected": _connected,
    "agent.disconnected": _disconnected,
    "agent.status_set": _status_set,
    "offer.accepted": _answered,
    "offer.rejected": _answered,
    "call.hang_up_requested": _hang_up,
    "wrap_up.done": _wrapped_up,
}


def declared(agent: AgentRecord, status: AgentStatus, reason: str | None, *, at: datetime) -> AgentRecord:
    """Return the agent with a new status; who becomes available is idle from that moment."""
    became_available = status is AgentStatus.AVAILABLE and agent.status is not AgentStatus.AVAILABLE
    return replace(
        agent,
        status=status,
        status_reason=reason,
        next_status=None,
        next_reason=None,
        version=agent.version + 1,
        idle_since=at if became_available else agent.idle_since,
    )


def put_agent(state: CellState, agent: AgentRecord) -> None:
    """Store an agent, among the free if nothing about themselves speaks against it."""
    state.put_agent(agent, is_free=eligibility.standing(agent) is None)


# ---- configuration


def _adopt(state: CellState, data: ConfigApplied) -> bool:
    known = state.tenants.get(data.tenant)
    if known is not None and known.version >= data.version:
        return False
    document = data.document.model_copy(update={"version": data.version})
    listed = {agent.agent_id: agent for agent in document.agents}
    state.tenants[data.tenant] = document
    for contact in state.contacts.values():
        if contact.tenant == data.tenant and contact.requests > contact.items:
            state.touched_contacts[contact.contact_id] = None  # they asked before the document was known
    for agent_id, entry in listed.items():
        agent = state.agents.get(agent_id) or AgentRecord(agent_id, data.tenant, entry.endpoint, entry.skills)
        put_agent(state, replace(agent, tenant=data.tenant, endpoint=entry.endpoint, skills=entry.skills, listed=True))
    for agent in [agent for agent in state.agents.values() if agent.tenant == data.tenant]:
        if agent.agent_id not in listed:
            put_agent(state, replace(agent, listed=False))
    return True
