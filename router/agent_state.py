"""The agent's state: what the machine derives from decisions. What the person declares (status) is not in this table.

`unreachable` is not a row: an agent without work whose desktop is gone is shown as such, see `judgement.view`.
"""

from typing import Final

from router.tables import Table, transition
from schemas.routing import AgentState

_IDLE, _RESERVED, _CONNECTING = AgentState.IDLE, AgentState.RESERVED, AgentState.CONNECTING
_BUSY, _WRAPPING = AgentState.BUSY, AgentState.WRAPPING

TRANSITIONS: Final[Table[AgentState]] = {
    (_IDLE, "agent.reserved"): _RESERVED,
    (_RESERVED, "item.requeued"): _IDLE,
    (_RESERVED, "reservation.canceled"): _IDLE,
    (_RESERVED, "item.connecting"): _CONNECTING,
    (_CONNECTING, "item.requeued"): _IDLE,
    (_CONNECTING, "reservation.canceled"): _IDLE,
    (_CONNECTING, "item.connected"): _BUSY,
    (_BUSY, "item.wrapping"): _WRAPPING,
    (_WRAPPING, "item.completed"): _IDLE,
}


def next_state(state: AgentState, event: str) -> AgentState:
    """Return the agent's state after a decision about the work that they hold."""
    return transition("agent", TRANSITIONS, state, event)
