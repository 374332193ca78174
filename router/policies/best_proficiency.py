"""Greedy proficiency: a free agent takes the call that they are best at, a call the agent who is best at it.

What "skills-based routing" by weight comes to if nothing else counts. It has good averages and lets the urgent wait:
whoever judges it by the average speed of answer alone is misled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from router.entities import AgentRecord, Item
from router.policies.common import Plain, arrival
from router.score import proficiency
from schemas.routing import Requirement


@dataclass(frozen=True, slots=True)
class BestProficiency(Plain):
    """The best match, whoever waits."""

    name: str = "best_proficiency"
    version: str = "1"

    def rank(self, requirements: Sequence[Requirement], agent: AgentRecord) -> float:
        """Return the proficiency."""
        return proficiency(requirements, agent)

    def choose(self, agent: AgentRecord, heads: Sequence[Item], now: datetime) -> Item:  # noqa: ARG002  the port's shape
        """Let the agent do what they are best at."""
        return min(heads, key=lambda item: (-proficiency(item.requirements, agent), arrival(item)))
