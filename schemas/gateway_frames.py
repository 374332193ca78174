"""The frames between a desktop and its gateway: JSON text with `type`.

`seq` is on every frame that a decision caused: the decision's position in the log (see `decisions.position`). A desktop
that lost its socket says `hello` with the last `seq` it saw, and gets what it missed.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.envelope import Instant
from schemas.ids import AgentId, ContactId, ItemId, QueueName, ReservationId, SessionId
from schemas.routing import AgentState, AgentStatus, Disposition, EdgeModel, LogModel, UrgencyWord

# ---- to the server


class Resume(EdgeModel):
    """Where a desktop had got to."""

    session: SessionId
    seq: int = Field(ge=0)


class Hello(EdgeModel):
    """The first frame."""

    type: Literal["hello"] = "hello"
    resume: Resume | None = None


class SetStatus(EdgeModel):
    """The person declares a status."""

    type: Literal["status.set"] = "status.set"
    status: AgentStatus
    reason: str | None = Field(default=None, max_length=40)


class AcceptOffer(EdgeModel):
    """Take the offer."""

    type: Literal["offer.accept"] = "offer.accept"
    reservation_id: ReservationId


class RejectOffer(EdgeModel):
    """Decline the offer."""

    type: Literal["offer.reject"] = "offer.reject"
    reservation_id: ReservationId
    reason: str | None = Field(default=None, max_length=40)


class HangUpCall(EdgeModel):
    """End the call."""

    type: Literal["call.hang_up"] = "call.hang_up"
    contact_id: ContactId


class FinishWrapUp(EdgeModel):
    """The work after the call is done."""

    type: Literal["wrap_up.done"] = "wrap_up.done"
    item_id: ItemId
    disposition: Disposition


class Pong(EdgeModel):
    """Answer to a ping."""

    type: Literal["pong"] = "pong"


ClientFrame = Annotated[
    Hello | SetStatus | AcceptOffer | RejectOffer | HangUpCall | FinishWrapUp | Pong, Field(discriminator="type")
]

# ---- from the server


class OfferView(LogModel):
    """An offer as a desktop shows it. `screen_pop` is patient data, opened for this agent."""

    contact_id: ContactId
    item_id: ItemId
    reservation_id: ReservationId
    queue: QueueName
    intent: str
    urgency: UrgencyWord
    language: str
    queued_at: Instant
    deadline: Instant
    why: str
    screen_pop: dict[str, Any] = Field(default_factory=dict, repr=False)


class CallView(OfferView):
    """The call that an agent has."""

    state: Literal["connecting", "connected", "wrapping"]
    since: Instant


class StatusView(LogModel):
    """What the server holds of an agent."""

    status: AgentStatus
    status_reason: str | None = None
    next_status: AgentStatus | None = None
    version: int
    state: AgentState


class Welcome(LogModel):
    """The answer to `hello`: who you are here, and how often you will be pinged."""

    type: Literal["welcome"] = "welcome"
    session: SessionId
    agent_id: AgentId
    name: str
    ping_s: float


class SnapshotFrame(LogModel):
    """All that a desktop shows, as of `seq`; every later decision follows."""

    type: Literal["snapshot"] = "snapshot"
    seq: int
    status: StatusView
    offer: OfferView | None = None
    call: CallView | None = None


class Resumed(LogModel):
    """What was missed has been sent; everything up to `seq` is known."""

    type: Literal["resumed"] = "resumed"
    seq: int


class OfferFrame(LogModel):
    """A contact is offered until its deadline."""

    type: Literal["offer"] = "offer"
    seq: int
    offer: OfferView


class OfferWithdrawn(LogModel):
    """The offer is over."""

    type: Literal["offer.withdrawn"] = "offer.withdrawn"
    seq: int
    reservation_id: ReservationId
    reason: Literal["accepted_elsewhere", "rejected", "lapsed", "rescinded", "caller_hung_up"]


class CallUpdated(LogModel):
    """The call moved on. `ended` has the reason."""

    type: Literal["call.updated"] = "call.updated"
    seq: int
    contact_id: ContactId
    item_id: ItemId
    reservation_id: ReservationId
    state: Literal["connecting", "connected", "wrapping", "ended"]
    reason: str | None = None
    deadline: Instant | None = None
    since: Instant | None = Field(default=None, description="when this state began")


class StatusChanged(LogModel):
    """The server's truth about the agent changed."""

    type: Literal["status.changed"] = "status.changed"
    seq: int
    status: StatusView


class Reconnect(LogModel):
    """This gateway is going away: connect anew `after_s` seconds from now, with `resume`, and not before.

    The socket is closed (1012) then or earlier; until it is, everything goes on. Each desktop gets another time, so
    that not all of them come to the other gateways at once.
    """

    type: Literal["reconnect"] = "reconnect"
    after_s: float = Field(ge=0)


class ErrorFrame(LogModel):
    """The last frame from the desktop was refused; the session lives unless the socket closes."""

    type: Literal["error"] = "error"
    code: Literal["malformed", "unknown_type", "not_yours", "hello_first", "replaced", "overloaded", "unavailable"]
    message: str


class Ping(LogModel):
    """Answer with pong."""

    type: Literal["ping"] = "ping"


ServerFrame = Annotated[
    Welcome
    | SnapshotFrame
    | Resumed
    | OfferFrame
    | OfferWithdrawn
    | CallUpdated
    | StatusChanged
    | Reconnect
    | ErrorFrame
    | Ping,
    Field(discriminator="type"),
]


class CloseCode:
    """Why the gateway closes a socket."""

    NO_HELLO = 4400
    BAD_TICKET = 4401
    TOO_SLOW = 4408
    REPLACED = 4409
    SILENT = 4410
    OVERLOADED = 4429
    TOO_BIG = 1009
    RESTARTING = 1012
