"""Who answers whom, among those who may: items in their order, each with its best agent.

The policy of the walk: the most urgent first, then the earliest; of the agents who may, the best match, and among
equals the longest idle. The routing engine's policies take this module's place later; `eligibility` stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from router import eligibility
from router.entities import AgentRecord, Item
from schemas.decisions import Candidate
from schemas.ids import AgentId

CANDIDATES_MAX = 20
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Match:
    """An item and the agent for it."""

    item: Item
    agent: AgentRecord
    why: str


def score(item: Item, agent: AgentRecord) -> float:
    """Return how well the agent fits, 0..1: their mean proficiency in what is asked, by weight; 1 if nothing is."""
    total = sum(requirement.weight for requirement in item.requirements)
    if not total:
        return 1.0
    gained = sum(need.weight * (agent.level(need.skill) or 0.0) for need in item.requirements)
    return round(gained / total, 6)  # rounded, so that the order of additions cannot decide


def preference(item: Item, agent: AgentRecord) -> tuple[float, datetime, AgentId]:
    """Return the agent's rank for the item, lowest first."""
    return (-score(item, agent), agent.idle_since or _NEVER, agent.agent_id)


def propose(waiting: Iterable[Item], free: Mapping[AgentId, AgentRecord], *, now: datetime) -> list[Match]:
    """Pair waiting items, in the order given, with free agents. Nobody is paired twice.

    What an item needs decides whether anyone can take it, so a need that found nobody is not looked at again.
    """
    left = dict(free)
    barren: set[tuple[object, ...]] = set()
    matches: list[Match] = []
    for item in waiting:
        if not left:
            break
        needs = (item.tenant, item.requirements)
        if needs in barren:
            continue
        fit = [agent for agent in left.values() if eligibility.unfit(item, agent) is None]
        able = [agent for agent in fit if eligibility.excluded(item, agent, now=now) is None]
        if not fit:
            barren.add(needs)
        if able:
            best = min(able, key=lambda agent: preference(item, agent))
            del left[best.agent_id]
            matches.append(Match(item, best, why=_why(item, best, of=len(able))))
    return matches


def candidates(item: Item, agents: Sequence[AgentRecord], *, now: datetime) -> tuple[Candidate, ...]:
    """Return whom the match was made among: those who may, best first, then those who may not and why."""
    rated: list[tuple[AgentRecord, str | None]] = [
        (agent, eligibility.obstacle(item, agent, now=now)) for agent in agents
    ]
    able = sorted((agent for agent, against in rated if against is None), key=lambda agent: preference(item, agent))
    shown = [
        Candidate(agent_id=agent.agent_id, eligible=True, score=score(item, agent), idle_since=agent.idle_since)
        for agent in able[:CANDIDATES_MAX]
    ]
    for agent, against in rated:
        if against is not None and len(shown) < CANDIDATES_MAX:
            shown.append(Candidate(agent_id=agent.agent_id, eligible=False, excluded_by=against))
    return tuple(shown)


def _why(item: Item, agent: AgentRecord, *, of: int) -> str:
    skills = ", ".join(requirement.skill for requirement in item.requirements) or "no special skill"
    others = "the only one free" if of == 1 else f"best of {of} free"
    return f"needs {skills}; you are {others} (match {score(item, agent):.2f})"
