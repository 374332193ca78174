"""Everything that one cell's engine knows, with the indexes that make it quick to ask.

Entities are replaced through `put_*`, which keep the indexes: who waits in which order, who is free, whose timer comes
next, and what changed since the last decision. The indexes can be rebuilt from the entities; a snapshot has only those.
"""

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any, Final, Self

from pydantic import TypeAdapter

from router import requirements
from router.entities import AgentRecord, Contact, Item, Reservation
from router.lines import Lines, Need
from router.policy import Policy
from schemas.ids import AgentId, CellId, ContactId, EventId, ItemId, ReservationId, TenantId
from schemas.routing import AgentState, ItemState, Urgency
from schemas.tenant_config import TenantConfig

REMEMBERED_FOR: Final = timedelta(days=1)  # how long an ended contact's late facts are still known as such
AGENT_FACTS_MAX: Final = 10_000  # ids of agents' facts kept to know a repeat; oldest out first

Timer = tuple[datetime, str, str]  # when, which kind of entity, its id


@dataclass(frozen=True, slots=True)
class CellImage:
    """The entities of a cell, as a snapshot holds them."""

    cell: CellId
    fence: int
    decided_at: datetime | None
    newest: datetime | None
    tenants: tuple[TenantConfig, ...]
    contacts: tuple[Contact, ...]
    items: tuple[Item, ...]
    reservations: tuple[Reservation, ...]
    agents: tuple[AgentRecord, ...]
    contact_facts: tuple[tuple[ContactId, tuple[EventId, ...]], ...]
    agent_facts: tuple[EventId, ...]
    ended: tuple[tuple[ContactId, datetime], ...]


_IMAGE: Final[TypeAdapter[CellImage]] = TypeAdapter(CellImage)


@dataclass(slots=True)
class CellState:
    """One cell's state. Only the engine writes to it."""

    cell: CellId
    policy: Policy
    fence: int = 0
    decided_at: datetime | None = None
    newest: datetime | None = None  # the latest event time folded; retention of ids goes by it
    tenants: dict[TenantId, TenantConfig] = field(default_factory=dict)
    contacts: dict[ContactId, Contact] = field(default_factory=dict)
    items: dict[ItemId, Item] = field(default_factory=dict)
    reservations: dict[ReservationId, Reservation] = field(default_factory=dict)
    agents: dict[AgentId, AgentRecord] = field(default_factory=dict)
    contact_facts: dict[ContactId, set[EventId]] = field(default_factory=dict)
    agent_facts: dict[EventId, None] = field(default_factory=dict)
    ended: dict[ContactId, datetime] = field(default_factory=dict)

    # Indexes.
    lines: Lines = field(init=False)
    agent_names: list[AgentId] = field(default_factory=list)  # of all agents, sorted
    touched_contacts: dict[ContactId, None] = field(default_factory=dict)
    touched_agents: dict[AgentId, None] = field(default_factory=dict)
    wrapping: dict[ContactId, dict[ItemId, None]] = field(default_factory=dict)
    _timers: list[Timer] = field(default_factory=list)
    _scheduled: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _ended_in_order: deque[tuple[datetime, ContactId]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        """Begin with empty lines."""
        self.lines = Lines(self.policy)

    # ---- entities

    def put_contact(self, contact: Contact) -> None:
        """Store a contact; its timer and the work list follow."""
        self.contacts[contact.contact_id] = contact
        self.touched_contacts[contact.contact_id] = None
        self._schedule("contact", contact.contact_id, contact.silent_after)

    def put_item(self, item: Item) -> None:
        """Store an item; its place among the waiting follows."""
        self.items[item.item_id] = item
        if item.state is ItemState.QUEUED:
            self.lines.join(item)
            self._schedule("item", item.item_id, self._next_change(item.item_id))
        else:
            self.lines.leave(item.item_id)
        if item.state is ItemState.WRAPPING:
            self.wrapping.setdefault(item.contact_id, {})[item.item_id] = None
        self.touched_contacts[item.contact_id] = None

    def put_reservation(self, reservation: Reservation) -> None:
        """Store a reservation; its timer follows."""
        self.reservations[reservation.reservation_id] = reservation
        self.touched_contacts[reservation.contact_id] = None
        self._schedule("reservation", reservation.reservation_id, reservation.expires_at)

    def put_agent(self, agent: AgentRecord, *, is_free: bool) -> None:
        """Store an agent; whether they are among the free follows."""
        if agent.agent_id not in self.agents:
            insort(self.agent_names, agent.agent_id)
        self.agents[agent.agent_id] = agent
        self.touched_agents[agent.agent_id] = None
        self._schedule("agent", agent.agent_id, agent.reachable_until)
        if is_free:
            if self.lines.put_free(agent):
                self._renew_reserve(agent)
        else:
            self.lines.put_engaged(agent.agent_id)

    def forget(self, contact: Contact, *, at: datetime) -> None:
        """Keep only the id of a contact that is over, so that its late facts are known as late."""
        del self.contacts[contact.contact_id]
        self.contact_facts.pop(contact.contact_id, None)
        self.ended[contact.contact_id] = at
        self._ended_in_order.append((at, contact.contact_id))

    def drop_item(self, item: Item) -> None:
        """Remove an item that is over, with its last reservation."""
        self.lines.leave(item.item_id)
        del self.items[item.item_id]
        rest = self.wrapping.get(item.contact_id, {})
        rest.pop(item.item_id, None)
        if not rest:
            self.wrapping.pop(item.contact_id, None)
        if item.reservation_id is not None:
            self.reservations.pop(item.reservation_id, None)

    # ---- the reserve

    def emergency_need(self, tenant: TenantId) -> Need:
        """Return the need of emergent callers of a tenant whose document is known."""
        config = self.tenants[tenant]
        return self.lines.need(tenant, requirements.enforced(config.queue(config.emergency.queue).requires, 0))

    def reserve_ends(self, item: Item) -> datetime | None:
        """Return until when the reserve is kept from an item; None if its tenant has none, or the item is emergent."""
        config = self.tenants.get(item.tenant)
        if config is None or not config.emergency.reserve or item.urgency is Urgency.EMERGENT:
            return None
        return item.queued_at + timedelta(seconds=config.emergency.reserve_s)

    def _renew_reserve(self, agent: AgentRecord) -> None:
        """With one more than are kept for emergent callers, the others may serve anyone again."""
        config = self.tenants.get(agent.tenant)
        if config is not None and config.emergency.reserve:
            need = self.emergency_need(agent.tenant)
            if len(need.free) == config.emergency.reserve + 1:
                self.lines.renew(need)

    # ---- repeats

    def is_repeat(self, contact_id: ContactId, event_id: EventId) -> bool:
        """Tell whether a fact about a contact was folded before, or comes after its end."""
        return contact_id in self.ended or event_id in self.contact_facts.get(contact_id, ())

    def remember_agent_fact(self, event_id: EventId) -> None:
        """Note an agent's fact, so that its repeat is known."""
        self.agent_facts[event_id] = None
        if len(self.agent_facts) > AGENT_FACTS_MAX:
            del self.agent_facts[next(iter(self.agent_facts))]

    def tick(self, time: datetime) -> None:
        """Let event time pass; ids of contacts that ended over a day ago are forgotten."""
        if self.newest is None or time > self.newest:
            self.newest = time
        while self._ended_in_order and self._ended_in_order[0][0] + REMEMBERED_FOR < self.newest:
            at, contact_id = self._ended_in_order.popleft()
            if self.ended.get(contact_id) == at:
                del self.ended[contact_id]

    # ---- timers

    def next_timer(self) -> datetime | None:
        """Return when the next timer may be due; it may turn out to have been put off."""
        return self._timers[0][0] if self._timers else None

    def pop_due(self, now: datetime) -> tuple[str, str] | None:
        """Take the kind and id of the next entity whose timer is due, by time, then kind, then id."""
        while self._timers and self._timers[0][0] <= now:
            when, kind, name = heappop(self._timers)
            if self._scheduled.get((kind, name)) != when:
                continue  # a nearer one took its place
            del self._scheduled[kind, name]
            deadline = self._deadline(kind, name)
            if deadline is not None and deadline <= when:
                if kind == "item":
                    self._schedule(kind, name, self._next_change(ItemId(name), now))
                return kind, name
            # Put off: it takes its turn by the new deadline, so that a restored state has the same order.
            self._schedule(kind, name, deadline)
        return None

    def _deadline(self, kind: str, name: str) -> datetime | None:
        if kind == "contact":
            contact = self.contacts.get(ContactId(name))
            return contact.silent_after if contact else None
        if kind == "reservation":
            reservation = self.reservations.get(ReservationId(name))
            return reservation.expires_at if reservation else None
        if kind == "agent":
            agent = self.agents.get(AgentId(name))
            return agent.reachable_until if agent else None
        return self._next_change(ItemId(name))

    def _next_change(self, name: ItemId, now: datetime | None = None) -> datetime | None:
        """Return when next, after `now`, an agent may take a waiting item who may not now: a hold ends, or a need."""
        item = self.items.get(name)
        if item is None or item.state is not ItemState.QUEUED:
            return None
        moments = [until for _, until in item.excluded]
        relaxed = requirements.next_relaxation(item.requirements, item.stage, item.queued_at)
        moments += [moment for moment in (self.reserve_ends(item), relaxed) if moment is not None]
        return min((moment for moment in moments if now is None or moment > now), default=None)

    def _schedule(self, kind: str, name: str, deadline: datetime | None) -> None:
        """Keep one timer an entity, the nearest; one that was put off is found out when it comes."""
        if deadline is None:
            return
        known = self._scheduled.get((kind, name))
        if known is None or deadline < known:
            self._scheduled[kind, name] = deadline
            heappush(self._timers, (deadline, kind, name))

    # ---- snapshots

    def image(self) -> dict[str, Any]:
        """Return the entities as JSON data."""
        image = CellImage(
            cell=self.cell,
            fence=self.fence,
            decided_at=self.decided_at,
            newest=self.newest,
            tenants=tuple(self.tenants.values()),
            contacts=tuple(self.contacts.values()),
            items=tuple(self.items.values()),
            reservations=tuple(self.reservations.values()),
            agents=tuple(self.agents.values()),
            contact_facts=tuple((name, tuple(sorted(ids))) for name, ids in self.contact_facts.items()),
            agent_facts=tuple(self.agent_facts),
            ended=tuple(self.ended.items()),
        )
        data: dict[str, Any] = _IMAGE.dump_python(image, mode="json")
        return data

    @classmethod
    def of_image(cls, data: dict[str, Any], *, policy: Policy, is_free: Callable[[AgentRecord], bool]) -> Self:
        """Rebuild state and indexes from `image`. `is_free` tells of an agent whether they may take work."""
        image = _IMAGE.validate_python(data, extra="ignore")
        state = cls(image.cell, policy, image.fence, image.decided_at, image.newest)
        state.tenants = {config.tenant: config for config in image.tenants}
        for contact in image.contacts:
            state.put_contact(contact)
        for item in image.items:
            state.put_item(item)
        for reservation in image.reservations:
            state.put_reservation(reservation)
        for agent in image.agents:
            state.put_agent(agent, is_free=is_free(agent))
        state.contact_facts = {name: set(ids) for name, ids in image.contact_facts}
        state.agent_facts = dict.fromkeys(image.agent_facts)
        state.ended = dict(image.ended)
        state._ended_in_order = deque(sorted((at, name) for name, at in image.ended))
        return state


def engaged(agent: AgentRecord) -> bool:
    """Tell whether the agent holds work."""
    return agent.state is not AgentState.IDLE
