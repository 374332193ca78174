"""A tenant's document: numbers, carriers, cell, queues, agents, hours and what the dialog may say.

Written as YAML by people, checked here, carried whole on the log. Secrets are never in it: it names them, and
services finds them in the environment or the data directory.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from schemas.after_hours import AfterHours
from schemas.errors import Inconsistent
from schemas.hours import Hours
from schemas.ids import AgentId, CellId, QueueName, Skill, TenantId
from schemas.routing import EdgeModel, Requirement, SkillLevel

CalendarName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
PhoneNumber = Annotated[str, Field(pattern=r"^\+[1-9][0-9]{6,14}$", description="E.164, such as +15005550001")]


class CarrierAccount(EdgeModel):
    """An account at a carrier. `secret` names where its tokens are; two during a rotation."""

    carrier: Literal["twilio"]
    account: str = Field(min_length=1, max_length=64)
    secrets: tuple[str, ...] = Field(min_length=1, max_length=2, description="names of secrets, the newest first")


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
    hours: str | None = Field(default=None, description="the calendar by which it is open; None: always")
    after_hours: AfterHours | None = Field(default=None, description="for callers who ask while it is closed")


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
    calendars: dict[CalendarName, Hours] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """Refuse names that lead nowhere; whoever folds a document may look every one of them up.

        Documents on the log are held to no more than this; what a new one is asked besides is
        `services.runtime.tenant_checks`.
        """
        _unique("queue", [queue.name for queue in self.queues])
        _unique("agent", [agent.agent_id for agent in self.agents])
        _unique("intent", [intent for queue in self.queues for intent in queue.intents])
        self._known_queues()
        self._known_calendars()
        self._known_skills()
        self._known_languages()
        return self

    def _known_queues(self) -> None:
        names = [queue.name for queue in self.queues]
        for at, name in self._queues_named():
            if name not in names:
                role = at[0] if len(at) == 1 else ".".join(map(str, at))
                raise Inconsistent(
                    f"{role} {name!r} is not among the queues {', '.join(names)}", at=at, remedy=_choose(names)
                )

    def _queues_named(self) -> Iterator[tuple[tuple[str | int, ...], QueueName]]:
        yield ("default_queue",), self.default_queue
        yield ("emergency", "queue"), self.emergency.queue
        for index, queue in enumerate(self.queues):
            if queue.after_hours is not None and queue.after_hours.queue is not None:
                yield ("queues", index, "after_hours", "queue"), queue.after_hours.queue

    def _known_calendars(self) -> None:
        for index, queue in enumerate(self.queues):
            if queue.hours is not None and queue.hours not in self.calendars:
                names = sorted(self.calendars)
                known = f"is not among the calendars {', '.join(names)}" if names else "is no calendar; there is none"
                raise Inconsistent(
                    f"the hours {queue.hours!r} of queue {queue.name!r} {known}",
                    at=("queues", index, "hours"),
                    remedy=f"Add {queue.hours}: under calendars" + (f", or {_choose(names).lower()}" if names else "."),
                )

    def _known_skills(self) -> None:
        known = self.skills
        for index, queue in enumerate(self.queues):
            for place, requirement in enumerate(queue.requires):
                if self.agents and requirement.skill not in known:
                    raise Inconsistent(
                        f"queue {queue.name!r} requires skill {requirement.skill!r}, which no agent has",
                        at=("queues", index, "requires", place, "skill"),
                        remedy="Give an agent the skill, or require another.",
                    )

    def _known_languages(self) -> None:
        for language in self.languages:
            for at, texts in (
                (("emergency", "notice"), self.emergency.notice),
                (("facility", "name"), self.facility.name),
            ):
                if language not in texts:
                    raise Inconsistent(
                        f"{'.'.join(at)} has no text in {language!r}", at=at, remedy=f"Add {language}: and the text."
                    )

    @property
    def skills(self) -> frozenset[Skill]:
        """Every skill that some agent has."""
        return frozenset(level.skill for agent in self.agents for level in agent.skills)

    def queue(self, name: QueueName) -> Queue:
        """Return the queue of that name; there is one for each name that the document uses."""
        return next(queue for queue in self.queues if queue.name == name)

    def queue_for(self, intent: str) -> QueueName:
        """Return the queue that an intent belongs to, else the default."""
        return next((queue.name for queue in self.queues if intent in queue.intents), self.default_queue)


_LISTED_IN: Final[Mapping[str, str]] = {"queue": "queues", "agent": "agents", "intent": "queues"}


def _choose(names: Sequence[str]) -> str:
    return f"Choose one of {', '.join(names)}."


def _unique(what: str, names: Sequence[str]) -> None:
    doubled = sorted(name for name, count in Counter(names).items() if count > 1)
    if doubled:
        raise Inconsistent(
            f"{what} {', '.join(map(repr, doubled))} is listed twice",
            at=(_LISTED_IN[what],),
            remedy="Keep one of them, or rename it.",
        )
