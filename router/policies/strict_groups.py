"""Skill groups with static priority: a call waits for its own group, however idle the others are.

The classical automatic call distributor: one group a need, agents in the groups of what they do best, emergent before
urgent before routine, first come first served within, longest idle in the group.
"""

from dataclasses import dataclass

from router.entities import Item
from router.policies.common import Prioritised, at_least
from schemas.routing import Requirement


@dataclass(frozen=True, slots=True)
class StrictGroups(Prioritised):
    """Groups that do not help one another. `level`: from which proficiency on, 0..1, somebody is in a skill's group."""

    name: str = "strict_groups"
    version: str = "1"
    level: float = 0.7

    def enforced(self, item: Item) -> tuple[Requirement, ...]:
        """Ask for a member of the group."""
        return at_least(item.requirements, self.level)
