"""Who waits and who is free, in lines, so that the next match is found without looking at everyone.

Callers who need the same form a `Need`: their lines, one for each urgency and cost rate, first come first served, and
the free agents who meet it, best first. A match can only come of somebody new: a caller who joined a line or an agent
who became free since the last one was sought (*fresh*). Whoever is not fresh has been looked at, and stays apart from
the others by what they need or by a hold; when a hold ends, its item is fresh again.

So a caller costs the length of a binary search, and an agent as many of them as there are needs that they meet, however
many wait and however many are there. What is here follows from the entities; `eligibility` stays the rule.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import heapify, heappop, heappush
from typing import Final, NamedTuple

from router import eligibility
from router.entities import AgentRecord, Item
from router.policy import Policy
from schemas.ids import AgentId, ItemId, TenantId
from schemas.routing import Requirement, Urgency

NEEDS_MAX: Final = 1_000  # kept with nobody waiting; a tenant has a few dozen
_NEVER: Final = datetime.min.replace(tzinfo=UTC)

Place = tuple[datetime, ItemId]  # in a line
Rank = tuple[float, datetime, AgentId]  # among the free: the best first, then the longest idle
LineKey = tuple[Urgency, float]  # and the cost rate, so that within a line nobody overtakes by waiting
NeedKey = tuple[TenantId, tuple[Requirement, ...]]


@dataclass(slots=True, eq=False)
class Need:
    """Callers who need the same, and the free agents who meet it."""

    tenant: TenantId
    requirements: tuple[Requirement, ...]
    lines: dict[LineKey, list[Place]] = field(default_factory=dict)  # none of them empty
    free: list[Rank] = field(default_factory=list)


class _Standing(NamedTuple):
    """A free agent, and where they stand."""

    agent: AgentRecord
    ranks: tuple[tuple[Need, Rank], ...]


class _Fitness(NamedTuple):
    """The needs that an agent meets, and how well; good while neither the agent's skills nor the needs change."""

    agent: AgentRecord
    version: int
    needs: tuple[tuple[Need, float], ...]


class Lines:
    """The lines of one cell. `Item`s and `AgentRecord`s are handed in whenever they change."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._needs: dict[NeedKey, Need] = {}
        self._version = 0  # of the set of needs
        self._free: dict[AgentId, _Standing] = {}
        self._fitness: dict[AgentId, _Fitness] = {}
        self._waiting: dict[ItemId, tuple[Need, LineKey, Place]] = {}
        self._fresh_agents: dict[AgentId, None] = {}
        self._fresh_items: list[tuple[Urgency, datetime, ItemId]] = []  # a heap; some may have left their line

    # ---- coming and going

    def join(self, item: Item) -> None:
        """Put an item into its line, or anew if it is in one: what it needs may have changed."""
        self.leave(item.item_id)
        need = self.need(item.tenant, self._policy.enforced(item))
        place = (item.queued_at, item.item_id)
        key = (item.urgency, item.cost_rate)
        insort(need.lines.setdefault(key, []), place)
        self._waiting[item.item_id] = (need, key, place)
        self.refresh(item)

    def leave(self, name: ItemId) -> None:
        """Take an item out of its line, if it is in one."""
        standing = self._waiting.pop(name, None)
        if standing is not None:
            need, key, place = standing
            line = need.lines[key]
            del line[bisect_left(line, place)]
            if not line:
                del need.lines[key]

    def refresh(self, item: Item) -> None:
        """Look at a waiting item anew: something that kept an agent from it is over."""
        heappush(self._fresh_items, (item.urgency, item.queued_at, item.item_id))

    def put_free(self, agent: AgentRecord) -> bool:
        """Note that an agent is free, or that a free one has changed; tell whether anything new may come of it."""
        standing = self._free.get(agent.agent_id)
        if standing is not None:
            before = standing.agent
            if before.idle_since == agent.idle_since and _same_fitness(before, agent):
                self._free[agent.agent_id] = _Standing(agent, standing.ranks)
                return False
            self.put_engaged(agent.agent_id)
        since = agent.idle_since or _NEVER
        ranks = tuple((need, (-score, since, agent.agent_id)) for need, score in self._meets(agent))
        for need, rank in ranks:
            insort(need.free, rank)
        self._free[agent.agent_id] = _Standing(agent, ranks)
        self._fresh_agents[agent.agent_id] = None
        return True

    def put_engaged(self, name: AgentId) -> None:
        """Note that an agent is not free."""
        standing = self._free.pop(name, None)
        if standing is not None:
            for need, rank in standing.ranks:
                del need.free[bisect_left(need.free, rank)]
            self._fresh_agents.pop(name, None)

    # ---- looking

    @property
    def free(self) -> Iterator[AgentId]:
        """Yield who is free."""
        return iter(self._free)

    @property
    def waiting(self) -> Iterator[ItemId]:
        """Yield who waits."""
        return iter(self._waiting)

    @property
    def settled(self) -> bool:
        """Tell whether nobody is fresh."""
        return not (self._fresh_agents or self._fresh_items)

    def settle(self) -> None:
        """Forget who is fresh: somebody else has matched them."""
        self._fresh_agents.clear()
        self._fresh_items.clear()

    def unsettle(self) -> None:
        """Look at everyone anew."""
        self._fresh_agents = dict.fromkeys(sorted(self._free))
        self._fresh_items = [(key[0], *place) for _, key, place in self._waiting.values()]
        heapify(self._fresh_items)

    def need_of(self, name: ItemId) -> Need:
        """Return the need of a waiting item."""
        return self._waiting[name][0]

    def fresh_agent(self) -> AgentRecord | None:
        """Return the first agent who is fresh."""
        for name in self._fresh_agents:
            return self._free[name].agent
        return None

    def needs_of(self, name: AgentId) -> list[Need]:
        """Return the needs that a free agent meets and in which somebody waits."""
        return [need for need, _ in self._free[name].ranks if need.lines]

    def fresh_item(self) -> ItemId | None:
        """Return the first waiting item that is fresh: the most urgent, then the earliest."""
        while self._fresh_items:
            name = self._fresh_items[0][2]
            if name in self._waiting:
                return name
            heappop(self._fresh_items)
        return None

    def renew(self, need: Need) -> None:
        """Look anew at the agents who are free for a need: a hold on them is over."""
        self._fresh_agents.update(dict.fromkeys(rank[2] for rank in need.free))

    def pass_agent(self, name: AgentId) -> None:
        """Note that nobody is left whom a fresh agent may serve."""
        self._fresh_agents.pop(name, None)

    def pass_item(self) -> None:
        """Note that nobody is left who may serve the first fresh item."""
        heappop(self._fresh_items)

    # ---- needs

    def need(self, tenant: TenantId, requirements: tuple[Requirement, ...]) -> Need:
        """Return what is known of a need."""
        key = (tenant, requirements)
        need = self._needs.get(key)
        if need is None:
            if len(self._needs) >= NEEDS_MAX:
                self._forget_needs()
            need = self._needs[key] = Need(tenant, requirements)
            self._version += 1
            for name, standing in self._free.items():
                self._add(name, standing, need)
        return need

    def _add(self, name: AgentId, standing: _Standing, need: Need) -> None:
        agent = standing.agent
        if eligibility.unmet(need.tenant, need.requirements, agent) is None:
            rank = (-self._policy.rank(need.requirements, agent), agent.idle_since or _NEVER, name)
            insort(need.free, rank)
            self._free[name] = standing._replace(ranks=(*standing.ranks, (need, rank)))

    def _forget_needs(self) -> None:
        """Drop the needs of nobody who waits. Their free lists are made anew when somebody comes with them."""
        self._needs = {key: need for key, need in self._needs.items() if need.lines}
        self._version += 1
        kept = set(self._needs.values())
        for name, standing in self._free.items():
            ranks = tuple(place for place in standing.ranks if place[0] in kept)
            self._free[name] = standing._replace(ranks=ranks)

    def _meets(self, agent: AgentRecord) -> tuple[tuple[Need, float], ...]:
        known = self._fitness.get(agent.agent_id)
        if known is not None and known.version == self._version and _same_fitness(known.agent, agent):
            return known.needs
        needs = tuple(
            (need, self._policy.rank(need.requirements, agent))
            for need in self._needs.values()
            if eligibility.unmet(need.tenant, need.requirements, agent) is None
        )
        self._fitness[agent.agent_id] = _Fitness(agent, self._version, needs)
        return needs


def _same_fitness(one: AgentRecord, other: AgentRecord) -> bool:
    return one.tenant == other.tenant and (one.skills is other.skills or one.skills == other.skills)
