"""The tables of the read model. `services/records` writes them; `services/console` only reads.

Every row follows from the log, so that an empty database fills itself again from what retention has kept. Nothing
here is patient data except the columns called `sealed`, which hold it encrypted as it came.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

METADATA: Final = MetaData(
    naming_convention={
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC: `timestamptz` where there is one, and naive UTC in SQLite, which has none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Write a zoned time; SQLite drops the zone, which is always UTC."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


contacts: Final = Table(
    "contacts",
    METADATA,
    Column("id", String, primary_key=True),
    Column("tenant", String),
    Column("cell", String),
    Column("channel", String),
    Column("carrier", String),
    Column("number", String),  # the tenant's own number
    Column("state", String, nullable=False),
    Column("turns", Integer, nullable=False),  # turns of the dialog so far
    Column("intent", String),
    Column("urgency", String),
    Column("language", String),
    Column("queue", String),  # None: not routed
    Column("arrived_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("end_reason", String),
    Index(None, "tenant", "state"),
)

items: Final = Table(
    "items",
    METADATA,
    Column("id", String, primary_key=True),
    Column("contact_id", String, nullable=False, index=True),
    Column("tenant", String),
    Column("queue", String),
    Column("intent", String),
    Column("urgency", String),
    Column("language", String),
    Column("state", String, nullable=False),
    Column("queued_at", UtcDateTime),  # its place
    Column("answered_at", UtcDateTime),  # the first time that a person spoke to the caller
    Column("ended_at", UtcDateTime),  # the call or the wait was over
    Column("completed_at", UtcDateTime),
    Column("agent_id", String),
    Column("reservation_id", String),
    Column("offers", Integer, nullable=False),
    Column("requeues", Integer, nullable=False),
    Column("disposition", String),
    Index(None, "tenant", "state", "queue"),
)

reservations: Final = Table(
    "reservations",
    METADATA,
    Column("id", String, primary_key=True),
    Column("item_id", String, nullable=False),
    Column("contact_id", String, nullable=False, index=True),
    Column("agent_id", String, nullable=False),
    Column("state", String, nullable=False),
    Column("created_at", UtcDateTime),
    Column("ended_at", UtcDateTime),  # None: it still holds the agent
)

agents: Final = Table(
    "agents",
    METADATA,
    Column("agent_id", String, primary_key=True),
    Column("tenant", String),
    Column("cell", String),
    Column("status", String),  # what the person declares
    Column("state", String),  # what the machine derives
    Column("since", UtcDateTime),  # of this pair of status and state
    Column("session", String),
    Column("contact_id", String),
    Index(None, "tenant"),
)

# One row per fact or decision. `after` is the offset on `intake` that it follows: its own for a fact, the step's cause
# for a decision. So (after, topic rank, offset, idx) is the order in which the cell saw things.
history: Final = Table(
    "history",
    METADATA,
    Column("topic", String, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("idx", Integer, primary_key=True),
    Column("after", BigInteger, nullable=False),
    Column("subject", String, nullable=False),  # contact, item or reservation
    Column("event_id", String, unique=True),  # of facts: one delivered twice has one row
    Column("at", UtcDateTime, nullable=False),
    Column("type", String, nullable=False),
    Column("data", Text, nullable=False),  # JSON without `sealed`
    Column("sealed", Text),
    Index(None, "subject", "after"),
)

service_levels: Final = Table(
    "service_levels",
    METADATA,
    Column("tenant", String, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("queue", String, primary_key=True),
    Column("within_ms", BigInteger, nullable=False),
)

adopted: Final = Table(
    "adopted",
    METADATA,
    Column("tenant", String, primary_key=True),
    Column("version", Integer, nullable=False),  # what the tenant's cell decides by
)

# Absolute business counters since the database was created, and the same by hour for pages that look back a day.
counters: Final = Table(
    "counters",
    METADATA,
    Column("tenant", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("labels", String, primary_key=True),  # canonical JSON
    Column("value", BigInteger, nullable=False),
)

hourly: Final = Table(
    "hourly",
    METADATA,
    Column("tenant", String, primary_key=True),
    Column("hour", Integer, primary_key=True),  # whole hours since 1970, UTC
    Column("name", String, primary_key=True),
    Column("labels", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

positions: Final = Table(
    "positions",
    METADATA,
    Column("topic", String, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next_offset", BigInteger, nullable=False),  # every record before it has had its effect
)
