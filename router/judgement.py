"""What follows from how things stand: the state-triggered half of the engine.

Every function looks at entities and yields the decisions that their present state calls for. Each decision is folded
before the generator goes on, so the code may read the state again after a `yield`. None of them looks at which fact
came last; so a fact that came twice, late or in another order cannot be decided twice.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, Literal

from router import after_hours, eligibility
from router.after_hours import Way
from router.entities import WAITING, AgentRecord, Contact, Item, Reservation
from router.matching import Held, Match
from router.recovery import RESETS_MAX
from router.state import CellState, engaged
from schemas import decisions as made
from schemas.ids import AgentId, ContactId, ReservationId, Skill, item_id, reservation_id
from schemas.routing import (
    AgentState,
    ContactState,
    Disposition,
    EndReason,
    ItemState,
    RequeueReason,
    Requirement,
    ReservationState,
    Urgency,
)

LANGUAGE_SKILL: Final = "lang-"
_OPEN: Final = frozenset({ReservationState.CREATED, ReservationState.ACCEPTED})
DEFAULT_LANGUAGE: Final = "en"


# ---- contacts


def judge_contact(state: CellState, name: ContactId, now: datetime) -> Iterator[made.Decision]:
    """Yield what a contact, its work item and its reservation call for."""
    contact = state.contacts.get(name)
    if contact is not None and contact.resets >= RESETS_MAX and not contact.leg_gone:
        return
    item = _live_item(state, name)
    if contact is not None and contact.leg_gone:
        yield from _caller_gone(state, contact, item, now)
    elif contact is not None and contact.state is ContactState.HANDED_OFF:
        if contact.requests > contact.items and contact.tenant in state.tenants:
            if item is not None and item.state is ItemState.CONNECTED:
                yield _wrap(state, item, now)
            yield from _queue(state, contact, now)
        elif item is not None and contact.urgency < item.urgency and item.state in WAITING:
            yield from _raise_urgency(state, contact, item, now)
    item = _live_item(state, name)
    if item is not None and item.reservation_id is not None:
        yield from _judge_reservation(state, item, state.reservations[item.reservation_id], now)
    for other in _wrapping_items(state, name):
        yield from _wrapped(state, other)
    yield from _hang_up_strays(state, name)


def _hang_up_strays(state: CellState, name: ContactId) -> Iterator[made.Decision]:
    """End agents' legs that came up too late: they would stand in the caller's conference beside another agent."""
    contact = state.contacts.get(name)
    if contact is not None:
        for stray in contact.stray_legs:
            yield _release_leg(contact, "agent", stray)


def _live_item(state: CellState, name: ContactId) -> Item | None:
    contact = state.contacts.get(name)
    return state.items.get(contact.item_id) if contact is not None and contact.item_id is not None else None


def _wrapping_items(state: CellState, name: ContactId) -> list[Item]:
    """Items of a contact that an agent still works on, even though the contact is over or has another item."""
    return [state.items[entry] for entry in state.wrapping.get(name, ())]


def _caller_gone(state: CellState, contact: Contact, item: Item | None, now: datetime) -> Iterator[made.Decision]:
    reason = EndReason.SELF_SERVED if contact.self_served else EndReason.ABANDONED_IN_DIALOG
    if contact.state is ContactState.HANDED_OFF:
        reason = EndReason.COMPLETED if contact.spoken_to else EndReason.ABANDONED_WAITING
    if item is not None and item.state in WAITING:
        reason = _ABANDONED[item.state] if not contact.spoken_to else reason
        yield from _abandon(state, contact, item)
    elif item is not None and item.state is ItemState.CONNECTED:
        yield _wrap(state, item, now)
    yield made.ContactEnded(contact_id=contact.contact_id, tenant=contact.tenant, reason=reason)


_ABANDONED: Final = {
    ItemState.QUEUED: EndReason.ABANDONED_WAITING,
    ItemState.RESERVED: EndReason.ABANDONED_OFFERED,
    ItemState.CONNECTING: EndReason.ABANDONED_CONNECTING,
}


def _abandon(state: CellState, contact: Contact, item: Item) -> Iterator[made.Decision]:
    where = item.state
    reservation = state.reservations.get(item.reservation_id) if item.reservation_id else None
    if reservation is not None:
        yield made.ReservationCanceled(
            reservation_id=reservation.reservation_id,
            item_id=item.item_id,
            contact_id=item.contact_id,
            agent_id=reservation.agent_id,
        )
    if reservation is not None and where is ItemState.CONNECTING:
        yield _release_leg(contact, "agent", reservation.reservation_id)
    yield made.ItemAbandoned(item_id=item.item_id, contact_id=item.contact_id, state=where)


def _queue(state: CellState, contact: Contact, now: datetime) -> Iterator[made.Decision]:
    asked_at = contact.handed_off_at or now
    way, requirements, why = _need(state, contact, asked_at)
    item = item_id(contact.contact_id, contact.items + 1)
    yield made.ItemQueued(
        item_id=item,
        contact_id=contact.contact_id,
        tenant=contact.tenant,
        queue=way.queue,
        intent=contact.intent,
        urgency=contact.urgency,
        language=contact.language,
        requirements=requirements,
        queued_at=asked_at,
        cost_rate=state.tenants[contact.tenant].queue(way.queue).cost_rate,
        why=why,
    )
    yield from after_hours.record(way, item_id=item, contact_id=contact.contact_id, tenant=contact.tenant)


def _need(state: CellState, contact: Contact, at: datetime) -> tuple[Way, tuple[Requirement, ...], str]:
    """Return where the caller waits, the requirements and the sentence that says why. `at`: when they asked."""
    config = state.tenants[contact.tenant]
    if contact.urgency is Urgency.EMERGENT:
        way, why = Way(config.emergency.queue), f"emergent by {contact.urgency_by}: the emergency queue"
    else:
        way = after_hours.way(config, config.queue_for(contact.intent), at)
        why = f"{contact.urgency.word} by {contact.urgency_by}: the queue for {contact.intent}{way.why}"
    asked = {need.skill: need for need in (*contact.requirements, *config.queue(way.queue).requires)}
    language = Requirement(skill=Skill(f"{LANGUAGE_SKILL}{contact.language}"))
    if contact.language != DEFAULT_LANGUAGE and language.skill in config.skills:
        asked.setdefault(language.skill, language)
    return way, tuple(asked[skill] for skill in sorted(asked)), why


def _raise_urgency(state: CellState, contact: Contact, item: Item, now: datetime) -> Iterator[made.Decision]:
    way, requirements, why = _need(state, contact, now)
    yield made.UrgencyChanged(
        item_id=item.item_id,
        contact_id=contact.contact_id,
        queue=way.queue,
        urgency=contact.urgency,
        requirements=requirements,
        why=why,
    )
    yield from after_hours.record(way, item_id=item.item_id, contact_id=contact.contact_id, tenant=contact.tenant)
    reservation = state.reservations.get(item.reservation_id) if item.reservation_id else None
    if reservation is None or reservation.joining or reservation.state not in _OPEN:
        return  # the caller is on the way to them already; or they said no, and that is judged next
    if eligibility.unfit(state.items[item.item_id], state.agents[reservation.agent_id], state.policy) is not None:
        yield from take_back(state, state.items[item.item_id], reservation, RequeueReason.NEEDS_CHANGED, None)


# ---- reservations


def of_match(state: CellState, match: Match | Held, now: datetime) -> made.AgentReserved | made.ItemHeld:
    """Return the reservation that a match becomes, or the record of what holds an item."""
    item = match.item
    if isinstance(match, Held):
        name, until = match.hold
        return made.ItemHeld(
            item_id=item.item_id, contact_id=item.contact_id, hold=name, until=until, agents=match.agents
        )
    timers = state.tenants[item.tenant].timers
    return made.AgentReserved(
        reservation_id=reservation_id(item.item_id, item.attempts + 1),
        fence=state.fence + 1,
        item_id=item.item_id,
        contact_id=item.contact_id,
        agent_id=match.agent.agent_id,
        tenant=item.tenant,
        queue=item.queue,
        intent=item.intent,
        urgency=item.urgency,
        language=item.language,
        queued_at=item.queued_at,
        expires_at=now + timedelta(seconds=timers.offer_s),
        why=match.why,
        candidates=match.candidates,
        considered=len(state.agents),
        sealed=state.contacts[item.contact_id].sealed,
    )


def _judge_reservation(
    state: CellState, item: Item, reservation: Reservation, now: datetime
) -> Iterator[made.Decision]:
    contact = state.contacts[item.contact_id]
    if item.state is ItemState.RESERVED:
        yield from _judge_answer(state, contact, item, reservation, now)
    elif item.state is ItemState.CONNECTING:
        yield from _judge_connecting(state, contact, item, reservation, now)
    elif item.state is ItemState.CONNECTED and reservation.leg_lost is not None:
        yield _wrap(state, item, now)
    hanging_up = reservation.hang_up_wanted and not reservation.hang_up_told
    if hanging_up and item.state in {ItemState.CONNECTING, ItemState.CONNECTED}:
        yield _release_leg(contact, "caller", reservation.reservation_id)


def _judge_answer(
    state: CellState, contact: Contact, item: Item, reservation: Reservation, now: datetime
) -> Iterator[made.Decision]:
    timers = state.tenants[item.tenant].timers
    if reservation.state is ReservationState.ACCEPTED:
        yield made.ItemConnecting(
            item_id=item.item_id,
            contact_id=contact.contact_id,
            reservation_id=reservation.reservation_id,
            fence=reservation.fence,
            agent_id=reservation.agent_id,
            tenant=contact.tenant,
            carrier=contact.carrier,
            account=contact.account,
            call=contact.call,
            number=contact.number,
            endpoint=state.agents[reservation.agent_id].endpoint,
            expires_at=now + timedelta(seconds=timers.connecting_s),
        )
    elif reservation.state is ReservationState.REJECTED:
        until = now + timedelta(seconds=timers.exclusion_s)
        yield requeue(item, reservation, RequeueReason.REJECTED, until)


def _judge_connecting(
    state: CellState, contact: Contact, item: Item, reservation: Reservation, now: datetime
) -> Iterator[made.Decision]:
    until = now + timedelta(seconds=state.tenants[item.tenant].timers.exclusion_s)
    if reservation.leg_lost is not None:
        yield from take_back(state, item, reservation, RequeueReason.AGENT_LEG_FAILED, until)
    elif reservation.carrier_failed:
        yield from take_back(state, item, reservation, RequeueReason.CARRIER_FAILED, None)
    elif reservation.joined:
        yield made.ItemConnected(
            item_id=item.item_id,
            contact_id=item.contact_id,
            reservation_id=reservation.reservation_id,
            agent_id=reservation.agent_id,
        )
    elif reservation.leg_up and not reservation.joining:
        yield made.CallerJoining(
            item_id=item.item_id,
            contact_id=contact.contact_id,
            reservation_id=reservation.reservation_id,
            fence=reservation.fence,
            agent_id=reservation.agent_id,
            tenant=contact.tenant,
            carrier=contact.carrier,
            account=contact.account,
            call=contact.call,
        )


def take_back(
    state: CellState, item: Item, reservation: Reservation, reason: RequeueReason, until: datetime | None
) -> Iterator[made.Decision]:
    """End a reservation from our side: the agent's leg too if it may exist; the item keeps its place."""
    yield made.ReservationRescinded(
        reservation_id=reservation.reservation_id,
        item_id=item.item_id,
        contact_id=item.contact_id,
        agent_id=reservation.agent_id,
        reason=reason,
    )
    if item.state is ItemState.CONNECTING:
        yield _release_leg(state.contacts[item.contact_id], "agent", reservation.reservation_id)
    yield requeue(item, reservation, reason, until)


def requeue(item: Item, reservation: Reservation, reason: RequeueReason, until: datetime | None) -> made.ItemRequeued:
    """Return the decision that puts an item back in its place, without the agent until `until`."""
    return made.ItemRequeued(
        item_id=item.item_id,
        contact_id=item.contact_id,
        reservation_id=reservation.reservation_id,
        agent_id=reservation.agent_id,
        reason=reason,
        excluded_until=until,
    )


def _release_leg(contact: Contact, leg: Literal["agent", "caller"], of: ReservationId) -> made.LegReleased:
    return made.LegReleased(
        contact_id=contact.contact_id,
        leg=leg,
        reservation_id=of,
        tenant=contact.tenant,
        carrier=contact.carrier,
        account=contact.account,
        call=contact.call,
    )


# ---- wrap-up


def _wrap(state: CellState, item: Item, now: datetime) -> made.ItemWrapping:
    assert item.reservation_id is not None, "a connected item has its agent"
    reservation = state.reservations[item.reservation_id]
    return made.ItemWrapping(
        item_id=item.item_id,
        contact_id=item.contact_id,
        reservation_id=reservation.reservation_id,
        agent_id=reservation.agent_id,
        expires_at=now + timedelta(seconds=state.tenants[item.tenant].timers.wrap_up_s),
    )


def _wrapped(state: CellState, item: Item) -> Iterator[made.Decision]:
    reservation = state.reservations[item.reservation_id] if item.reservation_id else None
    if reservation is not None and reservation.disposition is not None:
        yield complete(item, reservation, reservation.disposition)


def complete(item: Item, reservation: Reservation, disposition: Disposition) -> made.ItemCompleted:
    """Return the decision that ends the work on an item."""
    return made.ItemCompleted(
        item_id=item.item_id,
        contact_id=item.contact_id,
        reservation_id=reservation.reservation_id,
        agent_id=reservation.agent_id,
        disposition=disposition,
    )


# ---- a person, whatever happened


def divert(
    state: CellState, name: str, reason: Literal["dialog_lost", "fact_rejected"] = "fact_rejected"
) -> Iterator[made.Decision]:
    """Take a contact to a person, unless one is on the way; an unknown name yields nothing."""
    contact = state.contacts.get(ContactId(name))
    if contact is None:
        return
    item = _live_item(state, contact.contact_id)
    has_person_coming = contact.requests > contact.items or (item is not None and item.state is not ItemState.WRAPPING)
    if not has_person_coming:
        yield made.ContactDiverted(contact_id=contact.contact_id, reason=reason)


# ---- agents


def judge_agent(state: CellState, name: AgentId) -> Iterator[made.Decision]:
    """Yield the announcement of an agent, if anything that desktops show has changed."""
    agent = state.agents[name]
    present = view(agent, reachable=not agent.unreachable)
    if agent.announced != present:
        yield present


def view(agent: AgentRecord, *, reachable: bool) -> made.AgentChanged:
    """Return an agent as desktops and the wall board show them."""
    return made.AgentChanged(
        agent_id=agent.agent_id,
        tenant=agent.tenant,
        status=agent.status,
        status_reason=agent.status_reason,
        next_status=agent.next_status,
        version=agent.version,
        state=agent.state if reachable or engaged(agent) else AgentState.UNREACHABLE,
        reachable=reachable,
        session=agent.session,
    )
