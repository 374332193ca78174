"""One contact: where it stands, and what was told and decided about it. Nothing sealed is opened or shown."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, case, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.topics import INTAKE
from services.console.access import Scope
from services.runtime.tables import contacts, history, items, reservations

_ITEM_COLUMNS = [column for column in items.c if column.name not in {"contact_id", "tenant"}]


async def read_contact(connection: AsyncConnection, contact_id: str, scope: Scope) -> dict[str, Any] | None:
    """Return a contact with its items; None if there is none in this scope."""
    row = await _row(connection, contact_id, scope)
    if row is None:
        return None
    found = await connection.execute(
        select(*_ITEM_COLUMNS).where(items.c.contact_id == contact_id).order_by(items.c.queued_at, items.c.id)
    )
    contact = _shown(row)
    return {"contact_id": contact.pop("id"), **contact, "items": [_shown(item) for item in found.mappings()]}


async def read_explanation(
    connection: AsyncConnection, contact_id: str, scope: Scope, *, events_max: int
) -> dict[str, Any] | None:
    """Return what happened to a contact and why, in the order in which its cell saw it; None if not in this scope.

    Each reservation has the candidates, their scores and what excluded the others. `truncated` says that there are
    more than `events_max` events.
    """
    row = await _row(connection, contact_id, scope)
    if row is None:
        return None
    found = await connection.execute(history_of(contact_id).limit(events_max + 1))
    events = [_event(row) for row in found.mappings()]
    shown = {name: row[name] for name in ("state", "tenant", "urgency", "queue", "end_reason")}
    return {
        "contact_id": contact_id,
        **shown,
        "events": events[:events_max],
        "truncated": len(events) > events_max,
    }


def history_of(contact_id: str) -> Select[Any]:
    """Return the query for what was told and decided about a contact, its items and its reservations, in order."""
    # One list of subjects and not three conditions: so it is a join over the index, in PostgreSQL too.
    subjects = union_all(
        select(literal(contact_id)),
        select(reservations.c.id).where(reservations.c.contact_id == contact_id),
        select(items.c.id).where(items.c.contact_id == contact_id),
    )
    facts_first = case((history.c.topic == INTAKE.name, 0), else_=1)
    query = select(history.c.at, history.c.topic, history.c.type, history.c.data).where(history.c.subject.in_(subjects))
    return query.order_by(history.c.after, facts_first, history.c.offset, history.c.idx)


async def _row(connection: AsyncConnection, contact_id: str, scope: Scope) -> RowMapping | None:
    row = (await connection.execute(select(contacts).where(contacts.c.id == contact_id))).mappings().one_or_none()
    return row if row is not None and scope.holds(row["tenant"]) else None


def _event(row: RowMapping) -> dict[str, Any]:
    return {
        "at": row["at"].isoformat(),
        "kind": "fact" if row["topic"] == INTAKE.name else "decision",
        "type": row["type"],
        "data": json.loads(row["data"]),
    }


def _shown(row: RowMapping) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
