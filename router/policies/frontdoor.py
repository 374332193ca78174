"""Ours: urgency first, cost within, and somebody kept free for the emergent.

* Urgency is lexicographic: no less urgent caller goes before a more urgent one whom the same agent could take.
* Within a class the generalised c-mu index orders (see `gcmu`): whoever's wait costs most for this agent's time.
* Of the agents who are good enough, the more proficient, in steps; among about equals, the longest idle.
* While `reserve` or fewer of those who may take emergent callers are idle, no other caller gets them. This is an
  idle-server threshold (Gurvich, Armony and Mandelbaum, Management Science 54(2), 2008): a call in progress cannot be
  cut short, so only who is kept free can answer at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from router.entities import AgentRecord, Item
from router.matching import score
from router.policies.common import at_least, tier
from router.policies.gcmu import GeneralisedCMu
from schemas.routing import Requirement, Urgency

RESERVE: Final = "reserve"


@dataclass(frozen=True)
class Frontdoor(GeneralisedCMu):
    """Urgency, then c-mu, with a reserve.

    `level`: from which proficiency on, 0..1, an agent is good enough. `step`: differences of proficiency below this do
    not count. `reserve`: how many idle agents with one of `reserved_skills` are kept for emergent callers.
    """

    name: str = "frontdoor"
    level: float = 0.5
    step: float = 0.15
    reserve: int = 1
    reserved_skills: frozenset[str] = frozenset({"nurse"})

    def needs(self, item: Item) -> tuple[Requirement, ...]:
        """Ask for somebody who is good enough."""
        return at_least(item.requirements, self.level)

    def index(self, item: Item, agent: AgentRecord, now: datetime) -> float:
        """Return the c-mu index, lifted above those of every less urgent class."""
        return tier(item) + super().index(item, agent, now)

    def rank(self, item: Item, agent: AgentRecord) -> tuple[float, ...]:
        """Prefer the more proficient, in steps."""
        return (-float(score(item, agent) // self.step),)

    def hold(self, item: Item, idle: int) -> str | None:
        """Keep the last idle agents for emergent callers."""
        if item.urgency is Urgency.EMERGENT or idle > self.reserve:
            return None
        return RESERVE if any(need.skill in self.reserved_skills for need in item.requirements) else None
