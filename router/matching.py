"""Who answers whom, among those who may: items in their order, each with its best agent.

The policy of the walk: the most urgent first, then the earliest; of the agents who may, the best match, and among
equals the longest idle. The routing engine's policies take this module's place later; `eligibility` stays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from router import eligibility
from router.entities import AgentRecord, Item
from schemas.decisions import Candidate
from schemas.ids import AgentId, TenantId
from schemas.routing import Requirement

CANDIDATES_MAX = 20
CANDIDATES_KEPT: Final = 4096
"""Until their state changes, the same agents stand beside every match: each is put into words once."""

_NEVER = datetime.min.replace(tzinfo=UTC)


Rank = tuple[float, datetime, AgentId]
Ranked = tuple[Rank, AgentRecord]
_Need = tuple[TenantId, tuple[Requirement, ...]]


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

    Who fits, and how well, depends on the tenant and the requirements alone: agents are ranked once for all items that
    need the same, and a need that nobody meets is not looked at again.
    """
    taken: set[AgentId] = set()
    fit: dict[_Need, list[Ranked]] = {}
    matches: list[Match] = []
    for item in waiting:
        if len(taken) == len(free):
            break
        need = (item.tenant, item.requirements)
        if need not in fit:
            fit[need] = _ranked(item, (agent for agent in free.values() if agent.agent_id not in taken))
        fit[need] = left = [place for place in fit[need] if place[1].agent_id not in taken]
        able = [place for place in left if eligibility.excluded(item, place[1], now=now) is None]
        if able:
            best = able[0][1]
            taken.add(best.agent_id)
            ranked = tuple(able[:CANDIDATES_MAX])
            matches.append(Match(item, best, why=_why(item, best, of=len(able)), ranked=ranked))
    return matches


def _ranked(item: Item, agents: Iterable[AgentRecord]) -> list[Ranked]:
    """Return who fits, best first."""
    # A rank ends in the agent's id, so two are never equal and the agents themselves are never compared.
    return sorted((preference(item, agent), agent) for agent in agents if eligibility.unfit(item, agent) is None)


def candidates(
    item: Item, agents: Sequence[AgentRecord], *, now: datetime, ranked: Sequence[Ranked] | None = None
) -> tuple[Candidate, ...]:
    """Return whom the match was made among: those who may, best first, then those who may not and why.

    `ranked` are those who may, if that is known already.
    """
    if ranked is None:
        able = [agent for agent in agents if eligibility.obstacle(item, agent, now=now) is None]
        ranked = _ranked(item, able)[:CANDIDATES_MAX]
    shown = [_able(agent.agent_id, -place[0], agent.idle_since) for place, agent in ranked]
    known = {agent.agent_id for _, agent in ranked}
    for agent in agents:
        if len(shown) >= CANDIDATES_MAX:
            break
        if agent.agent_id not in known:
            against = eligibility.obstacle(item, agent, now=now)
            if against is not None:
                shown.append(_unable(agent.agent_id, against))
    return tuple(shown)


@lru_cache(CANDIDATES_KEPT)
def _able(name: AgentId, score: float, idle_since: datetime | None) -> Candidate:
    return Candidate(agent_id=name, eligible=True, score=score, idle_since=idle_since)


@lru_cache(CANDIDATES_KEPT)
def _unable(name: AgentId, against: str) -> Candidate:
    return Candidate(agent_id=name, eligible=False, excluded_by=against)


def _why(item: Item, agent: AgentRecord, *, of: int) -> str:
    skills = ", ".join(requirement.skill for requirement in item.requirements) or "no special skill"
    others = "the only one free" if of == 1 else f"best of {of} free"
    return f"needs {skills}; you are {others} (match {score(item, agent):.2f})"
