"""The callers of a day: when they call, what they need, and what chance has in store for them."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from random import Random

from schemas.routing import Urgency
from services.simulation import calibration, chance
from services.simulation.center import NURSE, Center, Need, urgency_of


@dataclass(frozen=True)
class Caller:
    """A person who calls, perhaps several times. Everything random about them comes from `(seed, number, purpose)`.

    `need` and `urgency` are the truth, `heard` and `rated` what the dialog makes of them.
    """

    seed: int
    number: int
    calls_at_s: float
    need: Need
    urgency: Urgency
    heard: Need
    rated: Urgency
    instead_of: int | None = None  # number of the caller whose giving up makes this one call; None: they call anyway

    def patience_s(self, center: Center, attempt: int, leg: int) -> float:
        """Return how long they wait for a person, this time."""
        mean = center.habits.patience_s
        return inf if mean == inf else chance.exponential(mean, self.seed, self.number, "patience", attempt, leg)

    def redials_after_s(self, center: Center, attempt: int) -> float | None:
        """Return after how many seconds they call again, having given up `attempt` times; None: they do not."""
        habits = center.habits
        again = attempt < habits.redials_max
        if not again or chance.uniform(self.seed, self.number, "redials", attempt) >= habits.redial_share:
            return None
        return chance.between(calibration.REDIAL_AFTER_S, self.seed, self.number, "redials after", attempt)

    def talk(self, center: Center, level: float | None, leg: int) -> "Talk":
        """Return how their `leg`-th conversation goes with somebody of this proficiency; None: without the skill."""
        return conversation(center, self, level, leg)


def arrivals(center: Center, seed: int) -> list[Caller]:
    """Return who calls on the day of this seed, in order."""
    times = list(_times(center, chance.stream(seed, "arrivals")))
    return [_caller(center, seed, number, at_s) for number, at_s in enumerate(times)]


def _times(center: Center, luck: Random) -> Iterator[float]:
    """Yield the times of a doubly stochastic Poisson process: in each part of the day its rate is gamma distributed.

    With mean m calls in a part and the rate's squared coefficient of variation v, variance over mean is 1 + m v.
    """
    for part, rate in enumerate(center.rates):
        expected = rate * center.part_s
        if center.dispersion > 1 and expected > 0:
            shape = expected / (center.dispersion - 1)
            rate = rate * luck.gammavariate(shape, 1 / shape)  # noqa: PLW2901  the day's rate in place of the usual
        at_s = part * center.part_s
        while rate > 0:
            at_s += luck.expovariate(rate)
            if at_s >= (part + 1) * center.part_s:
                break
            yield at_s


def _caller(center: Center, seed: int, number: int, at_s: float) -> Caller:
    shares = [need.share for need in center.needs]
    need = chance.pick(center.needs, shares, seed, number, "need")
    urgency = urgency_of(need, chance.uniform(seed, number, "urgency"))
    heard = need
    if chance.uniform(seed, number, "misheard") < center.habits.misheard and urgency is not Urgency.EMERGENT:
        heard = chance.pick(center.needs, shares, seed, number, "heard")
    return Caller(seed, number, at_s, need, urgency, heard, _rated(center, seed, number, heard, urgency))


def _rated(center: Center, seed: int, number: int, heard: Need, urgency: Urgency) -> Urgency:
    luck = chance.uniform(seed, number, "rated")
    if urgency is Urgency.EMERGENT:
        return Urgency.URGENT if luck < center.habits.underrated else Urgency.EMERGENT
    overrated = heard.skill == NURSE and luck < center.habits.overrated
    return Urgency.EMERGENT if overrated else urgency


@dataclass(frozen=True)
class Talk:
    """How a conversation goes: how long, the work after it, and whether it helps."""

    talk_s: float
    wrap_s: float
    sent_on: bool
    resolved: bool


def conversation(center: Center, caller: Caller, level: float | None, leg: int) -> Talk:
    """Return how the caller's `leg`-th conversation goes with somebody of this proficiency; None: without the skill."""
    habits, need, key = center.habits, caller.need, (caller.seed, caller.number)
    last = leg + 1 >= habits.legs_max
    if level is None and not last:
        talk_s = chance.lognormal(habits.explaining_s, calibration.TALK_SPREAD / 2, *key, "explains", leg)
        return Talk(talk_s, need.wrap_s / 4, sent_on=True, resolved=False)
    lack = 1.0 - (level or 0.0)
    talk_s = _talk_s(center, caller, need.talk_s * (1.0 + habits.slowness * lack), leg)
    luck = chance.uniform(*key, "helped", leg)
    sent_on = luck < habits.failing * lack and not last
    resolved = not sent_on and luck >= (habits.failing + habits.unresolved) * lack
    wrap_s = chance.exponential(need.wrap_s, *key, "wraps up", leg)
    return Talk(talk_s * (habits.tried if sent_on else 1.0), wrap_s, sent_on, resolved)


def _talk_s(center: Center, caller: Caller, mean_s: float, leg: int) -> float:
    key, spread = (caller.seed, caller.number, "talks", leg), center.habits.talk_spread
    return chance.exponential(mean_s, *key) if spread is None else chance.lognormal(mean_s, spread, *key)
