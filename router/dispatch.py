"""Matching by a policy: items and agents who may meet, paired one by one in the order that the policy gives.

An item that arrives finds several idle agents and takes the best in `rank`; an agent who becomes free finds several
items and takes the largest `index`. Both are one rule here: the item with the largest index for any agent who is free
for it goes first, to the agent with the smallest rank. A simple search, without an index that outlives a step.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from router import eligibility, matching
from router.entities import AgentRecord, Item
from router.matching import CANDIDATES_MAX, Match
from router.policy import Policy
from router.replacing import replace
from schemas.ids import AgentId, TenantId
from schemas.routing import Requirement, Urgency

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_Line = tuple[TenantId, tuple[Requirement, ...], tuple[Requirement, ...], Urgency]


class _Offer(NamedTuple):
    line: _Line
    item: Item
    able: list[AgentRecord]


def asked(policy: Policy | None, item: Item) -> Item:
    """Return the item as the policy asks for it: with the requirements that are enforced."""
    return item if policy is None else replace(item, requirements=policy.needs(item))


def propose(
    policy: Policy, waiting: Iterable[Item], free: Mapping[AgentId, AgentRecord], *, now: datetime
) -> list[Match]:
    """Pair waiting items, given by urgency and then by `queued_at`, with free agents. Nobody is paired twice."""
    lines = _lines(policy, waiting)
    fit = {line: _fit(line, items[0], free) for line, items in lines.items()}
    matches: list[Match] = []
    while offers := list(_offers(policy, lines, fit, now)):
        offer = min(offers, key=lambda offer: _turn(policy, offer, now))
        agents = sorted(offer.able, key=lambda agent: _rank(policy, offer.item, agent))
        matches.append(_match(policy, offer.item, agents))
        lines[offer.line].remove(offer.item)
        for able in fit.values():
            able.pop(agents[0].agent_id, None)
    return matches


def _lines(policy: Policy, waiting: Iterable[Item]) -> dict[_Line, list[Item]]:
    lines: dict[_Line, list[Item]] = {}
    needs: dict[tuple[tuple[Requirement, ...], Urgency], tuple[Requirement, ...]] = {}
    for item in waiting:
        kind = (item.requirements, item.urgency)
        if kind not in needs:
            needs[kind] = policy.needs(item)
        lines.setdefault((item.tenant, item.requirements, needs[kind], item.urgency), []).append(item)
    return lines


def _fit(line: _Line, head: Item, free: Mapping[AgentId, AgentRecord]) -> dict[AgentId, AgentRecord]:
    need = replace(head, requirements=line[2])
    return {name: agent for name, agent in free.items() if eligibility.unfit(need, agent) is None}


def _offers(
    policy: Policy, lines: Mapping[_Line, list[Item]], fit: Mapping[_Line, dict[AgentId, AgentRecord]], now: datetime
) -> Iterator[_Offer]:
    """Yield the first of each line who may have somebody, unless a hold keeps them apart."""
    for line, items in lines.items():
        if not fit[line]:
            continue
        for item in items:
            able = [agent for agent in fit[line].values() if eligibility.excluded(item, agent, now=now) is None]
            if able:
                if policy.hold(item, len(able)) is None:
                    yield _Offer(line, item, able)
                break


def _turn(policy: Policy, offer: _Offer, now: datetime) -> tuple[float, datetime, str]:
    largest = max(policy.index(offer.item, agent, now) for agent in offer.able)
    return (-largest, offer.item.queued_at, offer.item.item_id)


def _rank(policy: Policy, item: Item, agent: AgentRecord) -> tuple[tuple[float, ...], datetime, AgentId]:
    return (policy.rank(item, agent), agent.idle_since or _NEVER, agent.agent_id)


def _match(policy: Policy, item: Item, agents: list[AgentRecord]) -> Match:
    best = agents[0]
    ranked = tuple((matching.preference(item, agent), agent) for agent in agents[:CANDIDATES_MAX])
    skills = ", ".join(need.skill for need in policy.needs(item)) or "no special skill"
    others = "the only one free" if len(agents) == 1 else f"first of {len(agents)} free by {policy.name}"
    why = f"needs {skills}; you are {others} (match {matching.score(item, best):.2f})"
    return Match(item, best, why=why, ranked=ranked)
