"""Holds: what keeps an idle agent from a caller whom they may serve. Each has a name, and an end.

* `excluded`: the agent rejected this very item, or did not answer; it is not offered to them for a while.
* `reserve`: the last idle agents of the emergency queue are kept for emergent callers, up to `reserve_s` a caller.

No hold keeps anyone from an emergent caller.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from router.entities import Item
from router.state import CellState
from schemas.ids import AgentId
from schemas.routing import Urgency

EXCLUDED: Final = "excluded"
RESERVE: Final = "reserve"


class Hold(NamedTuple):
    """A hold's name, and when it ends by itself."""

    name: str
    until: datetime


_NONE: Final[Mapping[AgentId, Hold]] = {}


def holds_on(state: CellState, item: Item, now: datetime) -> Mapping[AgentId, Hold]:
    """Return which free agents are held from a waiting item; some of them may not be fit for it anyway."""
    if item.urgency is Urgency.EMERGENT:
        return _NONE
    until = state.reserve_ends(item)
    reserved = until is not None and until > now
    if not reserved and not item.excluded:
        return _NONE
    held = dict.fromkeys(_reserve(state, item), Hold(RESERVE, until)) if reserved and until else {}
    held.update({agent: Hold(EXCLUDED, ends) for agent, ends in item.excluded if ends > now})
    return held


def _reserve(state: CellState, item: Item) -> list[AgentId]:
    """Return the idle agents of the emergency queue if there are so few that they are kept."""
    free = state.emergency_need(item.tenant).free
    kept = state.tenants[item.tenant].emergency.reserve
    return [] if len(free) > kept else [rank[2] for rank in free]
