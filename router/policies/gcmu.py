"""Plain generalised c-mu: the largest product of the marginal cost of waiting and this agent's service rate.

With a delay cost that is convex in the wait w, here c w^2 / 2, a freed agent j takes the class i with the largest
C'_i(w_i) mu_ij = c_i w_i mu_ij. In heavy traffic no other discipline has a smaller total cost (Mandelbaum and Stolyar,
Operations Research 52(6), 2004, 836-855). It shares waits out by cost and promises nothing to any one caller.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from router.entities import AgentRecord, Item
from router.policies.common import Plain, arrival, relative_rate, waited_s
from router.score import proficiency
from schemas.routing import Requirement, Urgency

COST_RATES: Final[Mapping[Urgency, float]] = MappingProxyType(
    {Urgency.EMERGENT: 30.0, Urgency.URGENT: 4.0, Urgency.ROUTINE: 1.0}
)


@dataclass(frozen=True, slots=True)
class GeneralisedCMu(Plain):
    """Cost rate by urgency and queue times wait times expected service rate.

    `handle_s`: mean handle time of each skill, in seconds, if known; all alike otherwise.
    """

    name: str = "gcmu"
    version: str = "1"
    costs: Mapping[Urgency, float] = field(default_factory=lambda: COST_RATES)
    handle_s: Mapping[str, float] = field(default_factory=dict)

    def rank(self, requirements: Sequence[Requirement], agent: AgentRecord) -> float:
        """Return the service rate, so that the fastest are asked first."""
        return relative_rate(proficiency(requirements, agent))

    def choose(self, agent: AgentRecord, heads: Sequence[Item], now: datetime) -> Item:
        """Return whose index is the largest."""
        return min(heads, key=lambda item: (-self.index(item, agent, now), arrival(item)))

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:
        """Return c w mu: the cost that grows per second of waiting, times how soon this agent would end it."""
        cost = self.costs[item.urgency] * item.cost_rate
        return round(cost * waited_s(item, now) * self._rate(item, agent), 6)

    def _rate(self, item: Item, agent: AgentRecord) -> float:
        usual = sum(self.handle_s.get(need.skill, 1.0) for need in item.requirements) or 1.0
        return relative_rate(proficiency(item.requirements, agent)) / usual
