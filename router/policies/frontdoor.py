"""Frontdoor's own policy.

A freed agent serves the most urgent first. Within an urgency, whoever has the largest index: cost rate of the caller's
waiting x time waited x how well this agent suits them, the generalised c-mu rule for linear marginal cost (Mandelbaum
and Stolyar, Operations Research 52(6), 2004, 836-855), with the match score in the place of the service rate until
there is a better estimate. A caller is offered to the best match who is free, and among equals to the longest idle.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from router.entities import AgentRecord, Item
from router.score import proficiency
from schemas.routing import Requirement


@dataclass(frozen=True, slots=True)
class Frontdoor:
    """The policy; it has no settings of its own."""

    name: str = "frontdoor"
    version: str = "1"

    def enforced(self, item: Item) -> tuple[Requirement, ...]:
        """Return what the house enforces."""
        return item.enforced

    def rank(self, requirements: Sequence[Requirement], agent: AgentRecord) -> float:
        """Return the mean proficiency in what is asked, by weight."""
        return proficiency(requirements, agent)

    def choose(self, agent: AgentRecord, heads: Sequence[Item], now: datetime) -> Item:
        """Return the most urgent, and of those the one with the largest index."""
        if len(heads) == 1:
            return heads[0]
        return min(heads, key=lambda item: (item.urgency, -self._index(item, agent, now), item.queued_at, item.item_id))

    def _index(self, item: Item, agent: AgentRecord, now: datetime) -> float:
        waited_s = max((now - item.queued_at).total_seconds(), 0.0)
        return round(item.cost_rate * waited_s * proficiency(item.requirements, agent), 6)
