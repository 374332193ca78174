"""Priority and longest idle with a skill threshold: what a careful administrator sets up with today's products.

The more urgent first, first come first served within; of the agents who are good enough, whoever is idle for longest.
"""

from dataclasses import dataclass
from datetime import datetime

from router.entities import AgentRecord, Item
from router.policies.common import Plain, at_least, tier, waited_s
from schemas.routing import Requirement


@dataclass(frozen=True)
class PriorityLongestIdle(Plain):
    """Priority, then longest idle. `level`: from which proficiency on, 0..1, an agent is good enough."""

    name: str = "priority_longest_idle"
    level: float = 0.5

    def needs(self, item: Item) -> tuple[Requirement, ...]:
        """Ask for somebody who is good enough."""
        return at_least(item.requirements, self.level)

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:  # noqa: ARG002  the port's shape
        """Let the more urgent go first, then those who wait longest."""
        return tier(item) + waited_s(item, now)
