"""Who answers whom: the next match, one at a time, until nobody is left who may be brought together.

On both sides somebody new is looked at. An agent who became free nominates a caller, of the heads of all lines that
they may serve (`Policy.choose`); a caller who joined a line nominates themselves. Either way the caller then takes the
best of the free agents (`Policy.rank`), so that of two agents who become free at once the better one answers. A caller
who stays apart from every agent by holds alone is named, with the hold and its end.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Final

from router import eligibility
from router.entities import AgentRecord, Item
from router.holds import RESERVE, Hold, holds_on
from router.lines import Need, Rank
from router.state import CellState
from schemas.decisions import Candidate
from schemas.ids import AgentId

CANDIDATES_MAX: Final = 20
CANDIDATES_KEPT: Final = 4096
"""Until their state changes, the same agents stand beside every match: each is put into words once."""


@dataclass(frozen=True, slots=True)
class Match:
    """An item and the agent for it, whom it was made among, and one sentence for the agent."""

    item: Item
    agent: AgentRecord
    why: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """An item that holds keep from all `agents` who are free for it; `hold` is the one that ends first."""

    item: Item
    hold: Hold
    agents: int


def next_match(state: CellState, now: datetime) -> Match | Held | None:
    """Return the next match, or the next item of which a hold is to be recorded; None when nothing more follows.

    Asked again without the answer having been folded, it gives the same answer.
    """
    lines = state.lines
    while (fresh := lines.fresh_agent()) is not None:
        item = _choice(state, fresh, now)
        if item is not None:
            return _match(state, item, now, nominated_by=fresh)
        lines.pass_agent(fresh.agent_id)
    while (name := lines.fresh_item()) is not None:
        item, need = state.items[name], lines.need_of(name)
        held = holds_on(state, item, now)
        if next(_able(need, held), None) is not None:
            return _match(state, item, now)
        untold = _held(item, need, held)
        if untold is not None:
            return untold
        lines.pass_item()
    return None


def _choice(state: CellState, agent: AgentRecord, now: datetime) -> Item | None:
    """Return whom a free agent serves next."""
    needs = state.lines.needs_of(agent.agent_id)
    heads = [head for need in needs for head in _heads(state, need, agent, now)]
    return state.policy.choose(agent, heads, now) if heads else None


def _heads(state: CellState, need: Need, agent: AgentRecord, now: datetime) -> Iterator[Item]:
    """Yield the first item of each line that nothing holds from the agent."""
    for line in need.lines.values():
        for _, name in line:
            item = state.items[name]
            hold = holds_on(state, item, now).get(agent.agent_id)
            if hold is None:
                yield item
            if hold is None or hold.name == RESERVE:
                break  # those behind it came later, so that the reserve is kept from them for longer


def _match(state: CellState, item: Item, now: datetime, *, nominated_by: AgentRecord | None = None) -> Match:
    need, held = state.lines.need_of(item.item_id), holds_on(state, item, now)
    able = list(islice(_able(need, held), CANDIDATES_MAX))
    of = len(need.free) - (sum(rank[2] in held for rank in need.free) if held else 0)
    best = state.agents[able[0][2]]
    # Somebody more urgent may want the best of them, and not be served by who nominated this item.
    if nominated_by is not None and best is not nominated_by and _choice(state, best, now) is not item:
        best = nominated_by
    others = "the only one free" if of == 1 else f"best of {of} free"
    if best.agent_id != able[0][2]:
        others = f"one of {of} free"
    return Match(item, best, _why(state, item, best, others), _candidates(state, item, able, held))


def _able(need: Need, held: Mapping[AgentId, Hold]) -> Iterator[Rank]:
    """Yield the ranks of the free agents whom nothing holds from an item, the best first."""
    return (rank for rank in need.free if rank[2] not in held)


def _held(item: Item, need: Need, held: Mapping[AgentId, Hold]) -> Held | None:
    """Return the hold on an item that is not recorded yet, if holds alone keep agents from it."""
    holds = [held[rank[2]] for rank in need.free]
    first = min(holds, key=lambda hold: hold.until, default=None)
    if first is None or item.held_until == first.until:
        return None
    return Held(item, first, len(holds))


# ---- what is said of a match


def _candidates(
    state: CellState, item: Item, able: Sequence[Rank], held: Mapping[AgentId, Hold]
) -> tuple[Candidate, ...]:
    """Return whom an item was matched among: those who may, best first, then those who may not and why."""
    shown = [_suited(name, -score, state.agents[name].idle_since) for score, _, name in able]
    for name in state.agent_names:
        if len(shown) >= CANDIDATES_MAX:
            break
        agent = state.agents[name]
        against = eligibility.standing(agent) or eligibility.unfit(item, agent, state.policy)
        against = against or (held[name].name if name in held else None)
        if against is not None:
            shown.append(_unsuited(name, against))
    return tuple(shown)


@lru_cache(CANDIDATES_KEPT)
def _suited(name: AgentId, score: float, idle_since: datetime | None) -> Candidate:
    return Candidate(agent_id=name, eligible=True, score=score, idle_since=idle_since)


@lru_cache(CANDIDATES_KEPT)
def _unsuited(name: AgentId, against: str) -> Candidate:
    return Candidate(agent_id=name, eligible=False, excluded_by=against)


def _why(state: CellState, item: Item, agent: AgentRecord, others: str) -> str:
    skills = ", ".join(requirement.skill for requirement in item.requirements) or "no special skill"
    score = state.policy.rank(item.requirements, agent)
    return f"needs {skills}; you are {others} (match {score:.2f})"
