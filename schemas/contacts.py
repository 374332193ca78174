"""Facts about contacts and their legs, as they come from carriers and the dialog. They travel on `intake`."""

from typing import Literal

from pydantic import Field

from schemas.envelope import Sealed
from schemas.ids import ContactId, ReservationId
from schemas.routing import CallEndCause, LogModel, Requirement, UrgencyWord


class ContactArrived(LogModel):
    """A person reached us."""

    type: Literal["contact.arrived"] = "contact.arrived"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    channel: Literal["voice"] = "voice"
    carrier: str = Field(description="such as twilio")
    account: str = Field(description="the carrier account that the call came in on")
    call: str = Field(description="the carrier's id of the caller's leg, for call control")
    number: str = Field(description="the tenant's own number that was dialled; not patient data")
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    answer_by_s: float = Field(default=60.0, gt=0, description="the dialog is silent if nothing follows within this")
    sealed: Sealed | None = None  # the caller's number


class DialogTurned(LogModel):
    """The caller said or pressed something, or stayed silent, and the dialog went on."""

    type: Literal["contact.dialog_turned"] = "contact.dialog_turned"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    turn: int = Field(ge=0)
    node: str = Field(description="where in the flow the dialog now stands")
    intent: str | None = None
    urgency: UrgencyWord | None = None
    understood_by: Literal["digit", "speech", "silence", "none"] = "none"
    answer_by_s: float = Field(default=60.0, gt=0)
    sealed: Sealed | None = None  # what was said


class HandedOff(LogModel):
    """The dialog is over and the caller waits for a person. Sent again, it raises urgency and never lowers it."""

    type: Literal["contact.handed_off"] = "contact.handed_off"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    intent: str = Field(description="one of the closed set of intents")
    urgency: UrgencyWord
    urgency_by: Literal["red_flag", "menu", "keyword", "default", "dialog_lost"] = "default"
    language: str = Field(default="en", pattern=r"^[a-z]{2}$")
    requirements: tuple[Requirement, ...] = ()  # beyond those of the queue
    reason: Literal["asked", "intent", "red_flag", "misunderstood", "silence", "dialog_lost", "agent_leg_lost"]
    returning: bool = False  # served before in this contact: keeps the first place in the queue
    sealed: Sealed | None = None  # the screen pop: what was said and verified


class UrgencyRaised(LogModel):
    """While waiting, the caller said something that needs a person sooner."""

    type: Literal["contact.urgency_raised"] = "contact.urgency_raised"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    urgency: UrgencyWord
    intent: str | None = None
    sealed: Sealed | None = None


class SelfServed(LogModel):
    """The caller got what they wanted without an agent."""

    type: Literal["contact.self_served"] = "contact.self_served"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    task: str


class CallerLegEnded(LogModel):
    """The caller's leg is gone. May arrive first of all, or an hour late."""

    type: Literal["leg.caller_ended"] = "leg.caller_ended"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    cause: CallEndCause


class AgentLegAnswered(LogModel):
    """The agent's phone was answered and stands in the conference."""

    type: Literal["leg.agent_answered"] = "leg.agent_answered"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    reservation_id: ReservationId


class AgentLegEnded(LogModel):
    """The agent's leg is gone: never answered, or hung up."""

    type: Literal["leg.agent_ended"] = "leg.agent_ended"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    reservation_id: ReservationId
    cause: CallEndCause


class CallerJoined(LogModel):
    """Call control moved the caller into the conference with the agent."""

    type: Literal["leg.caller_joined"] = "leg.caller_joined"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    reservation_id: ReservationId


class ConnectFailed(LogModel):
    """The carrier could not be made to connect agent and caller, after bounded retries."""

    type: Literal["leg.connect_failed"] = "leg.connect_failed"
    schema_version: Literal[1] = 1
    contact_id: ContactId
    reservation_id: ReservationId
    step: Literal["dial_agent", "join_caller"]
    carrier_status: int | None = None  # HTTP status; None: no answer
