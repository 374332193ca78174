"""What is simulated: a contact center's needs, people and habits, as plain data."""

from dataclasses import dataclass, field
from typing import Any, Final

from schemas.ids import Skill
from schemas.routing import Requirement, Urgency
from schemas.tenant_config import TenantConfig
from services.simulation import calibration

NURSE: Final = "nurse"
SECOND_LINE: Final = ".second"  # added to a skill: those who take callers whom another agent has sent on
_QUEUE_TIMERS: Final = {"offer_s": 30, "connecting_s": 60, "wrap_up_s": 3600, "reconnect_s": 10}


@dataclass(frozen=True)
class Need:
    """What callers call about: `share` of all, how urgent they are (by class, adding up to 1), and mean times.

    `talk_s` is what a fully proficient agent talks; `wrap_s` the work after the call.
    """

    intent: str
    skill: str
    share: float
    talk_s: float
    wrap_s: float
    urgencies: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Person:
    """An agent on one day: proficiency 0..1 by skill, and when they are at their desk, in seconds from opening.

    One who starts at infinity is in the document and never comes.
    """

    agent_id: str
    role: str
    levels: dict[str, float]
    starts_s: float = 0.0
    ends_s: float = 1e6
    breaks: tuple[tuple[float, float], ...] = ()  # (begins, lasts)


@dataclass(frozen=True)
class Habits:
    """How callers and agents behave. The figures that `calibration` does not give are assumptions, named here."""

    patience_s: float = calibration.PATIENCE_S  # mean; infinite: nobody gives up
    redial_share: float = calibration.REDIAL_SHARE  # of those who gave up
    redials_max: int = 4
    answer_s: float = 2.5  # mean, from offer to accept
    connect_s: float = 1.0  # from accept to talking
    talk_spread: float | None = calibration.TALK_SPREAD  # of its logarithm; None: exponential times
    slowness: float = 0.5  # somebody without proficiency talks longer by this share
    explaining_s: float = 75.0  # mean, until an agent without the skill sends the caller on
    failing: float = 0.2  # how likely somebody without proficiency has to send the caller on
    tried: float = 0.6  # of a conversation's time, until they do so
    unresolved: float = 0.25  # and how likely, by the same measure, the caller will have to call again
    misheard: float = 0.05  # share of callers whose need the dialog takes for another
    underrated: float = 0.03  # share of emergent callers taken for urgent
    overrated: float = 0.02  # share of the other callers with a nurse's need taken for emergent
    legs_max: int = 3  # whoever gets a caller as the third helps them


@dataclass(frozen=True)
class Rules:
    """What the tenant's document says for our own policy: what it keeps back, and what it asks for at first.

    `reserve` idle nurses are kept for emergent callers, up to `reserve_s` a caller. `levels` are the lowest
    proficiencies that will do in the queues of the desk, each from so many seconds of waiting on; None: anyone's.
    """

    reserve: int
    reserve_s: float
    levels: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True)
class Center:
    """All that a simulated day depends on, but for the seed and the policy.

    `rates` are expected calls a second, one for each part of the day of `part_s`; `dispersion` is the variance over the
    mean of the number of calls in a part, 1 for a Poisson process.
    """

    needs: tuple[Need, ...]
    people: tuple[Person, ...]
    rates: tuple[float, ...]
    part_s: float = 3600.0
    dispersion: float = calibration.DISPERSION
    habits: Habits = field(default_factory=Habits)
    second_line_level: float = 0.55  # whoever was sent on goes to somebody of this proficiency
    rules: Rules | None = None  # in the document of our own policy; the baselines bring their own and run without

    @property
    def closes_s(self) -> float:
        """When the last caller may call, in seconds from opening."""
        return self.part_s * len(self.rates)

    def document(self, rules: Rules | None = None) -> TenantConfig:
        """Return the center as a tenant's document, as the engine takes it, with or without rules of the house."""
        queues = [
            {"name": queue_name(need), "requires": [_requirement(need, rules)], "intents": [need.intent]}
            for need in self.needs
        ]
        nurses = next((need for need in self.needs if need.skill == NURSE), self.needs[0])
        emergency: dict[str, Any] = {"notice": {"en": "Dial 911."}, "queue": queue_name(nurses)}
        if rules is not None:
            emergency |= {"reserve": rules.reserve, "reserve_s": rules.reserve_s}
        return TenantConfig.model_validate(
            {
                "tenant": "simulated",
                "cell": "simulated",
                "carriers": [{"carrier": "twilio", "account": "AC1", "secrets": ["token"]}],
                "numbers": ["+15005550100"],
                "facility": {"name": {"en": "Center"}, "address": {"en": "-"}, "hours": {"zone": "UTC", "week": {}}},
                "emergency": emergency,
                "default_queue": queue_name(self.needs[0]),
                "queues": queues,
                "agents": [self._entry(person) for person in self.people],
                "timers": _QUEUE_TIMERS,
            }
        )

    def sent_on_to(self, need: Need) -> Requirement:
        """Return what is asked, beside the need's own skill, for a caller whom an agent has sent on."""
        return Requirement(skill=Skill(need.skill + SECOND_LINE), level_min=self.second_line_level)

    def _entry(self, person: Person) -> dict[str, Any]:
        second = {
            skill + SECOND_LINE: level for skill, level in person.levels.items() if level >= self.second_line_level
        }
        return {
            "agent_id": person.agent_id,
            "name": person.agent_id,
            "role": person.role,
            "endpoint": f"client:{person.agent_id}",
            "skills": [{"skill": skill, "level": level} for skill, level in (person.levels | second).items()],
        }


def _requirement(need: Need, rules: Rules | None) -> dict[str, Any]:
    """Return what a queue asks for: the skill, and at the desk so much of it at first and less later."""
    if rules is None or need.skill == NURSE:
        return {"skill": need.skill}
    (_, first), *later = rules.levels
    steps = [{"after_s": after_s} | ({} if level is None else {"level_min": level}) for after_s, level in later]
    return {"skill": need.skill, "level_min": first or 0.0, "hard": not steps, "relax": steps}


def queue_name(need: Need) -> str:
    """Return the queue of a need."""
    return need.intent.replace(".", "-").replace("_", "-")


def urgency_of(need: Need, chance: float) -> Urgency:
    """Return the urgency that a number between 0 and 1 falls on."""
    emergent, urgent, _ = need.urgencies
    if chance < emergent:
        return Urgency.EMERGENT
    return Urgency.URGENT if chance < emergent + urgent else Urgency.ROUTINE
