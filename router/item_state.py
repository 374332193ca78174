"""The work item: what is routed. Only decisions move it, so no row is for lateness: a pair not listed is our defect."""

from typing import Final

from router.tables import Table, transition
from schemas.routing import ItemState

_QUEUED, _RESERVED, _CONNECTING = ItemState.QUEUED, ItemState.RESERVED, ItemState.CONNECTING
_CONNECTED, _WRAPPING = ItemState.CONNECTED, ItemState.WRAPPING

TRANSITIONS: Final[Table[ItemState]] = {
    (_QUEUED, "item.urgency_changed"): _QUEUED,
    (_QUEUED, "item.relaxed"): _QUEUED,
    (_QUEUED, "item.held"): _QUEUED,
    (_QUEUED, "agent.reserved"): _RESERVED,
    (_QUEUED, "item.abandoned"): ItemState.ABANDONED,
    (_RESERVED, "item.urgency_changed"): _RESERVED,
    (_RESERVED, "item.requeued"): _QUEUED,
    (_RESERVED, "item.connecting"): _CONNECTING,
    (_RESERVED, "item.abandoned"): ItemState.ABANDONED,
    (_CONNECTING, "item.urgency_changed"): _CONNECTING,
    (_CONNECTING, "item.caller_joining"): _CONNECTING,
    (_CONNECTING, "item.requeued"): _QUEUED,
    (_CONNECTING, "item.connected"): _CONNECTED,
    (_CONNECTING, "item.abandoned"): ItemState.ABANDONED,
    (_CONNECTED, "item.wrapping"): _WRAPPING,
    (_WRAPPING, "item.completed"): ItemState.COMPLETED,
}


def next_state(state: ItemState, event: str) -> ItemState:
    """Return the item's state after a decision."""
    return transition("item", TRANSITIONS, state, event)
