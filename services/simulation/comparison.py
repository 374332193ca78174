"""Policies side by side on the same days."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

from router.policies.catalogue import POLICIES
from services.simulation.callers import arrivals
from services.simulation.center import Center
from services.simulation.measures import MEASURES, measure
from services.simulation.statistics import Estimate, estimate, paired
from services.simulation.world import World

OURS: Final = "frontdoor"  # the policy that the rules of the house are for
Progress = Callable[[int, int], None]  # days done, of how many


@dataclass(frozen=True)
class Comparison:
    """The figures of each policy, seed by seed; the first policy is the baseline."""

    load: float
    seeds: tuple[int, ...]
    figures: Mapping[str, Sequence[Mapping[str, float]]]

    @property
    def policies(self) -> tuple[str, ...]:
        """The policies, as they were asked for."""
        return tuple(self.figures)

    @property
    def baseline(self) -> str:
        """The policy that the others are compared with."""
        return self.policies[0]

    def mean(self, policy: str, measure_: str) -> Estimate:
        """Return a figure's mean over the seeds."""
        return estimate(self._values(policy, measure_))

    def difference(self, policy: str, measure_: str) -> Estimate:
        """Return by how much a policy differs from the baseline, seed by seed."""
        return paired(self._values(policy, measure_), self._values(self.baseline, measure_))

    def _values(self, policy: str, measure_: str) -> list[float]:
        return [day[measure_] for day in self.figures[policy]]

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data: means, intervals, paired differences, and each seed's figures."""
        return {
            "load": self.load,
            "seeds": list(self.seeds),
            "baseline": self.baseline,
            "confidence": 0.95,
            "measures": MEASURES,
            "policies": {policy: self._policy_json(policy) for policy in self.policies},
        }

    def _policy_json(self, policy: str) -> dict[str, Any]:
        return {
            "mean": {name: _interval(self.mean(policy, name)) for name in MEASURES},
            "difference": {name: _interval(self.difference(policy, name)) for name in MEASURES},
            "by_seed": [{name: _number(value) for name, value in day.items()} for day in self.figures[policy]],
        }


def compare(
    center: Center, policies: Sequence[str], seeds: Sequence[int], *, load: float, progress: Progress
) -> Comparison:
    """Let each of the days pass under each of the policies."""
    figures: dict[str, list[dict[str, float]]] = {policy: [] for policy in policies}
    done, days = 0, len(policies) * len(seeds)
    for seed in seeds:
        callers = arrivals(center, seed)
        for policy in policies:
            progress(done, days)
            rules = center.rules if policy == OURS else None
            ledger = World(center, callers, POLICIES[policy], rules=rules, seed=seed).run()
            figures[policy].append(measure(ledger))
            done += 1
    progress(done, days)
    return Comparison(load, tuple(seeds), figures)


def _interval(of: Estimate) -> dict[str, float | None]:
    return {"mean": _number(of.mean), "low": _number(of.low), "high": _number(of.high)}


def _number(value: float) -> float | None:
    """Return a number that JSON knows; it has no NaN."""
    return None if isnan(value) else round(value, 6)
