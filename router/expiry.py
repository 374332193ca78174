"""What follows from a timer that is due: an offer without answer, a connection that took too long, a lost desktop.

And from one that nobody could look at: it is put off by as long.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

from router import requirements
from router.entities import AgentRecord, Item, Reservation
from router.judgement import complete, divert, requeue, take_back, view
from router.state import CellState
from schemas import decisions as made
from schemas.ids import AgentId, ContactId, ItemId, ReservationId
from schemas.routing import Disposition, ItemState, RequeueReason, ReservationState

EXTENSIONS_MAX: Final = 1_000  # in one decision


def expire(state: CellState, kind: str, name: str, now: datetime) -> Iterator[made.Decision]:
    """Yield what follows from a timer that is due."""
    if kind == "contact":
        yield from divert(state, name, reason="dialog_lost")
    elif kind == "reservation":
        yield from _expire_reservation(state, state.reservations[ReservationId(name)], now)
    elif kind == "agent":
        yield from _expire_presence(state, state.agents[AgentId(name)])
    else:
        yield from _change(state, state.items[ItemId(name)], now)


def _change(state: CellState, item: Item, now: datetime) -> Iterator[made.Decision]:
    """A hold on a waiting item is over, or a soft requirement of it gives way: whoever is free is looked at anew."""
    waited_s = (now - item.queued_at).total_seconds()
    stage = sum(moment <= waited_s for moment in requirements.moments(item.requirements))
    if stage > item.stage:
        yield made.ItemRelaxed(
            item_id=item.item_id,
            contact_id=item.contact_id,
            stage=stage,
            why=requirements.described(item.requirements, stage),
        )
    else:
        state.lines.refresh(item)


def contact_of(state: CellState, kind: str, name: str) -> ContactId | None:
    """Return whose timer it is; None for an agent's."""
    if kind == "contact":
        return ContactId(name)
    if kind == "reservation":
        return state.reservations[ReservationId(name)].contact_id
    return state.items[ItemId(name)].contact_id if kind == "item" else None


def _expire_reservation(state: CellState, reservation: Reservation, now: datetime) -> Iterator[made.Decision]:
    item = state.items[reservation.item_id]
    agent = state.agents[reservation.agent_id]
    until = now + timedelta(seconds=state.tenants[item.tenant].timers.exclusion_s)
    if item.state is ItemState.RESERVED and reservation.state is ReservationState.CREATED:
        reachable = agent.connected and not agent.unreachable
        yield made.ReservationLapsed(
            reservation_id=reservation.reservation_id,
            item_id=item.item_id,
            contact_id=item.contact_id,
            agent_id=agent.agent_id,
            reachable=reachable,
        )
        reason = RequeueReason.LAPSED if reachable else RequeueReason.UNREACHABLE
        yield requeue(item, reservation, reason, until)
    elif item.state is ItemState.CONNECTING:
        yield from take_back(state, item, reservation, RequeueReason.CONNECTING_EXPIRED, until)
    elif item.state is ItemState.WRAPPING:
        yield complete(item, reservation, Disposition.NOT_RECORDED)


def _expire_presence(state: CellState, agent: AgentRecord) -> Iterator[made.Decision]:
    held = state.reservations.get(agent.reservation_id) if agent.reservation_id else None
    if held is not None and held.state is ReservationState.CREATED:
        yield from take_back(state, state.items[held.item_id], held, RequeueReason.UNREACHABLE, None)
        agent = state.agents[agent.agent_id]
    yield view(agent, reachable=False)


def extensions(state: CellState, by: timedelta, now: datetime) -> list[made.DeadlinesExtended]:
    """Return what gives everyone the time back that passed while nobody could decide, in parts that fit a record.

    Nobody gets more than a whole new period, so that an outage that is thought longer than it was does no harm.
    """
    running = [
        made.ExtendedDeadline(
            reservation_id=reservation.reservation_id,
            agent_id=reservation.agent_id,
            expires_at=_extended(reservation, by, now),
        )
        for reservation in state.reservations.values()
        if state.items[reservation.item_id].state is not ItemState.CONNECTED
    ]
    leases = (agent.reachable_until for agent in state.agents.values())
    dialogs = (contact.silent_after for contact in state.contacts.values())
    if not running and all(deadline is None for deadline in chain(leases, dialogs)):
        return []
    parts = range(0, max(len(running), 1), EXTENSIONS_MAX)
    by_s = by.total_seconds()
    return [
        made.DeadlinesExtended(by_s=by_s, reservations=tuple(running[start : start + EXTENSIONS_MAX]))
        for start in parts
    ]


def _extended(reservation: Reservation, by: timedelta, now: datetime) -> datetime:
    whole = reservation.expires_at - (reservation.since or now)
    return max(reservation.expires_at, min(reservation.expires_at + by, now + whole))
