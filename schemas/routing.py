"""Words shared by facts and decisions: urgency, statuses, states, requirements and closed sets of reasons."""

from enum import IntEnum, StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

from schemas.ids import Skill


class LogModel(BaseModel):
    """A frozen record on the log. Readers ignore fields that they do not know: a newer release may have written it."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class EdgeModel(BaseModel):
    """Frozen input from HTTP, a socket or a file. Unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Urgency(IntEnum):
    """How soon a person is needed; lower sorts first. A model may raise it and never lower it."""

    EMERGENT = 0
    URGENT = 1
    ROUTINE = 2

    @property
    def word(self) -> str:
        """The urgency as it is written on the log and on screens."""
        return self.name.lower()


def _urgency_of(value: object) -> Urgency:
    if isinstance(value, Urgency):
        return value
    try:
        return Urgency[str(value).upper()]
    except KeyError:
        msg = "urgency is emergent, urgent or routine"
        raise ValueError(msg) from None


UrgencyWord = Annotated[
    Urgency,
    PlainValidator(_urgency_of, json_schema_input_type=str),
    PlainSerializer(lambda urgency: urgency.word, return_type=str),
]


class AgentStatus(StrEnum):
    """What the person declares."""

    AVAILABLE = "available"
    BREAK = "break"
    TRAINING = "training"
    OFFLINE = "offline"


class AgentState(StrEnum):
    """What the machine derives."""

    IDLE = "idle"
    RESERVED = "reserved"
    CONNECTING = "connecting"
    BUSY = "busy"
    WRAPPING = "wrapping"
    UNREACHABLE = "unreachable"


class ContactState(StrEnum):
    """Where a person who reached us stands."""

    ARRIVED = "arrived"
    IN_DIALOG = "in_dialog"
    SELF_SERVED = "self_served"
    HANDED_OFF = "handed_off"
    ENDED = "ended"


class ItemState(StrEnum):
    """Where the work that a contact asks for stands."""

    QUEUED = "queued"
    RESERVED = "reserved"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    WRAPPING = "wrapping"
    COMPLETED = "completed"
    ABANDONED = "abandoned"
    FAILED = "failed"


class ReservationState(StrEnum):
    """An agent's lease on a work item."""

    CREATED = "created"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    LAPSED = "lapsed"
    RESCINDED = "rescinded"  # the router took it back
    CANCELED = "canceled"  # the caller went away


class EndReason(StrEnum):
    """Why a contact ended; closed."""

    COMPLETED = "completed"  # a person served the caller
    SELF_SERVED = "self_served"
    ABANDONED_IN_DIALOG = "abandoned_in_dialog"
    ABANDONED_WAITING = "abandoned_waiting"
    ABANDONED_OFFERED = "abandoned_offered"
    ABANDONED_CONNECTING = "abandoned_connecting"
    FAILED = "failed"


class RequeueReason(StrEnum):
    """Why an item went back to its place in the queue; closed."""

    REJECTED = "rejected"
    LAPSED = "lapsed"
    UNREACHABLE = "unreachable"  # the agent's desktop is gone; not the agent's fault
    AGENT_LEG_FAILED = "agent_leg_failed"  # their phone was busy, failed or did not answer
    CARRIER_FAILED = "carrier_failed"  # the carrier refused or did not answer
    CONNECTING_EXPIRED = "connecting_expired"
    NEEDS_CHANGED = "needs_changed"  # it became more urgent and this agent may not take it


class CallEndCause(StrEnum):
    """How a leg ended, in one vocabulary for all carriers."""

    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    CANCELED = "canceled"


class Disposition(StrEnum):
    """What the agent records in wrap-up."""

    RESOLVED = "resolved"
    FOLLOW_UP = "follow_up"
    ESCALATED = "escalated"
    WRONG_NUMBER = "wrong_number"
    NOT_RECORDED = "not_recorded"  # the wrap-up timer ran out


class Relaxation(LogModel):
    """A step by which a soft requirement gives way while the caller waits."""

    after_s: float = Field(gt=0.0, le=86_400.0, description="seconds since the caller was queued")
    level_min: float | None = Field(
        default=None, ge=0.0, le=1.0, description="the proficiency that will do from then on; none: any agent will"
    )


class Requirement(LogModel):
    """One skill that a work item asks for.

    A hard one is never relaxed. A soft one with steps is required too, and gives way step by step; a soft one without
    steps keeps nobody away and only counts in the match score.
    """

    skill: Skill
    level_min: float = Field(default=0.0, ge=0.0, le=1.0, description="lowest proficiency that will do, 0..1")
    hard: bool = True
    weight: float = Field(default=1.0, gt=0.0, description="share in the match score, relative to other requirements")
    relax: tuple[Relaxation, ...] = Field(default=(), max_length=8, description="of a soft one; the earliest first")


class SkillLevel(LogModel):
    """What an agent can do, and how well."""

    skill: Skill
    level: float = Field(ge=0.0, le=1.0, description="proficiency, 0..1")
