"""Loads the rows that a batch names and writes what it changed, with the position it came from, in one transaction.

Whoever writes the same partition at the same time loses: the position row is locked and read again before anything is
folded, so an effect is there exactly once, whatever became of an earlier COMMIT.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.records.fold_decisions import DecidedStep, fold_step
from services.records.fold_facts import Told, fold_fact
from services.records.rows import AgentRow, ContactRow, ItemRow, Keys, ReservationRow, View, keys_of
from services.runtime import tables
from services.runtime.bus import Place
from services.runtime.database import writing

_ROWS: Final[Mapping[str, tuple[Table, str, type[Any]]]] = {
    "contacts": (tables.contacts, "id", ContactRow),
    "items": (tables.items, "id", ItemRow),
    "reservations": (tables.reservations, "id", ReservationRow),
    "agents": (tables.agents, "agent_id", AgentRow),
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
        self._engine = engine
        self._insert: Any = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._made: dict[str, Any] = {}  # the write statement of each table

    async def start(self, firsts: Mapping[Place, int]) -> dict[Place, int]:
        """Return the next offset of each place; one without a position gets the offset given here."""
        rows = [{"topic": place.topic, "partition": place.partition, "next_offset": n} for place, n in firsts.items()]
        async with writing(self._engine).begin() as connection:
            statement = self._insert(tables.positions).on_conflict_do_nothing()
            await self._write(connection, statement, rows, ["topic", "partition"])
            stored = await self._positions(connection, {place.partition for place in firsts})
        return {place: stored[place] for place in firsts}

    async def apply(self, batch: Batch) -> None:
        """Fold a batch into the database, once. Doing it again changes nothing.

        Raises:
            PositionsMoved: the database stands neither before nor after this batch.
        """
        async with writing(self._engine).begin() as connection:
            partitions = {place.partition for place in batch.before}
            stored = await self._positions(connection, partitions, lock=True)
            places = {place: stored.get(place) for place in batch.before}
            if places == dict(batch.after):
                return  # an earlier attempt was committed, although its answer was lost
            if places != dict(batch.before):
                raise PositionsMoved
            await self._fold(connection, batch)
            await self._save_positions(connection, batch.after)

    async def _fold(self, connection: AsyncConnection, batch: Batch) -> None:
        data = [told.envelope.data for told in batch.facts]
        decisions = [decision for _, decided in batch.steps for decision in decided.step.decisions]
        keys = keys_of([*data, *decisions], [told.envelope.tenant for told in batch.facts])
        view = await self._load(connection, keys)
        for told in batch.facts:
            fold_fact(view, told)
        for partition, decided in batch.steps:
            fold_step(view, decided, partition)
        await self._save(connection, view)

    # ---- reading

    async def _positions(
        self, connection: AsyncConnection, partitions: Collection[int], *, lock: bool = False
    ) -> dict[Place, int]:
        query = select(tables.positions).where(tables.positions.c.partition.in_(sorted(partitions)))
        query = query.order_by(tables.positions.c.topic, tables.positions.c.partition)
        rows = await connection.execute(query.with_for_update() if lock else query)
        return {Place(row.topic, row.partition): row.next_offset for row in rows}

    async def _load(self, connection: AsyncConnection, keys: Keys) -> View:
        view = View()
        view.contacts = await self._rows(connection, "contacts", keys.contacts)
        view.items = await self._rows(connection, "items", keys.items)
        view.reservations = await self._rows(connection, "reservations", keys.reservations)
        view.agents = await self._rows(connection, "agents", keys.agents)
        tenants = keys.tenants | {item.tenant for item in view.items.values() if item.tenant}
        if tenants:
            await self._load_levels(connection, view, tenants)
        return view

    async def _rows(self, connection: AsyncConnection, name: str, ids: Collection[str]) -> dict[str, Any]:
        if not ids:
            return {}
        table, key, row_type = _ROWS[name]
        rows = await connection.execute(select(table).where(table.c[key].in_(sorted(ids))))
        return {row[key]: row_type(**row) for row in rows.mappings()}

    async def _load_levels(self, connection: AsyncConnection, view: View, tenants: Collection[str]) -> None:
        adopted = tables.adopted
        for row in await connection.execute(select(adopted).where(adopted.c.tenant.in_(sorted(tenants)))):
            view.adopted[row.tenant] = row.version
        levels = tables.service_levels
        for row in await connection.execute(select(levels).where(levels.c.tenant.in_(sorted(tenants)))):
            view.levels[row.tenant, row.version, row.queue] = row.within_ms

    # ---- writing

    async def _save(self, connection: AsyncConnection, view: View) -> None:
        for name, (table, key, _) in _ROWS.items():
            rows = [vars(getattr(view, name)[row_id]) for table_name, row_id in view.changed if table_name == name]
            await self._replace(connection, table, [key], rows)
        # A fact that was delivered twice is in history once, as it first came.
        history = [vars(row) for row in view.history]
        await self._write(connection, self._insert(tables.history).on_conflict_do_nothing(), history)
        await self._save_levels(connection, view)
        await self._save_counts(connection, view)

    async def _save_levels(self, connection: AsyncConnection, view: View) -> None:
        names = ("tenant", "version", "queue", "within_ms")
        levels = [dict(zip(names, (*key, within), strict=True)) for key, within in view.new_levels.items()]
        await self._replace(connection, tables.service_levels, ["tenant", "version", "queue"], levels)
        adopted = [{"tenant": name, "version": view.adopted[name]} for name in view.newly_adopted]
        await self._replace(connection, tables.adopted, ["tenant"], adopted)
        for row in adopted:
            table = tables.service_levels
            older = (table.c.tenant == row["tenant"]) & (table.c.version < row["version"])
            await connection.execute(delete(table).where(older))

    async def _save_counts(self, connection: AsyncConnection, view: View) -> None:
        counts = {count: n for count, n in view.counts.items() if n}
        by_hour = [{**count._asdict(), "value": n} for count, n in counts.items()]
        totals: dict[tuple[str, str, str], int] = {}
        for count, n in counts.items():
            key = (count.tenant, count.name, count.labels)
            totals[key] = totals.get(key, 0) + n
        absolute = [
            {"tenant": t, "name": name, "labels": labels, "value": n} for (t, name, labels), n in totals.items()
        ]
        await self._add(connection, tables.counters, ["tenant", "name", "labels"], absolute)
        await self._add(connection, tables.hourly, ["tenant", "hour", "name", "labels"], by_hour)

    async def _save_positions(self, connection: AsyncConnection, after: Mapping[Place, int]) -> None:
        rows = [{"topic": place.topic, "partition": place.partition, "next_offset": n} for place, n in after.items()]
        await self._replace(connection, tables.positions, ["topic", "partition"], rows)

    async def _replace(
        self, connection: AsyncConnection, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        if rows:
            await self._write(connection, self._replacing(table, tuple(key)), rows, key)

    def _replacing(self, table: Table, key: tuple[str, ...]) -> Any:
        """Return the statement that writes whole rows of a table; made once, since making and naming it costs more."""
        made = self._made.get(table.name)
        if made is None:
            statement = self._insert(table)
            others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in key}
            made = self._made[table.name] = statement.on_conflict_do_update(index_elements=key, set_=others)
        return made

    async def _add(
        self, connection: AsyncConnection, table: Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> None:
        if rows:
            await self._write(connection, self._adding(table, tuple(key)), rows, key)

    def _adding(self, table: Table, key: tuple[str, ...]) -> Any:
        """Return the statement that adds to the values of a table of counters."""
        made = self._made.get(table.name)
        if made is None:
            statement = self._insert(table)
            total: ColumnElement[int] = table.c.value + statement.excluded.value
            made = self._made[table.name] = statement.on_conflict_do_update(index_elements=key, set_={"value": total})
        return made

    async def _write(
        self,
        connection: AsyncConnection,
        statement: Any,
        rows: Sequence[Mapping[str, Any]],
        key: Sequence[str] = (),
    ) -> None:
        if rows:
            # Always in the order of the key, so that two writers never wait for each other in a circle.
            ordered = sorted(rows, key=lambda row: tuple(row[name] for name in key))
            await connection.execute(statement, [_storable(row) for row in ordered])


def _storable(row: Mapping[str, Any]) -> dict[str, Any]:
    # PostgreSQL has no NUL in text, and one bad character must not hold up a partition.
    return {
        name: value.replace("\x00", "\ufffd") if isinstance(value, str) and "\x00" in value else value
        for name, value in row.items()
    }
