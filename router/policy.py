"""The port of a routing policy: who is served first, and by whom, among those who may.

`eligibility` says who may, under every policy alike but for the requirements that it enforces; `dispatch`
asks the policy about whoever is left. A policy is pure and constant for the life of an engine: a replay asks the
same questions and gets the same answers. The policies themselves are in `router/policies`, one file each.
"""

from datetime import datetime
from typing import Protocol

from router.entities import AgentRecord, Item
from schemas.routing import Requirement


class Policy(Protocol):
    """Who is served first, and by whom, among those who may. Pure, and constant for the life of an engine.

    Items with equal `needs`, requirements and urgency stand in one line, first come first served: a policy
    is asked about the head of each line, and its index may not prefer a later item of a line to an earlier one.
    """

    @property
    def name(self) -> str:
        """What it is called, as in `--policy` and in claims."""
        ...

    def needs(self, item: Item) -> tuple[Requirement, ...]:
        """Return the requirements that are enforced for the item; normally `item.requirements`."""
        ...

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:
        """Return how much the item calls for this agent. A freed agent takes the item with the largest.

        Ties go to the item that was queued earlier, then by id. The unit is the policy's own.
        """
        ...

    def rank(self, item: Item, agent: AgentRecord) -> tuple[float, ...]:
        """Return the agent's rank for the item. An arriving item takes the idle agent with the smallest.

        Ties go to whoever is idle for longest, then by id.
        """
        ...

    def hold(self, item: Item, idle: int) -> str | None:
        """Return the name of the hold that keeps the item from `idle` agents who are free and fit; None: take one.

        A hold ends when the number of idle agents grows. None may keep an emergent caller from anyone.
        """
        ...
