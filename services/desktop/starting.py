"""Where a gateway begins: at the newest snapshot of each partition, with the desks that the router's state implies.

Folding `decisions` from the beginning of time would take longer every day. What a router folded into its state before
a snapshot is all that the desks of that moment show, so the desks are read off it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agent_gateway.desk import NOT_SEEN, Call, Desk, Offer, status_view
from router.engine import Engine
from router.entities import AgentRecord
from router.state import CellState
from schemas.decisions import position
from schemas.gateway_frames import OfferView
from schemas.routing import ItemState
from services.routing import snapshots
from services.runtime.bus import Bus
from services.runtime.telemetry import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """`offsets` says where to read `decisions` from, by partition (others: from the beginning), `desks` what held."""

    offsets: Mapping[int, int]
    desks: tuple[Desk, ...] = ()


async def newest_start(bus: Bus) -> Start:
    """Return the start that the newest snapshots allow. Raises `BusUnavailable`."""
    offsets: dict[int, int] = {}
    desks: list[Desk] = []
    for partition in range(bus.partitions):
        snapshot = await snapshots.load(bus, partition)
        if snapshot is None:
            continue
        try:
            desks += desks_of(snapshot.image, decisions_next=snapshot.decisions_next)
        except (ValidationError, LookupError, ValueError) as error:  # written by a release that we cannot read
            _log.warning("desktop.snapshot_unreadable", partition=partition, error=type(error).__name__)
        else:
            offsets[partition] = snapshot.decisions_next
    return Start(offsets, tuple(desks))


def desks_of(image: Mapping[str, Any], *, decisions_next: int) -> list[Desk]:
    """Return the desks of all agents in a partition's image, as of the last record before `decisions_next`.

    Their position is the last before that record: every change of theirs was at or before it, and whatever comes is
    after it.
    """
    at = position(decisions_next, 0) - 1
    return [desk for state in image["cells"].values() for desk in _desks(Engine.restore(state).state, at)]


def _desks(state: CellState, at: int) -> Iterator[Desk]:
    for agent in state.agents.values():
        told = agent.announced
        desk = Desk(
            agent.agent_id,
            position=max(at, 0),
            status=status_view(told) if told is not None else NOT_SEEN,
            session=told.session if told is not None else None,
        )
        yield _with_work(desk, state, agent)


def _with_work(desk: Desk, state: CellState, agent: AgentRecord) -> Desk:
    reservation = state.reservations.get(agent.reservation_id) if agent.reservation_id is not None else None
    if reservation is None:
        return desk
    item = state.items[reservation.item_id]
    view = OfferView(
        contact_id=item.contact_id,
        item_id=item.item_id,
        reservation_id=reservation.reservation_id,
        queue=item.queue,
        intent=item.intent,
        urgency=item.urgency,
        language=item.language,
        queued_at=item.queued_at,
        deadline=reservation.expires_at,
        why=reservation.why,
    )
    offer = Offer(view, item.tenant, reservation.sealed)
    since = reservation.since or item.queued_at  # of an older release's snapshot
    if item.state is ItemState.RESERVED:
        return Desk(desk.agent_id, desk.position, desk.status, desk.session, offer=offer)
    if item.state is ItemState.CONNECTING:
        call = Call(offer, "connecting", since=since, deadline=reservation.expires_at)
    elif item.state is ItemState.CONNECTED:
        call = Call(offer, "connected", since=since, deadline=reservation.expires_at)
    elif item.state is ItemState.WRAPPING:
        call = Call(offer, "wrapping", since=since, deadline=reservation.expires_at)
    else:
        return desk
    return Desk(desk.agent_id, desk.position, desk.status, desk.session, call=call)
