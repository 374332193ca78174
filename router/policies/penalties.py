"""Skills with penalties, as in Asterisk's `queues.conf`: `member => agent,penalty` and a `weight` for each queue.

An arriving call rings the agents with the lowest penalty who are free; an agent who is free for several queues takes
the call of the queue with the largest weight (here the urgency), and of equal ones the oldest. Nobody is shut out by a
penalty.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from router.entities import AgentRecord
from router.policies.common import Prioritised
from router.score import proficiency
from schemas.routing import Requirement


@dataclass(frozen=True, slots=True)
class Penalties(Prioritised):
    """Penalties in steps of proficiency. `steps`: from which proficiency on the penalty is 0, 1, ..., falling."""

    name: str = "penalties"
    version: str = "1"
    steps: tuple[float, ...] = (0.7, 0.5, 0.3)

    def rank(self, requirements: Sequence[Requirement], agent: AgentRecord) -> float:
        """Return 1 without a penalty, down to 0 for the largest."""
        score = proficiency(requirements, agent)
        return 1.0 - sum(score < step for step in self.steps) / len(self.steps)
