"""The read model: contacts, items, reservations, agents, history, counters and positions.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "contacts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String()),
        sa.Column("cell", sa.String()),
        sa.Column("channel", sa.String()),
        sa.Column("carrier", sa.String()),
        sa.Column("number", sa.String()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
        sa.Column("intent", sa.String()),
        sa.Column("urgency", sa.String()),
        sa.Column("language", sa.String()),
        sa.Column("queue", sa.String()),
        sa.Column("arrived_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.Column("end_reason", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
    )
    op.create_index("ix_contacts_tenant_state", "contacts", ["tenant", "state"])
    op.create_table(
        "items",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String()),
        sa.Column("queue", sa.String()),
        sa.Column("intent", sa.String()),
        sa.Column("urgency", sa.String()),
        sa.Column("language", sa.String()),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("queued_at", _TIME),
        sa.Column("answered_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.Column("completed_at", _TIME),
        sa.Column("agent_id", sa.String()),
        sa.Column("reservation_id", sa.String()),
        sa.Column("offers", sa.Integer(), nullable=False),
        sa.Column("requeues", sa.Integer(), nullable=False),
        sa.Column("disposition", sa.String()),
        sa.PrimaryKeyConstraint("id", name="pk_items"),
    )
    op.create_index("ix_items_contact_id", "items", ["contact_id"])
    op.create_index("ix_items_tenant_state_queue", "items", ["tenant", "state", "queue"])
    op.create_table(
        "reservations",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("contact_id", sa.String(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("created_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_reservations"),
    )
    op.create_index("ix_reservations_contact_id", "reservations", ["contact_id"])
    op.create_table(
        "agents",
        sa.Column("agent_id", sa.String(), nullable=False),
        sa.Column("tenant", sa.String()),
        sa.Column("cell", sa.String()),
        sa.Column("status", sa.String()),
        sa.Column("state", sa.String()),
        sa.Column("since", _TIME),
        sa.Column("session", sa.String()),
        sa.Column("contact_id", sa.String()),
        sa.PrimaryKeyConstraint("agent_id", name="pk_agents"),
    )
    op.create_index("ix_agents_tenant", "agents", ["tenant"])
    op.create_table(
        "history",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("offset", sa.BigInteger(), nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("event_id", sa.String()),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text()),
        sa.PrimaryKeyConstraint("topic", "partition", "offset", "idx", name="pk_history"),
        sa.UniqueConstraint("event_id", name="uq_history_event_id"),
    )
    op.create_index("ix_history_subject_after", "history", ["subject", "after"])
    op.create_table(
        "service_levels",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("queue", sa.String(), nullable=False),
        sa.Column("within_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "version", "queue", name="pk_service_levels"),
    )
    op.create_table(
        "adopted",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", name="pk_adopted"),
    )
    op.create_table(
        "counters",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("labels", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "name", "labels", name="pk_counters"),
    )
    op.create_table(
        "hourly",
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("labels", sa.String(), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "hour", "name", "labels", name="pk_hourly"),
    )
    op.create_table(
        "positions",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_positions"),
    )


def downgrade() -> None:
    """Drop the tables; they fill again from the log."""
    for name in (
        "positions",
        "hourly",
        "counters",
        "adopted",
        "service_levels",
        "history",
        "agents",
        "reservations",
        "items",
        "contacts",
    ):
        op.drop_table(name)
