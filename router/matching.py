"""Who answers whom, among those who may: items in their order, each with its best agent.

The policy of the walk: the most urgent first, then the earliest; of the agents who may, the best match, and among
equals the longest idle. The routing engine's policies take this module's place later; `eligibility` stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nsmallest

from router import eligibility
from router.entities import AgentRecord, Item
from schemas.decisions import Candidate
from schemas.ids import AgentId

CANDIDATES_MAX = 20
_NEVER = datetime.min.replace(tzinfo=UTC)


Rank = tuple[float, datetime, AgentId]
Ranked = tuple[Rank, AgentRecord]


@dataclass(frozen=True, slots=True)
class Match:
    """An item and the agent for it; `ranked` are those it was chosen among, best first, as many as are recorded."""

    item: Item
    agent: AgentRecord
    why: str
    ranked: tuple[Ranked, ...] = ()


def score(item: Item, agent: AgentRecord) -> float:
    """Return how well the agent fits, 0..1: their mean proficiency in what is asked, by weight; 1 if nothing is."""
    total = sum(requirement.weight for requirement in item.requirements)
    if not total:
        return 1.0
    gained = sum(need.weight * (agent.level(need.skill) or 0.0) for need in item.requirements)
    return round(gained / total, 6)  # rounded, so that the order of additions cannot decide


def preference(item: Item, agent: AgentRecord) -> Rank:
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
            ranked = rank(item, able)
            best = ranked[0][1]
            del left[best.agent_id]
            matches.append(Match(item, best, why=_why(item, best, of=len(able)), ranked=ranked))
    return matches


def rank(item: Item, able: Iterable[AgentRecord]) -> tuple[Ranked, ...]:
    """Return the best of those who may take the item, best first, as many as a decision records."""
    # A rank ends in the agent's id, so two are never equal and the agents themselves are never compared.
    return tuple(nsmallest(CANDIDATES_MAX, ((preference(item, agent), agent) for agent in able)))


def candidates(
    item: Item, agents: Sequence[AgentRecord], *, now: datetime, ranked: Sequence[Ranked] | None = None
) -> tuple[Candidate, ...]:
    """Return whom the match was made among: those who may, best first, then those who may not and why.

    `ranked` are those who may, if that is known already.
    """
    if ranked is None:
        ranked = rank(item, (agent for agent in agents if eligibility.obstacle(item, agent, now=now) is None))
    shown = [
        Candidate(agent_id=agent.agent_id, eligible=True, score=-place[0], idle_since=agent.idle_since)
        for place, agent in ranked
    ]
    able = {agent.agent_id for _, agent in ranked}
    for agent in agents:
        if len(shown) >= CANDIDATES_MAX:
            break
        if agent.agent_id not in able:
            against = eligibility.obstacle(item, agent, now=now)
            if against is not None:
                shown.append(Candidate(agent_id=agent.agent_id, eligible=False, excluded_by=against))
    return tuple(shown)


def _why(item: Item, agent: AgentRecord, *, of: int) -> str:
    skills = ", ".join(requirement.skill for requirement in item.requirements) or "no special skill"
    others = "the only one free" if of == 1 else f"best of {of} free"
    return f"needs {skills}; you are {others} (match {score(item, agent):.2f})"
