"""The port of a policy: who is served first, and by whom, among those who may.

Eligibility is not a policy's business (`router.eligibility`), nor is which holds there are: a policy only orders. It is
pure and constant for the life of an engine; its name and version stand in the router's claim.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from router.entities import AgentRecord, Item
from schemas.routing import Requirement


class Policy(Protocol):
    """Orders callers and agents. A total order comes of it: the engine breaks ties by idleness or waiting, then id."""

    @property
    def name(self) -> str:
        """What it is called on the command line and in claims."""

    @property
    def version(self) -> str:
        """Changes with every change of what it decides."""

    def enforced(self, item: Item) -> tuple[Requirement, ...]:
        """Return the requirements that an agent has to meet to be asked; `item.enforced` is the rule of the house."""

    def rank(self, requirements: Sequence[Requirement], agent: AgentRecord) -> float:
        """Return how well an agent suits a caller with these requirements, 0..1: the largest is asked first."""

    def choose(self, agent: AgentRecord, heads: Sequence[Item], now: datetime) -> Item:
        """Return whom a freed agent serves next, of the heads of all lines that they may serve; there is at least one.

        Within a line nobody overtakes: a line holds callers with the same needs and the same urgency.
        """
