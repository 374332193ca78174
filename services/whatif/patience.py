"""How long callers would wait, learnt from a day on which most were answered before they lost patience.

The share that is still willing to wait after t seconds is the product-limit estimate of Kaplan and Meier (J. American
Statistical Association 53, 1958, 457-481): at each wait at which someone hung up, the share falls by hang-ups
over those who were still waiting. Everyone who left otherwise (answered, timed out, ...) counts until then: censored.

If the longest wait did not end in a hang-up, the curve ends above zero. Beyond it hang-ups go on at the mean rate of
the day: hang-ups over seconds waited, the maximum-likelihood rate of exponential patience with censoring.
"""

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import neg
from typing import Final

PATIENCE_S_MAX: Final = 4 * 3600.0  # nobody is taken to wait longer, above all not where nobody ever hung up


@dataclass(frozen=True, slots=True)
class Survival:
    """The share of callers still willing to wait: steps down at `times_s` to `shares`, then an exponential tail."""

    times_s: Sequence[float]  # waits at which someone hung up, rising
    shares: Sequence[float]  # 0..1, falling: just after each of them
    longest_s: float  # the longest wait of all
    tail_rate: float  # hang-ups a second of waiting beyond the longest wait
    hang_ups: int
    waits: int

    def at(self, wait_s: float) -> float:
        """Return the share that would wait longer than `wait_s`, 0..1."""
        place = bisect_right(self.times_s, min(wait_s, self.longest_s))
        share = self.shares[place - 1] if place else 1.0
        return share * math.exp(-self.tail_rate * max(0.0, wait_s - self.longest_s))

    def draw(self, chance: float, *, beyond_s: float | None = None) -> float:
        """Return the patience of a caller, in seconds, at most `PATIENCE_S_MAX` or what the caller waited.

        `chance` is uniform in (0, 1]: the share of such callers who would wait longer than what is returned. `beyond_s`
        is how long this one waited without hanging up; None if nothing is known of them.
        """
        waited_s = beyond_s or 0.0
        most_s = max(waited_s, PATIENCE_S_MAX)
        target = chance if beyond_s is None else self.at(beyond_s) * chance
        first = 0 if beyond_s is None else bisect_right(self.times_s, beyond_s)
        place = bisect_left(self.shares, -target, lo=first, key=neg)  # the shares fall
        if place < len(self.shares):
            return min(self.times_s[place], most_s)
        if self.tail_rate <= 0:
            return most_s
        if target <= 0:  # nobody was seen to wait longer: the mean rate is all that is known
            return min(waited_s - math.log(chance) / self.tail_rate, most_s)
        start_s = max(self.longest_s, waited_s)
        return min(start_s + math.log(self.at(start_s) / target) / self.tail_rate, most_s)

    def median_s(self) -> float:
        """Return the patience that half of the callers have, in seconds."""
        return self.draw(0.5)


def kaplan_meier(waits: Iterable[tuple[float, bool]]) -> Survival:
    """Return the estimate from waits in seconds, each with whether it ended in a hang-up.

    At equal waits hang-ups come first, so whoever was answered at that moment was still at risk.
    """
    left: Counter[float] = Counter()
    hung_up: Counter[float] = Counter()
    for wait_s, gave_up in waits:
        left[wait_s] += 1
        hung_up[wait_s] += gave_up
    at_risk = total = sum(left.values())
    share, times, shares = 1.0, list[float](), list[float]()
    for wait_s in sorted(left):
        if hung_up[wait_s]:
            share *= 1 - hung_up[wait_s] / at_risk
            times.append(wait_s)
            shares.append(share)
        at_risk -= left[wait_s]
    waited_s = math.fsum(wait_s * count for wait_s, count in left.items())
    hang_ups = sum(hung_up.values())
    return Survival(
        times_s=tuple(times),
        shares=tuple(shares),
        longest_s=max(left, default=0.0),
        tail_rate=hang_ups / waited_s if waited_s > 0 else 0.0,
        hang_ups=hang_ups,
        waits=total,
    )
