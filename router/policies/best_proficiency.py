"""Greedy proficiency: a free agent takes the call that they are best at, a call the agent who is best at it.

What "skills-based routing" by weight comes to if nothing else counts. It has good averages and lets the urgent wait:
whoever judges it by the average speed of answer alone is misled.
"""

from dataclasses import dataclass
from datetime import datetime

from router.entities import AgentRecord, Item
from router.matching import score
from router.policies.common import Plain


@dataclass(frozen=True)
class BestProficiency(Plain):
    """The best match, whoever waits."""

    name: str = "best_proficiency"

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:  # noqa: ARG002  the port's shape
        """Let the agent do what they are best at."""
        return score(item, agent)

    def rank(self, item: Item, agent: AgentRecord) -> tuple[float, ...]:
        """Prefer the best."""
        return (-score(item, agent),)
