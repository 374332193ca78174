"""The rows of the read model as values, and the part of it that a batch touches.

Two logs are folded and their interleaving is not fixed, so whatever comes from `intake` and whatever comes from
`decisions` must commute: each column has one rule for which log wins, and a contact's state only moves forward.
"""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple

from pydantic import BaseModel

from schemas.routing import ContactState

# A contact's states in the order in which it goes through them; a late fact never moves it back.
STATE_RANK: Final = {state.value: rank for rank, state in enumerate(ContactState)}


@dataclass(frozen=True)
class ContactRow:
    """One person who reached us. `queue` is None until the router has queued it."""

    id: str
    tenant: str | None = None
    cell: str | None = None
    channel: str | None = None
    carrier: str | None = None
    number: str | None = None
    state: str = ContactState.ARRIVED.value
    turns: int = 0
    intent: str | None = None
    urgency: str | None = None
    language: str | None = None
    queue: str | None = None
    arrived_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: str | None = None

    def at_least(self, state: ContactState) -> str:
        """Return the later of its own state and `state`."""
        return max(self.state, state.value, key=STATE_RANK.__getitem__)


@dataclass(frozen=True)
class ItemRow:
    """One piece of work that a contact asked for."""

    id: str
    contact_id: str
    tenant: str | None = None
    queue: str | None = None
    intent: str | None = None
    urgency: str | None = None
    language: str | None = None
    state: str = "queued"
    queued_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    completed_at: datetime | None = None
    agent_id: str | None = None
    reservation_id: str | None = None
    offers: int = 0
    requeues: int = 0
    disposition: str | None = None


@dataclass(frozen=True)
class ReservationRow:
    """One lease of an agent. `ended_at` None: it still holds the agent."""

    id: str
    item_id: str
    contact_id: str
    agent_id: str
    state: str = "created"
    created_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class AgentRow:
    """What the router last recorded of an agent."""

    agent_id: str
    tenant: str | None = None
    cell: str | None = None
    status: str | None = None
    state: str | None = None
    since: datetime | None = None
    session: str | None = None
    contact_id: str | None = None


@dataclass(frozen=True)
class HistoryRow:
    """One fact or decision about a contact, item or reservation (`subject`)."""

    topic: str
    partition: int
    offset: int
    idx: int
    after: int
    subject: str
    event_id: str | None
    at: datetime
    type: str
    data: str = field(repr=False)
    sealed: str | None = field(default=None, repr=False)


class Count(NamedTuple):
    """What is counted: a name with labels of a tenant, in an hour since 1970."""

    tenant: str
    hour: int
    name: str
    labels: str

    @classmethod
    def of(cls, name: str, *, tenant: str | None, at: datetime, **labels: str | None) -> "Count":
        """Name a count; labels are written as canonical JSON, and one that is None as an empty text."""
        text = json.dumps({key: value or "" for key, value in labels.items()}, sort_keys=True, separators=(",", ":"))
        return cls(tenant or "", int(at.timestamp() // 3600), name, text)


@dataclass
class View:
    """The rows that a batch touches, as they are in the database and then as the batch leaves them.

    The caller loads every row that the batch names before folding it. `changed` collects what must be written.
    """

    contacts: dict[str, ContactRow] = field(default_factory=dict)
    items: dict[str, ItemRow] = field(default_factory=dict)
    reservations: dict[str, ReservationRow] = field(default_factory=dict)
    agents: dict[str, AgentRow] = field(default_factory=dict)
    levels: dict[tuple[str, int, str], int] = field(default_factory=dict)  # (tenant, version, queue) -> ms
    adopted: dict[str, int] = field(default_factory=dict)  # tenant -> version
    changed: set[tuple[str, str]] = field(default_factory=set)  # (table, id)
    new_levels: dict[tuple[str, int, str], int] = field(default_factory=dict)
    newly_adopted: set[str] = field(default_factory=set)
    history: list[HistoryRow] = field(default_factory=list)
    counts: Counter[Count] = field(default_factory=Counter)

    def put_contact(self, row: ContactRow) -> None:
        """Replace a contact."""
        self.contacts[row.id] = row
        self.changed.add(("contacts", row.id))

    def put_item(self, row: ItemRow) -> None:
        """Replace an item."""
        self.items[row.id] = row
        self.changed.add(("items", row.id))

    def put_reservation(self, row: ReservationRow) -> None:
        """Replace a reservation."""
        self.reservations[row.id] = row
        self.changed.add(("reservations", row.id))

    def put_agent(self, row: AgentRow) -> None:
        """Replace an agent."""
        self.agents[row.agent_id] = row
        self.changed.add(("agents", row.agent_id))


@dataclass(frozen=True)
class Keys:
    """The ids that a batch names."""

    contacts: frozenset[str]
    items: frozenset[str]
    reservations: frozenset[str]
    agents: frozenset[str]
    tenants: frozenset[str]


def keys_of(data: Iterable[BaseModel], tenants: Iterable[str | None]) -> Keys:
    """Collect the ids of rows that these facts and decisions touch; their fields are named alike everywhere."""
    found: dict[str, set[str]] = {"contact_id": set(), "item_id": set(), "reservation_id": set(), "agent_id": set()}
    of_tenants = {tenant for tenant in tenants if tenant}
    events = [vars(part) for event in data for part in (event, *vars(event).get("released", ()))]
    for event in events:  # by its fields: to ask a model for one that it lacks costs ten times as much
        for name, values in found.items():
            value = event.get(name)
            if value is not None:
                values.add(value)
        tenant = event.get("tenant")
        if tenant is not None:
            of_tenants.add(tenant)
    return Keys(
        contacts=frozenset(found["contact_id"]),
        items=frozenset(found["item_id"]),
        reservations=frozenset(found["reservation_id"]),
        agents=frozenset(found["agent_id"]),
        tenants=frozenset(of_tenants),
    )
