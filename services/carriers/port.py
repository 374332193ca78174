"""What call control asks of a carrier, in words that no carrier owns.

Every call may be repeated: a leg that is gone stays gone, and names (conference = contact, label = reservation) let the
caller look before it repeats what would happen twice.
"""

from dataclasses import dataclass, field
from typing import Protocol

from schemas.errors import CarrierUnavailable
from schemas.ids import ContactId, ReservationId


class CarrierRefused(CarrierUnavailable):
    """The carrier understood and said no: repeating the same request is useless. `status` is its HTTP status."""


class LegGone(CarrierRefused):
    """The leg has ended already, or never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentCall:
    """An agent's phone to be rung and put into a contact's conference."""

    account: str
    contact_id: ContactId
    reservation_id: ReservationId
    caller_id: str = field(repr=False)  # one of the tenant's own numbers
    endpoint: str = field(repr=False)  # client:, sip: or a number
    ring_s: int
    status_url: str = field(repr=False)  # where the carrier tells what becomes of the leg


@dataclass(frozen=True, slots=True)
class Participant:
    """A leg in a conference, or on its way into one."""

    call: str
    label: str | None


class CallControl(Protocol):
    """The part of a carrier's API that call control uses.

    All methods raise `CarrierUnavailable` when the outcome is unknown or a later attempt may succeed, and
    `CarrierRefused` when it will not.
    """

    async def participants(self, account: str, contact_id: ContactId) -> tuple[Participant, ...]:
        """Return who is in the contact's conference or on the way there; empty if there is none."""

    async def dial_agent(self, call: AgentCall) -> str:
        """Ring an agent's phone for a conference; return the carrier's id of that leg. Not idempotent: look first."""

    async def join_caller(self, account: str, call: str, contact_id: ContactId, *, return_url: str) -> None:
        """Move a caller into the contact's conference; afterwards the carrier asks `return_url` how to go on.

        Not idempotent: moving a caller who is in the conference ends it. Raises `LegGone` if the caller hung up.
        """

    async def send_back(self, account: str, call: str, *, return_url: str) -> None:
        """Take a caller out of a conference: the carrier asks `return_url` how to go on. Raises `LegGone`."""

    async def end_leg(self, account: str, call: str) -> None:
        """End a leg. Raises `LegGone` if it has ended."""

    async def live_calls(self, account: str) -> frozenset[str]:
        """Return the ids of all calls of the account that are up."""
