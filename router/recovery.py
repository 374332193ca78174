"""When judging a contact raises: a defect of ours, which must not stop the calls of everyone else.

The contact's work is given up, its agents are released, and it asks for a person anew. A contact that cannot be judged
after that either is left alone until its caller is gone: whoever watches the counter of resets has to look.
"""

from collections.abc import Iterator
from typing import Final

from router.state import CellState
from schemas import decisions as made
from schemas.ids import ContactId
from schemas.routing import EndReason, ItemState

RESETS_MAX: Final = 2


def reset(state: CellState, name: ContactId, error: Exception) -> Iterator[made.Decision]:
    """Yield what gives a contact a fresh start; nothing for one that is not known."""
    contact = state.contacts.get(name)
    if contact is None:
        return
    items = [item for item in state.items.values() if item.contact_id == name]
    released = []
    for item in items:
        reservation = state.reservations.get(item.reservation_id) if item.reservation_id else None
        agent = reservation.agent_id if reservation else None
        released.append(made.ReleasedWork(item_id=item.item_id, reservation_id=item.reservation_id, agent_id=agent))
        if reservation is not None and item.state is ItemState.CONNECTING:
            yield made.LegReleased(
                contact_id=name,
                leg="agent",
                reservation_id=reservation.reservation_id,
                tenant=contact.tenant,
                carrier=contact.carrier,
                account=contact.account,
                call=contact.call,
            )
    yield made.ContactReset(
        contact_id=name, tenant=contact.tenant, reason=type(error).__name__, released=tuple(released)
    )
    if contact.leg_gone and contact.resets >= RESETS_MAX:
        yield made.ContactEnded(contact_id=name, tenant=contact.tenant, reason=EndReason.FAILED)
