"""What the decisions say about who is on the line: kept in memory, gathered from the log, and never written anywhere.

It answers three questions: does a reservation still stand, what is known of a caller, and who is believed to be there.
"""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from schemas.decisions import (
    AgentReserved,
    CallerJoining,
    ContactEnded,
    Decision,
    ItemCompleted,
    ItemConnecting,
    ItemQueued,
    ItemRequeued,
    ItemWrapping,
    LegReleased,
    ReservationCanceled,
    ReservationLapsed,
    ReservationRescinded,
    UrgencyChanged,
)
from schemas.ids import CellId, ContactId, ReservationId, TenantId
from schemas.routing import Urgency

_ENDS_RESERVATION = (
    ReservationLapsed,
    ReservationRescinded,
    ReservationCanceled,
    ItemRequeued,
    ItemWrapping,
    ItemCompleted,
)


@dataclass(slots=True)
class Line:
    """A caller who waits for a person or speaks to one, as far as decisions tell."""

    contact_id: ContactId
    cell: CellId
    tenant: TenantId
    account: str = ""
    call: str = ""
    number: str = ""
    language: str | None = None
    intent: str | None = None
    urgency: Urgency | None = None
    fence: int = 0
    connect_by: datetime | None = None
    joining: ReservationId | None = None  # whose agent the caller is, or was last, to be moved to
    joining_again: bool = False  # there was another before: that move may have been done later than anyone waited
    told_gone: bool = False


class Followed:
    """The lines of the decisions followed so far. At most `contacts_max`; beyond, the oldest are forgotten."""

    def __init__(self, contacts_max: int) -> None:
        self._max = contacts_max
        self._lines: OrderedDict[ContactId, Line] = OrderedDict()
        self._over: OrderedDict[str, None] = OrderedDict()  # contacts and reservations that have ended

    def __iter__(self) -> Iterator[Line]:
        return iter(list(self._lines.values()))

    def line(self, contact_id: ContactId) -> Line | None:
        """Return what is known of a caller who is believed to be there."""
        return self._lines.get(contact_id)

    def stands(self, contact_id: ContactId, reservation_id: ReservationId, fence: int) -> bool:
        """Return whether a reservation may still be acted for: it has not ended and no later one has been made."""
        if contact_id in self._over or reservation_id in self._over:
            return False
        line = self._lines.get(contact_id)
        return line is None or fence >= line.fence

    def recall(self, line: Line) -> None:
        """Take a caller whom a snapshot tells of; whoever is known by decisions, or over, stays as they are."""
        if line.contact_id not in self._over:
            self._lines.setdefault(line.contact_id, line)
            self._keep_bound()

    def follow(self, cell: CellId, decision: Decision) -> None:
        """Take one decision. Seeing it again, or after later ones, changes nothing."""
        match decision:
            case ItemQueued() | AgentReserved() | ItemConnecting() | CallerJoining() | UrgencyChanged():
                self._learn(cell, decision)
            case ContactEnded(contact_id=contact):
                self._lines.pop(contact, None)
                self._end(contact)
            case LegReleased(leg="agent", reservation_id=reservation) if reservation is not None:
                self._end(reservation)
            case _ if isinstance(decision, _ENDS_RESERVATION):
                self._end(decision.reservation_id)

    def _learn(
        self, cell: CellId, decision: ItemQueued | AgentReserved | ItemConnecting | CallerJoining | UrgencyChanged
    ) -> None:
        contact = decision.contact_id
        if contact in self._over:
            return
        line = self._lines.get(contact)
        if line is None:
            if isinstance(decision, UrgencyChanged):
                return
            line = self._lines[contact] = Line(contact, cell, decision.tenant)
            self._keep_bound()
        match decision:
            case ItemQueued() | AgentReserved():
                line.language, line.intent, line.urgency = decision.language, decision.intent, decision.urgency
            case UrgencyChanged():
                line.urgency = decision.urgency
            case ItemConnecting():
                line.account, line.call, line.number = decision.account, decision.call, decision.number
                line.connect_by = decision.expires_at
            case CallerJoining():
                line.account, line.call = decision.account, decision.call
                line.joining_again |= line.joining not in {None, decision.reservation_id}
                line.joining = decision.reservation_id
        if not isinstance(decision, ItemQueued | UrgencyChanged):
            line.fence = max(line.fence, decision.fence)

    def _keep_bound(self) -> None:
        while len(self._lines) > self._max:
            self._lines.popitem(last=False)

    def _end(self, name: str) -> None:
        self._over[name] = None
        self._over.move_to_end(name)
        while len(self._over) > 2 * self._max:
            self._over.popitem(last=False)
