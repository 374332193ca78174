"""The addresses that we give to a carrier, and what is sealed inside them.

Webhooks and call control both make them and only webhooks read them, so they are made in one place.
"""

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field, ValidationError

from schemas.errors import MalformedInput, Unsealable
from schemas.ids import CellId, ContactId, ReservationId, TenantId
from schemas.routing import EdgeModel, UrgencyWord
from services.runtime.crypto import UrlSeal

BASE: Final = "/v1/carriers/twilio"
VOICE: Final = f"{BASE}/voice"
TURN: Final = f"{BASE}/turn"
STATUS: Final = f"{BASE}/status"
HOLD_MUSIC: Final = "/v1/media/hold.wav"
TOKEN_CHARS_MAX: Final = 4000  # a longer one was not made here
_STATUS_PURPOSE: Final = "status"
_MARK: Final = b'"returned":true'  # in what `returning` seals; a session has it nowhere, since JSON escapes quotes


class AgentLeg(EdgeModel):
    """Whose leg a status is about; inside the status address of an agent's leg."""

    contact: ContactId
    tenant: TenantId
    cell: CellId
    reservation: ReservationId


class Returning(EdgeModel):
    """A caller who comes out of the conference; inside the address that the carrier asks then.

    `ordinal` grows with each conference of the contact. What they came for is there if call control knew it.
    """

    contact: ContactId
    tenant: TenantId
    cell: CellId
    account: str
    call: str
    number: str
    ordinal: int = Field(ge=0)
    language: str | None = None
    intent: str | None = None
    urgency: UrgencyWord | None = None
    returned: Literal[True] = True


@dataclass(frozen=True, slots=True)
class CarrierAddresses:
    """Builds and opens addresses. `public_url` is ours as the carrier reaches it, without a path."""

    public_url: str
    seal: UrlSeal

    @property
    def hold_music(self) -> str:
        """Where the carrier fetches the music."""
        return self.public_url + HOLD_MUSIC

    def turn(self, payload: bytes, *, account: str, call: str) -> str:
        """Return the address of a call's next turn, which opens for this call only."""
        return f"{self.public_url}{TURN}?s={self.seal.seal(payload, bound_to=_of_call('turn', account, call))}"

    def again(self, url: str, payload: bytes, *, account: str, call: str) -> str:
        """Return a webhook's own address, to be asked once more with what it had heard."""
        joint = "&" if "?" in url else "?"
        return f"{url}{joint}h={self.seal.seal(payload, bound_to=_of_call('heard', account, call))}"

    def returning(self, leg: Returning) -> str:
        """Return where a caller goes on who comes out of the conference."""
        return self.turn(leg.model_dump_json(exclude_none=True).encode(), account=leg.account, call=leg.call)

    def agent_status(self, leg: AgentLeg) -> str:
        """Return where the carrier tells what becomes of an agent's leg."""
        token = self.seal.seal(leg.model_dump_json().encode(), bound_to=_STATUS_PURPOSE)
        return f"{self.public_url}{STATUS}?s={token}"

    def open_turn(self, token: str, *, account: str, call: str) -> bytes:
        """Return what `turn` sealed; raises `Unsealable` if it was cut, changed or made for another call."""
        return self._open(token, bound_to=_of_call("turn", account, call))

    def open_heard(self, token: str, *, account: str, call: str) -> bytes:
        """Return what `again` sealed; raises `Unsealable`."""
        return self._open(token, bound_to=_of_call("heard", account, call))

    def open_agent_status(self, token: str) -> AgentLeg:
        """Return whose leg it is; raises `MalformedInput` (`Unsealable` included)."""
        try:
            return AgentLeg.model_validate_json(self._open(token, bound_to=_STATUS_PURPOSE))
        except ValidationError:
            raise MalformedInput("the token names no leg") from None

    def _open(self, token: str, *, bound_to: str) -> bytes:
        if len(token) > TOKEN_CHARS_MAX:
            raise Unsealable("the token is too long to be ours")
        return self.seal.open(token, bound_to=bound_to)


def _of_call(what: str, account: str, call: str) -> str:
    return f"{what}:{account}:{call}"


def returning_of(payload: bytes) -> Returning | None:
    """Return the caller who comes back, or None if the payload is a session of the dialog."""
    if _MARK not in payload:
        return None
    try:
        return Returning.model_validate_json(payload)
    except ValidationError:
        return None
