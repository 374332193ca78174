"""What several policies say alike."""

from datetime import datetime
from typing import Final

from router.entities import AgentRecord, Item
from router.matching import score
from schemas.routing import Requirement, Urgency

TIER: Final = 1e9  # above any index within a class of urgency


class Plain:
    """The answers of a policy that has nothing special to say: what is required, first come first served, no hold."""

    def needs(self, item: Item) -> tuple[Requirement, ...]:
        """Enforce what the item requires."""
        return item.requirements

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:  # noqa: ARG002  the port's shape
        """Let those who wait longest go first."""
        return waited_s(item, now)

    def rank(self, item: Item, agent: AgentRecord) -> tuple[float, ...]:  # noqa: ARG002  the port's shape
        """Prefer nobody but whoever is idle for longest."""
        return ()

    def hold(self, item: Item, idle: int) -> str | None:  # noqa: ARG002  the port's shape
        """Hold nobody."""
        return None


def waited_s(item: Item, now: datetime) -> float:
    """Return how long the item waits, in seconds from its place in the queue on."""
    return (now - item.queued_at).total_seconds()


def tier(item: Item) -> float:
    """Return what lifts an index above those of every less urgent class."""
    return TIER * (Urgency.ROUTINE - item.urgency)


def at_least(requirements: tuple[Requirement, ...], level: float) -> tuple[Requirement, ...]:
    """Return the requirements, each hard and with a lowest proficiency of `level`, 0..1."""
    return tuple(
        need.model_copy(update={"level_min": max(need.level_min, level), "hard": True}) for need in requirements
    )


def relative_rate(item: Item, agent: AgentRecord) -> float:
    """Return the agent's expected service rate for the item, 1 for full proficiency.

    A straight line until it is measured: the least proficient take 1.4 times as long as the best.
    """
    return 1.0 / (1.4 - 0.4 * score(item, agent))
