"""How well an agent suits a caller."""

from collections.abc import Sequence

from router.entities import AgentRecord
from schemas.routing import Requirement


def proficiency(requirements: Sequence[Requirement], agent: AgentRecord) -> float:
    """Return the agent's mean proficiency in what is asked, by weight, 0..1; 1 if nothing is asked.

    Rounded, so that the order of additions cannot decide.
    """
    total = sum(requirement.weight for requirement in requirements)
    if not total:
        return 1.0
    gained = sum(need.weight * (agent.level(need.skill) or 0.0) for need in requirements)
    return round(gained / total, 6)
