"""What the router decides. One record on `decisions` is a claim, a heartbeat or a step (DESIGN 3.1).

A step holds everything that one step of one cell decided, in order; it is one record and therefore atomic. All in one
module, though it is long: this is the vocabulary of one topic, and its readers want it in one place.
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.after_hours import AfterHoursTaken
from schemas.envelope import Instant, Sealed
from schemas.ids import AgentId, CellId, ContactId, EventId, ItemId, QueueName, ReservationId, SessionId, TenantId
from schemas.routing import (
    AgentState,
    AgentStatus,
    Disposition,
    EndReason,
    ItemState,
    LogModel,
    RequeueReason,
    Requirement,
    UrgencyWord,
)


class ItemQueued(LogModel):
    """A contact asks for a person; its work item takes a place."""

    type: Literal["item.queued"] = "item.queued"
    item_id: ItemId
    contact_id: ContactId
    tenant: TenantId
    queue: QueueName
    intent: str
    urgency: UrgencyWord
    language: str
    requirements: tuple[Requirement, ...]
    queued_at: Instant = Field(description="its place; earlier is served earlier within an urgency")
    cost_rate: float = Field(default=1.0, gt=0.0, description="what a minute of waiting costs, beside others' minutes")
    why: str = Field(description="which rule chose the queue and the urgency, in words without patient data")


class UrgencyChanged(LogModel):
    """A waiting item became more urgent; it moves up, and may change queue and requirements."""

    type: Literal["item.urgency_changed"] = "item.urgency_changed"
    item_id: ItemId
    contact_id: ContactId
    queue: QueueName
    urgency: UrgencyWord
    requirements: tuple[Requirement, ...]
    why: str


class ItemRelaxed(LogModel):
    """Soft requirements of a waiting item gave way: more agents may take it."""

    type: Literal["item.relaxed"] = "item.relaxed"
    item_id: ItemId
    contact_id: ContactId
    stage: int = Field(ge=1, description="how many moments have passed at which something gives way")
    why: str


class ItemHeld(LogModel):
    """A waiting item stays apart from idle agents who may take it, for a named reason and until a stated time."""

    type: Literal["item.held"] = "item.held"
    item_id: ItemId
    contact_id: ContactId
    hold: str = Field(description="such as `reserve`: the agents are kept for emergent callers")
    until: Instant
    agents: int = Field(ge=1, description="how many idle agents it was kept from when it began")


class Candidate(LogModel):
    """One agent who was considered, and what spoke for or against."""

    agent_id: AgentId
    eligible: bool
    score: float | None = None  # 0..1, of those who are eligible
    idle_since: Instant | None = None
    excluded_by: str | None = None  # the constraint that excluded them


class AgentReserved(LogModel):
    """An agent holds the item until `expires_at`. Carries all that the desktop shows."""

    type: Literal["agent.reserved"] = "agent.reserved"
    reservation_id: ReservationId
    fence: int = Field(description="grows with every reservation of the cell; an act for an older one is refused")
    item_id: ItemId
    contact_id: ContactId
    agent_id: AgentId
    tenant: TenantId
    queue: QueueName
    intent: str
    urgency: UrgencyWord
    language: str
    queued_at: Instant
    expires_at: Instant
    why: str = Field(description="one sentence for the agent: why you")
    candidates: tuple[Candidate, ...] = Field(default=(), description="at most 20, best first, then the excluded")
    considered: int = Field(default=0, description="how many agents were looked at in all")
    sealed: Sealed | None = None


class ReservationLapsed(LogModel):
    """The offer's time is over without an answer."""

    type: Literal["reservation.lapsed"] = "reservation.lapsed"
    reservation_id: ReservationId
    item_id: ItemId
    contact_id: ContactId
    agent_id: AgentId
    reachable: bool = Field(description="False: the desktop was gone, so it is not ring-no-answer")


class ReservationRescinded(LogModel):
    """The router took the offer back."""

    type: Literal["reservation.rescinded"] = "reservation.rescinded"
    reservation_id: ReservationId
    item_id: ItemId
    contact_id: ContactId
    agent_id: AgentId
    reason: RequeueReason


class ReservationCanceled(LogModel):
    """The caller went away; the agent is free without wrap-up."""

    type: Literal["reservation.canceled"] = "reservation.canceled"
    reservation_id: ReservationId
    item_id: ItemId
    contact_id: ContactId
    agent_id: AgentId


class ItemRequeued(LogModel):
    """The item is back in its old place; `excluded_agent` is not asked again until `excluded_until`."""

    type: Literal["item.requeued"] = "item.requeued"
    item_id: ItemId
    contact_id: ContactId
    reservation_id: ReservationId
    agent_id: AgentId
    reason: RequeueReason
    excluded_until: Instant | None = None


class ItemConnecting(LogModel):
    """The agent accepted: call control dials `endpoint` into the conference named after the contact."""

    type: Literal["item.connecting"] = "item.connecting"
    item_id: ItemId
    contact_id: ContactId
    reservation_id: ReservationId
    fence: int
    agent_id: AgentId
    tenant: TenantId
    carrier: str
    account: str
    call: str
    number: str
    endpoint: str = Field(description="client:, sip: or a number")
    expires_at: Instant


class CallerJoining(LogModel):
    """The agent's phone is up: call control moves the caller into the conference."""

    type: Literal["item.caller_joining"] = "item.caller_joining"
    item_id: ItemId
    contact_id: ContactId
    reservation_id: ReservationId
    fence: int
    agent_id: AgentId
    tenant: TenantId
    carrier: str
    account: str
    call: str


class ItemConnected(LogModel):
    """Caller and agent talk."""

    type: Literal["item.connected"] = "item.connected"
    item_id: ItemId
    contact_id: ContactId
    reservation_id: ReservationId
    agent_id: AgentId


class LegReleased(LogModel):
    """Call control ends a leg that serves nothing any more: `agent` for a reservation, `caller` on hang-up."""

    type: Literal["leg.released"] = "leg.released"
    contact_id: ContactId
    leg: Literal["agent", "caller"]
    reservation_id: ReservationId | None = None
    tenant: TenantId
    carrier: str
    account: str
    call: str = Field(description="the caller's leg")


class ItemWrapping(LogModel):
    """The call is over and the agent finishes the work, until `expires_at` at the latest."""

    type: Literal["item.wrapping"] = "item.wrapping"
    item_id: ItemId
    contact_id: ContactId
    reservation_id: ReservationId
    agent_id: AgentId
    expires_at: Instant


class ItemCompleted(LogModel):
    """The work is done."""

    type: Literal["item.completed"] = "item.completed"
    item_id: ItemId
    contact_id: ContactId
    reservation_id: ReservationId
    agent_id: AgentId
    disposition: Disposition


class ItemAbandoned(LogModel):
    """The caller went away before a person spoke to them."""

    type: Literal["item.abandoned"] = "item.abandoned"
    item_id: ItemId
    contact_id: ContactId
    state: ItemState = Field(description="where it stood: queued, reserved or connecting")


class ContactDiverted(LogModel):
    """A contact in dialog is taken to a person: the dialog went silent, or its fact was poison."""

    type: Literal["contact.diverted"] = "contact.diverted"
    contact_id: ContactId
    reason: Literal["dialog_lost", "fact_rejected"]


class ContactEnded(LogModel):
    """The contact is over, for exactly one reason."""

    type: Literal["contact.ended"] = "contact.ended"
    contact_id: ContactId
    tenant: TenantId
    reason: EndReason


class ReleasedWork(LogModel):
    """One work item that is given up, and the agent who held it."""

    item_id: ItemId
    reservation_id: ReservationId | None = None
    agent_id: AgentId | None = None


class ContactReset(LogModel):
    """What a contact's state called for cannot be done (a defect of ours): its work is given up, and begun anew."""

    type: Literal["contact.reset"] = "contact.reset"
    contact_id: ContactId
    tenant: TenantId
    reason: str = Field(description="the error's kind; never the contact's content")
    released: tuple[ReleasedWork, ...] = ()


class AgentChanged(LogModel):
    """What a desktop and the wall board show of an agent; recorded whenever any of it changes."""

    type: Literal["agent.changed"] = "agent.changed"
    agent_id: AgentId
    tenant: TenantId
    status: AgentStatus
    status_reason: str | None = None
    next_status: AgentStatus | None = None
    version: int = Field(description="grows with every change of status or next status")
    state: AgentState
    reachable: bool = Field(default=True, description="False: the desktop is gone and the grace is over")
    session: SessionId | None = Field(default=None, description="the session that counts; others are superseded")


class ConfigAdopted(LogModel):
    """The cell decides by this version of a tenant's document from here on."""

    type: Literal["config.adopted"] = "config.adopted"
    tenant: TenantId
    version: int


class ExtendedDeadline(LogModel):
    """When a reservation expires now: as an offer, while it connects, or in wrap-up."""

    reservation_id: ReservationId
    agent_id: AgentId
    expires_at: Instant


class DeadlinesExtended(LogModel):
    """Nobody could decide for a while: whoever had so many seconds left before has them again."""

    type: Literal["deadlines.extended"] = "deadlines.extended"
    by_s: float = Field(gt=0, description="how long nobody decided")
    grace_s: float = Field(default=30.0, description="leases and silent dialogs move by `by_s`, up to so far from now")
    reservations: tuple[ExtendedDeadline, ...] = ()


class FactRejected(LogModel):
    """A fact that could not be folded. Every fold of this log skips it; its contact goes to the fallback queue."""

    type: Literal["fact.rejected"] = "fact.rejected"
    offset: int
    fact_id: EventId
    fact_type: str
    subject: str
    reason: str = Field(description="the error's kind and place; never the fact's content")


class Unrecognised(LogModel):
    """Stands where a newer release recorded something that this one does not know; keeps the others' positions."""

    type: Literal["unrecognised"] = "unrecognised"


Decision = Annotated[
    ItemQueued
    | AfterHoursTaken
    | UrgencyChanged
    | ItemRelaxed
    | ItemHeld
    | AgentReserved
    | ReservationLapsed
    | ReservationRescinded
    | ReservationCanceled
    | ItemRequeued
    | ItemConnecting
    | CallerJoining
    | ItemConnected
    | LegReleased
    | ItemWrapping
    | ItemCompleted
    | ItemAbandoned
    | ContactDiverted
    | ContactEnded
    | ContactReset
    | AgentChanged
    | ConfigAdopted
    | DeadlinesExtended
    | FactRejected
    | Unrecognised,
    Field(discriminator="type"),
]


class Claim(LogModel):
    """A router takes the partition over. The record's own offset is the epoch."""

    type: Literal["router.claim"] = "router.claim"
    schema_version: Literal[1] = 1
    owner: str = Field(description="which process claims, and its incarnation")
    ordinal: int | None = Field(default=None, ge=0, description="its number among the routers")
    versions: dict[str, str] = Field(description="of engine, policy and models")


class Heartbeat(LogModel):
    """An owner with nothing to decide is alive; counts in `seq` like a step."""

    type: Literal["router.heartbeat"] = "router.heartbeat"
    schema_version: Literal[1] = 1
    epoch: int
    seq: int
    sent_at: Instant | None = None
    leaving: bool = Field(default=False, description="its last record: whoever stands by takes over at once")


class Step(LogModel):
    """All that one step of one cell decided."""

    type: Literal["router.step"] = "router.step"
    schema_version: Literal[1] = 1
    epoch: int = Field(ge=0)
    seq: int = Field(ge=1, description="counts from 1 within an epoch, over the whole partition")
    cell: CellId
    cause: int = Field(ge=-1, description="last `intake` offset of the cell folded before deciding; -1: none yet")
    decided_at: Instant
    decisions: tuple[Decision, ...]


DecisionRecord = Annotated[Claim | Heartbeat | Step, Field(discriminator="type")]


DECISIONS_PER_STEP_MAX = 1024


def position(offset: int, index: int) -> int:
    """Number the index-th decision of the step at `offset`; grows along the log, below 2**53 for any real offset."""
    return offset * DECISIONS_PER_STEP_MAX + index


def offset_of(seq: int) -> int:
    """Return the offset of the step that a position is in."""
    return seq // DECISIONS_PER_STEP_MAX


class SnapshotChunk(LogModel):
    """One chunk of the folded state of a partition, of a prefix that was read back as valid."""

    type: Literal["router.snapshot"] = "router.snapshot"
    schema_version: Literal[1] = 1
    partition: int
    epoch: int
    seq: int
    intake_next: int = Field(description="first `intake` offset that no engine of the partition has folded")
    decisions_next: int = Field(description="offset to go on reading `decisions` from")
    chunk: int
    chunks: int
    text: str = Field(repr=False, description="this chunk's part of the state's JSON text")
