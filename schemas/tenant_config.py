"""A tenant's document: numbers, carriers, cell, queues, agents, hours and what the dialog may say.

Written as YAML by people, checked here, carried whole on the log. Secrets are never in it: it names them, and
services finds them in the environment or the data directory.
"""

from collections.abc import Sequence
from datetime import date, time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from schemas.ids import AgentId, CellId, QueueName, Skill, TenantId
from schemas.routing import EdgeModel, Requirement, SkillLevel

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$", description="E.164, such as +15005550001")]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        msg = f"no time zone is called {name!r}; use an IANA name such as America/New_York"
        raise ValueError(msg) from None
    return name


class CarrierAccount(EdgeModel):
    """An account at a carrier. `secret` names where its tokens are; two during a rotation."""

    carrier: Literal["twilio"]
    account: str = Field(min_length=1, max_length=64)
    secrets: tuple[str, ...] = Field(min_length=1, max_length=2, description="names of secrets, the newest first")


class Interval(EdgeModel):
    """Open from `opens` to `closes` on one day, local time; `closes` is later than `opens`."""

    opens: time
    closes: time

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.closes <= self.opens:
            msg = f"closes ({self.closes:%H:%M}) is not after opens ({self.opens:%H:%M}); split a night at 00:00"
            raise ValueError(msg)
        return self


class Hours(EdgeModel):
    """When the tenant is open. A day that is not listed is closed; `closed_on` overrides the week."""

    zone: Annotated[str, AfterValidator(_zone)]
    week: dict[Weekday, tuple[Interval, ...]]
    closed_on: tuple[date, ...] = ()


class Facility(EdgeModel):
    """What the dialog may tell without a person. Texts are by language, read out as written."""

    name: dict[str, str]
    address: dict[str, str]
    directions: dict[str, str] = Field(default_factory=dict)
    hours: Hours


class Queue(EdgeModel):
    """Where callers with the same needs wait."""

    name: QueueName = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    requires: tuple[Requirement, ...] = Field(min_length=1)
    intents: tuple[str, ...] = Field(default=(), description="which intents come here; each intent in one queue only")
    service_level_s: float = Field(default=60.0, gt=0, description="answered within this counts as in time")
    cost_rate: float = Field(default=1.0, gt=0, le=1000, description="what a minute of waiting here costs, relatively")


class Agent(EdgeModel):
    """A person on a desktop."""

    agent_id: AgentId = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")
    name: str = Field(max_length=80, description="as colleagues see it")
    role: Literal["agent", "nurse", "supervisor"] = "agent"
    endpoint: str = Field(pattern=r"^(client:|sip:|\+)\S{1,100}$", description="client:, sip: or a number")
    skills: tuple[SkillLevel, ...] = Field(min_length=1)


class Timers(EdgeModel):
    """How long the router waits, in seconds."""

    offer_s: float = Field(default=20.0, ge=1, le=120, description="an offer lapses")
    connecting_s: float = Field(default=30.0, ge=5, le=120, description="from accept to talking")
    wrap_up_s: float = Field(default=60.0, ge=1, le=3600, description="wrap-up ends by itself")
    exclusion_s: float = Field(
        default=120.0, ge=0, le=3600, description="who rejected a call is not asked again for it"
    )
    reconnect_s: float = Field(default=10.0, ge=0, le=120, description="grace for a desktop that lost its socket")


class Emergency(EdgeModel):
    """What is said first, and who is asked when a caller may be in danger."""

    notice: dict[str, str] = Field(min_length=1, description="by language; said before anything else")
    queue: QueueName
    fallback_number: PhoneNumber | None = Field(default=None, description="dialled when nothing else works")
    reserve: int = Field(default=0, ge=0, le=1000, description="idle agents of the queue kept for emergent callers")
    reserve_s: float = Field(default=120.0, gt=0, le=3600, description="no caller is kept waiting for them for longer")


class TenantConfig(EdgeModel):
    """One tenant."""

    tenant: TenantId = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    cell: CellId = Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")
    version: int = Field(default=1, ge=1)
    languages: tuple[Literal["en", "es"], ...] = Field(default=("en",), min_length=1)
    carriers: tuple[CarrierAccount, ...] = Field(min_length=1)
    numbers: tuple[PhoneNumber, ...] = Field(min_length=1)
    flow: str = "main"
    facility: Facility
    emergency: Emergency
    default_queue: QueueName
    queues: tuple[Queue, ...] = Field(min_length=1)
    agents: tuple[Agent, ...] = ()
    timers: Timers = Timers()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [queue.name for queue in self.queues]
        _unique("queue", names)
        _unique("agent", [agent.agent_id for agent in self.agents])
        _unique("intent", [intent for queue in self.queues for intent in queue.intents])
        for role, queue in (("default_queue", self.default_queue), ("emergency.queue", self.emergency.queue)):
            if queue not in names:
                msg = f"{role} {queue!r} is not among the queues {', '.join(names)}"
                raise ValueError(msg)
        known = self.skills
        for queue_ in self.queues:
            for requirement in queue_.requires:
                if self.agents and requirement.skill not in known:
                    msg = f"queue {queue_.name!r} requires skill {requirement.skill!r}, which no agent has"
                    raise ValueError(msg)
        for language in self.languages:
            for what, texts in (("emergency.notice", self.emergency.notice), ("facility.name", self.facility.name)):
                if language not in texts:
                    msg = f"{what} has no text in {language!r}"
                    raise ValueError(msg)
        return self

    @property
    def skills(self) -> frozenset[Skill]:
        """Every skill that some agent has."""
        return frozenset(level.skill for agent in self.agents for level in agent.skills)

    def queue_for(self, intent: str) -> QueueName:
        """Return the queue that an intent belongs to, else the default."""
        return next((queue.name for queue in self.queues if intent in queue.intents), self.default_queue)


def _unique(what: str, names: Sequence[str]) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        msg = f"{what} {', '.join(map(repr, doubled))} is listed twice"
        raise ValueError(msg)
