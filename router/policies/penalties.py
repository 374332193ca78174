"""Skills with penalties, as in Asterisk's `queues.conf`: `member => agent,penalty` and a `weight` for each queue.

An arriving call rings the agents with the lowest penalty who are free; an agent who is free for several queues takes
the call of the queue with the largest weight, and of equal ones the oldest. Nobody is shut out by a penalty.
"""

from dataclasses import dataclass
from datetime import datetime

from router.entities import AgentRecord, Item
from router.matching import score
from router.policies.common import Plain, tier, waited_s


@dataclass(frozen=True)
class Penalties(Plain):
    """Penalties in steps of proficiency. `steps`: from which proficiency on the penalty is 0, 1, ..., falling."""

    name: str = "penalties"
    steps: tuple[float, ...] = (0.7, 0.5, 0.3)

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:  # noqa: ARG002  the port's shape
        """Let the queue of greater weight (urgency) go first, then those who wait longest."""
        return tier(item) + waited_s(item, now)

    def rank(self, item: Item, agent: AgentRecord) -> tuple[float, ...]:
        """Prefer the lowest penalty."""
        return (float(sum(score(item, agent) < step for step in self.steps)),)
