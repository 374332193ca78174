"""Plain generalised c-mu: the largest product of the marginal cost of waiting and this agent's service rate.

With a delay cost that is convex in the wait w, here c w^2 / 2, a freed agent j takes the class i with the largest
C'_i(w_i) mu_ij = c_i w_i mu_ij. In heavy traffic no other discipline has a smaller total cost (Mandelbaum and Stolyar,
Operations Research 52(6), 2004, 836-855). It shares waits out by cost and promises nothing to any one caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from router.entities import AgentRecord, Item
from router.policies.common import Plain, relative_rate, waited_s
from schemas.routing import Urgency

COST_RATES: Final[Mapping[Urgency, float]] = MappingProxyType(
    {Urgency.EMERGENT: 30.0, Urgency.URGENT: 4.0, Urgency.ROUTINE: 1.0}
)


@dataclass(frozen=True)
class GeneralisedCMu(Plain):
    """Cost rate by urgency times wait times expected service rate.

    `handle_s`: mean handle time of each skill, in seconds, if known; all alike otherwise.
    """

    name: str = "gcmu"
    costs: Mapping[Urgency, float] = field(default_factory=lambda: COST_RATES)
    handle_s: Mapping[str, float] = field(default_factory=dict)

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:
        """Return c w mu: the cost that grows per second of waiting, times how soon this agent would end it."""
        return self.costs[item.urgency] * waited_s(item, now) * self.rate(item, agent)

    def rank(self, item: Item, agent: AgentRecord) -> tuple[float, ...]:
        """Prefer the fastest."""
        return (-relative_rate(item, agent),)

    def rate(self, item: Item, agent: AgentRecord) -> float:
        """Return the agent's service rate for the item, per mean handle time of what it asks for."""
        usual = sum(self.handle_s.get(need.skill, 1.0) for need in item.requirements) or 1.0
        return relative_rate(item, agent) / usual
