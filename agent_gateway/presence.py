"""Signs of life, and whom the gateway vouches for.

Presence is a lease: the gateway renews it on the log for every session that answers. A desktop that sleeps keeps its
socket open for minutes, so an open socket proves nothing; a session with an unanswered ping is not vouched for, and
its lease runs out by itself. Two pings unanswered, and the socket is closed. A gateway that stood still for longer than
a lease asks first, and vouches for who answers.
"""

from enum import Enum
from typing import Final

from schemas.agents import AgentConnected, PresenceRenewed
from schemas.ids import AgentId, SessionId

UNANSWERED_MAX: Final = 2


class Beat(Enum):
    """What a session owes at some moment."""

    REST = "rest"
    PING = "ping"
    SILENT = "silent"  # it has not answered for too long


class Pulse:
    """The pings of one session. Times are monotonic seconds."""

    __slots__ = ("_due_at", "unanswered")

    def __init__(self, now: float, *, ping_s: float) -> None:
        self._due_at = now + ping_s
        self.unanswered = 0
        """How many pings in a row had no answer yet."""

    def answered(self) -> None:
        """The desktop is there."""
        self.unanswered = 0

    def doubt(self, now: float, *, ping_s: float) -> None:
        """What was answered is too long ago to say anything. The caller sends a ping."""
        self._due_at = now + ping_s
        self.unanswered = max(self.unanswered, 1)

    def beat(self, now: float, *, ping_s: float) -> Beat:
        """Say what is due now. A `PING` counts as sent."""
        if now < self._due_at:
            return Beat.REST
        if self.unanswered >= UNANSWERED_MAX:
            return Beat.SILENT
        self._due_at = now + ping_s
        self.unanswered += 1
        return Beat.PING


def vouch(
    agent_id: AgentId, session: SessionId, *, announced: bool, lease_s: float
) -> AgentConnected | PresenceRenewed:
    """Return the fact that keeps an agent reachable for `lease_s` seconds.

    A session that the log may not know yet (`announced` is False: it is new, or the bus was away) is announced, again
    if need be; renewing what nobody knows would be ignored.
    """
    kind = PresenceRenewed if announced else AgentConnected
    return kind(agent_id=agent_id, session=session, lease_s=lease_s)
