"""What the engine knows: frozen records, replaced and never changed, so that a fold is all or nothing.

They have no slots: a copy with changes, several for each fact, is much quicker without (`router.replacing`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from router import requirements
from schemas.decisions import AgentChanged
from schemas.envelope import Sealed
from schemas.ids import AgentId, ContactId, ItemId, QueueName, ReservationId, SessionId, TenantId
from schemas.routing import (
    AgentState,
    AgentStatus,
    CallEndCause,
    ContactState,
    Disposition,
    ItemState,
    Requirement,
    ReservationState,
    SkillLevel,
    Urgency,
    UrgencyWord,
)

WAITING: Final = frozenset({ItemState.QUEUED, ItemState.RESERVED, ItemState.CONNECTING})


@dataclass(frozen=True)
class Contact:
    """A person who reached us. When they are gone, only the id is kept, for a day."""

    contact_id: ContactId
    tenant: TenantId
    state: ContactState = ContactState.ARRIVED
    carrier: str = ""
    account: str = ""
    call: str = ""
    number: str = ""
    language: str = "en"
    intent: str = "agent.request"
    urgency: UrgencyWord = Urgency.ROUTINE
    urgency_by: str = "default"
    requirements: tuple[Requirement, ...] = ()
    sealed: Sealed | None = None
    self_served: bool = False
    spoken_to: bool = False  # a person has answered at least once
    leg_gone: bool = False
    handed_off_at: datetime | None = None
    requests: int = 0  # how often they asked for a person
    items: int = 0  # how many work items that has made; the next request makes another
    item_id: ItemId | None = None  # the live one
    turn: int = -1  # the latest of the dialog
    stray_legs: tuple[ReservationId, ...] = ()  # agents' phones that answered after their reservation had ended
    resets: int = 0  # how often its work was given up for a defect of ours
    silent_after: datetime | None = None  # the dialog is lost if nothing is heard until then


@dataclass(frozen=True)
class Item:
    """A piece of work that waits for an agent, or has one."""

    item_id: ItemId
    contact_id: ContactId
    tenant: TenantId
    queue: QueueName
    intent: str
    urgency: UrgencyWord
    language: str
    requirements: tuple[Requirement, ...]
    queued_at: datetime
    state: ItemState = ItemState.QUEUED
    reservation_id: ReservationId | None = None
    attempts: int = 0
    excluded: tuple[tuple[AgentId, datetime], ...] = ()
    cost_rate: float = 1.0  # what a minute of their waiting costs, beside others of the same urgency
    stage: int = 0  # how far soft requirements have given way
    held_until: datetime | None = None  # the latest recorded hold on it ends then

    @property
    def enforced(self) -> tuple[Requirement, ...]:
        """What an agent has to meet at this stage."""
        for requirement in self.requirements:
            if requirement.relax:
                return requirements.enforced(self.requirements, self.stage)
        return self.requirements

    @property
    def place(self) -> tuple[Urgency, datetime, ItemId]:
        """The order in which callers are served; ends in the id, so that ties cannot flicker."""
        return (self.urgency, self.queued_at, self.item_id)


@dataclass(frozen=True)
class Reservation:
    """An agent's lease on an item, and what is known of the agent's leg."""

    reservation_id: ReservationId
    fence: int
    item_id: ItemId
    contact_id: ContactId
    agent_id: AgentId
    expires_at: datetime
    state: ReservationState = ReservationState.CREATED
    leg_up: bool = False
    leg_lost: CallEndCause | None = None
    carrier_failed: bool = False
    since: datetime | None = None  # when the work came to be where it stands: offered, connecting, connected, wrapping
    why: str = ""  # what the agent was told
    sealed: Sealed | None = None  # and shown; kept here, since the contact may be over before the work is
    joining: bool = False  # the caller was told to join
    joined: bool = False
    hang_up_wanted: bool = False
    hang_up_told: bool = False
    disposition: Disposition | None = None


@dataclass(frozen=True)
class AgentRecord:
    """A person on a desktop."""

    agent_id: AgentId
    tenant: TenantId
    endpoint: str
    skills: tuple[SkillLevel, ...]
    listed: bool = True  # in the tenant's present document
    status: AgentStatus = AgentStatus.OFFLINE
    status_reason: str | None = None
    next_status: AgentStatus | None = None
    next_reason: str | None = None
    version: int = 0
    state: AgentState = AgentState.IDLE
    idle_since: datetime | None = None
    reservation_id: ReservationId | None = None
    session: SessionId | None = None
    connected: bool = False
    reachable_until: datetime | None = None  # end of the lease, or of the grace after a lost socket
    unreachable: bool = True
    announced: AgentChanged | None = field(default=None, compare=False)

    def level(self, skill: str) -> float | None:
        """Return the agent's proficiency, 0..1, or None without the skill."""
        for known in self.skills:
            if known.skill == skill:
                return known.level
        return None
