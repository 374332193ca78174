"""Skill groups with static priority: a call waits for its own group, however idle the others are.

The classical automatic call distributor: one group a need, agents in the groups of what they do best, emergent before
urgent before routine, first come first served within, longest idle in the group.
"""

from dataclasses import dataclass
from datetime import datetime

from router.entities import AgentRecord, Item
from router.policies.common import Plain, at_least, tier, waited_s
from schemas.routing import Requirement


@dataclass(frozen=True)
class StrictGroups(Plain):
    """Groups that do not help one another. `level`: from which proficiency on, 0..1, somebody is in a skill's group."""

    name: str = "strict_groups"
    level: float = 0.7

    def needs(self, item: Item) -> tuple[Requirement, ...]:
        """Ask for a member of the group."""
        return at_least(item.requirements, self.level)

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:  # noqa: ARG002  the port's shape
        """Let the more urgent go first, then those who wait longest."""
        return tier(item) + waited_s(item, now)
