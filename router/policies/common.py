"""What several policies say alike."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from router.entities import AgentRecord, Item
from schemas.ids import ItemId
from schemas.routing import Requirement


class Plain:
    """The answers of a policy that has nothing special to say: the house's needs, nobody better, first come first."""

    def enforced(self, item: Item) -> tuple[Requirement, ...]:
        """Return what the house enforces."""
        return item.enforced

    def rank(self, requirements: Sequence[Requirement], agent: AgentRecord) -> float:  # noqa: ARG002  the port's shape
        """Return the same for everyone, so that whoever is idle for longest is asked."""
        return 1.0

    def choose(self, agent: AgentRecord, heads: Sequence[Item], now: datetime) -> Item:  # noqa: ARG002  the port's shape
        """Return whoever waits for longest."""
        return min(heads, key=arrival)


class Prioritised(Plain):
    """The more urgent first, first come first served within."""

    def choose(self, agent: AgentRecord, heads: Sequence[Item], now: datetime) -> Item:  # noqa: ARG002  the port's shape
        """Return the most urgent, and of those whoever waits for longest."""
        return min(heads, key=lambda item: item.place)


def arrival(item: Item) -> tuple[datetime, ItemId]:
    """Return what orders items by how long they wait."""
    return (item.queued_at, item.item_id)


def waited_s(item: Item, now: datetime) -> float:
    """Return how long the item waits, in seconds from its place in the queue on; never below zero."""
    return max((now - item.queued_at).total_seconds(), 0.0)


@lru_cache(maxsize=1000)  # asked for every item, and there are few kinds of needs
def at_least(requirements: tuple[Requirement, ...], level: float) -> tuple[Requirement, ...]:
    """Return the requirements, each hard and with a lowest proficiency of `level`, 0..1."""
    return tuple(
        Requirement(skill=need.skill, level_min=max(need.level_min, level), weight=need.weight) for need in requirements
    )


def relative_rate(score: float) -> float:
    """Return the expected service rate of an agent with this match score, 0..1; 1 for full proficiency.

    A straight line in time until it is measured: the least proficient take 1.4 times as long as the best.
    """
    return round(1.0 / (1.4 - 0.4 * score), 6)
