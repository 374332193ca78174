"""Loads the rows that a batch names and writes what it changed, with the position it came from, in one transaction.

Whoever writes the same partition at the same time loses: the position row is locked and read again before anything is
folded, so an effect is there exactly once, whatever became of an earlier COMMIT.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from services.records.fold_decisions import DecidedStep, fold_step
from services.records.fold_facts import Told, fold_fact
from services.records.rows import AgentRow, ContactRow, ItemRow, Keys, ReservationRow, View, keys_of
from services.runtime import tables
from services.runtime.bus import Place
from services.runtime.database import Writing

_ROWS: Final[Mapping[str, tuple[Table, str, type[Any]]]] = {
    "contacts": (tables.contacts, "id", ContactRow),
    "items": (tables.items, "id", ItemRow),
    "reservations": (tables.reservations, "id", ReservationRow),
    "agents": (tables.agents, "agent_id", AgentRow),
}
_WITH_IDS: Final = {
    name: select(table).where(table.c[key].in_(bindparam("ids", expanding=True)))
    for name, (table, key, _) in _ROWS.items()
}


class PositionsMoved(Exception):
    """Someone else wrote these partitions, or the database was put back: read from its positions again."""


@dataclass(frozen=True)
class Batch:
    """What was read since the last batch. `before` and `after` are the next offsets of the places that it moves."""

    facts: Sequence[Told]
    steps: Sequence[tuple[int, DecidedStep]]  # partition and step
    before: Mapping[Place, int]
    after: Mapping[Place, int]


class Store:
    """The read model in a database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writing = Writing(engine)
        self._insert: Any = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._made: dict[str, Any] = {}  # the write statement of each table

    async def start(self, firsts: Mapping[Place, int]) -> dict[Place, int]:
        """Return the next offset of each place; one without a position gets the offset given here."""
        return await self._writing.transact(lambda connection: self._start(connection, firsts))

    async def apply(self, batch: Batch) -> None:
        """Fold a batch into the database, once. Doing it again changes nothing.

        Raises:
            PositionsMoved: the database stands neither before nor after this batch.
        """
        await self._writing.transact(lambda connection: self._apply(connection, batch))

    async def close(self) -> None:
        """Let go of the database."""
        await self._writing.close()

    # ---- one transaction

    def _start(self, connection: Connection, firsts: Mapping[Place, int]) -> dict[Place, int]:
        rows = [{"topic": place.topic, "partition": place.partition, "next_offset": n} for place, n in firsts.items()]
        statement = self._insert(tables.positions).on_conflict_do_nothing()
        self._write(connection, statement, rows, ["topic", "partition"])
        stored = self._positions(connection, {place.partition for place in firsts})
        return {place: stored[place] for place in firsts}

    def _apply(self, connection: Connection, batch: Batch) -> None:
        partitions = {place.partition for place in batch.before}
        stored = self._positions(connection, partitions, lock=True)
        places = {place: stored.get(place) for place in batch.before}
        if places == dict(batch.after):
            return  # an earlier attempt was committed, although its answer was lost
        if places != dict(batch.before):
            raise PositionsMoved
        self._fold(connection, batch)
        self._save_positions(connection, batch.after)

    def _fold(self, connection: Connection, batch: Batch) -> None:
        data = [told.envelope.data for told in batch.facts]
        decisions = [decision for _, decided in batch.steps for decision in decided.step.decisions]
        keys = keys_of([*data, *decisions], [told.envelope.tenant for told in batch.facts])
        view = self._load(connection, keys)
        for told in batch.facts:
            fold_fact(view, told)
        for partition, decided in batch.steps:
            fold_step(view, decided, partition)
        self._save(connection, view)

    # ---- reading

    def _positions(
        self, connection: Connection, partitions: Collection[int], *, lock: bool = False
    ) -> dict[Place, int]:
        query = select(tables.positions).where(tables.positions.c.partition.in_(sorted(partitions)))
        query = query.order_by(tables.positions.c.topic, tables.positions.c.partition)
        rows = connection.execute(query.with_for_update() if lock else query)
        return {Place(row.topic, row.partition): row.next_offset for row in rows}

    def _load(self, connection: Connection, keys: Keys) -> View:
        view = View()
        view.contacts = self._rows(connection, "contacts", keys.contacts)
        view.items = self._rows(connection, "items", keys.items)
        view.reservations = self._rows(connection, "reservations", keys.reservations)
        view.agents = self._rows(connection, "agents", keys.agents)
        tenants = keys.tenants | {item.tenant for item in view.items.values() if item.tenant}
        if tenants:
            self._load_levels(connection, view, tenants)
        return view

    def _rows(self, connection: Connection, name: str, ids: Collection[str]) -> dict[str, Any]:
        if not ids:
            return {}
        _, key, row_type = _ROWS[name]
        rows = connection.execute(_WITH_IDS[name], {"ids": sorted(ids)})
        return {row[key]: row_type(**row) for row in rows.mappings()}

    def _load_levels(self, connection: Connection, view: View, tenants: Collection[str]) -> None:
        adopted = tables.adopted
        for row in connection.execute(select(adopted).where(adopted.c.tenant.in_(sorted(tenants)))):
            view.adopted[row.tenant] = row.version
        levels = tables.service_levels
        for row in connection.execute(select(levels).where(levels.c.tenant.in_(sorted(tenants)))):
            view.levels[row.tenant, row.version, row.queue] = row.within_ms

    # ---- writing

    def _save(self, connection: Connection, view: View) -> None:
        for name, (table, key, _) in _ROWS.items():
            rows = [vars(getattr(view, name)[row_id]) for table_name, row_id in view.changed if table_name == name]
            self._replace(connection, table, [key], rows)
        # A fact that was delivered twice is in history once, as it first came.
        history = [vars(row) for row in view.history]
        self._write(connection, self._insert(tables.history).on_conflict_do_nothing(), history)
        self._save_levels(connection, view)
        self._save_counts(connection, view)

    def _save_levels(self, connection: Connection, view: View) -> None:
        names = ("tenant", "version", "queue", "within_ms")
        levels = [dict(zip(names, (*key, within), strict=True)) for key, within in view.new_levels.items()]
        self._replace(connection, tables.service_levels, ["tenant", "version", "queue"], levels)
        adopted = [{"tenant": name, "version": view.adopted[name]} for name in view.newly_adopted]
        self._replace(connection, tables.adopted, ["tenant"], adopted)
        for row in adopted:
            table = tables.service_levels
            older = (table.c.tenant == row["tenant"]) & (table.c.version < row["version"])
            connection.execute(delete(table).where(older))

    def _save_counts(self, connection: Connection, view: View) -> None:
        counts = {count: n for count, n in view.counts.items() if n}
        by_hour = [{**count._asdict(), "value": n} for count, n in counts.items()]
        totals: dict[tuple[str, str, str], int] = {}
        for count, n in counts.items():
            key = (count.tenant, count.name, count.labels)
            totals[key] = totals.get(key, 0) + n
        absolute = [
            {"tenant": t, "name": name, "labels": labels, "value": n} for (t, name, labels), n in totals.items()
        ]
        self._add(connection, tables.counters, ["tenant", "name", "labels"], absolute)
        self._add(connection, tables.hourly, ["tenant", "hour", "name", "labels"], by_hour)

    def _save_positions(self, connection: Connection, after: Mapping[Place, int]) -> None:
        rows = [{"topic": place.topic, "partition": place.partition, "next_offset": n} for place, n in after.items()]
        self._replace(connection, tables.positions, ["topic", "partition"], rows)

    def _replace(
        self, connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        if rows:
            self._write(connection, self._replacing(table, tuple(key)), rows, key)

    def _replacing(self, table: Table, key: tuple[str, ...]) -> Any:
        """Return the statement that writes whole rows of a table; made once, since making and naming it costs more."""
        made = self._made.get(table.name)
        if made is None:
            statement = self._insert(table)
            others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in key}
            made = self._made[table.name] = statement.on_conflict_do_update(index_elements=key, set_=others)
        return made

    def _add(self, connection: Connection, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            self._write(connection, self._adding(table, tuple(key)), rows, key)

    def _adding(self, table: Table, key: tuple[str, ...]) -> Any:
        """Return the statement that adds to the values of a table of counters."""
        made = self._made.get(table.name)
        if made is None:
            statement = self._insert(table)
            total: ColumnElement[int] = table.c.value + statement.excluded.value
            made = self._made[table.name] = statement.on_conflict_do_update(index_elements=key, set_={"value": total})
        return made

    def _write(
        self,
        connection: Connection,
        statement: Any,
        rows: Sequence[Mapping[str, Any]],
        key: Sequence[str] = (),
    ) -> None:
        if rows:
            # Always in the order of the key, so that two writers never wait for each other in a circle.
            ordered = sorted(rows, key=lambda row: tuple(row[name] for name in key))
            connection.execute(statement, [_storable(row) for row in ordered])


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    # PostgreSQL has no NUL in text, and one bad character must not hold up a partition.
    return {
        name: value.replace("\x00", "\ufffd") if isinstance(value, str) and "\x00" in value else value
        for name, value in row.items()
    }
