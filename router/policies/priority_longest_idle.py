"""Priority and longest idle with a skill threshold: what a careful administrator sets up with today's products.

The more urgent first, first come first served within; of the agents who are good enough, whoever is idle for longest.
"""

from dataclasses import dataclass

from router.entities import Item
from router.policies.common import Prioritised, at_least
from schemas.routing import Requirement


@dataclass(frozen=True, slots=True)
class PriorityLongestIdle(Prioritised):
    """Priority, then longest idle. `level`: from which proficiency on, 0..1, an agent is good enough."""

    name: str = "priority_longest_idle"
    version: str = "1"
    level: float = 0.5

    def enforced(self, item: Item) -> tuple[Requirement, ...]:
        """Ask for somebody who is good enough."""
        return at_least(item.requirements, self.level)
