"""The same folds as on SQLite, on a real PostgreSQL, with two writers and with a server that goes away."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.console.access import Scope
from services.console.contacts import read_contact, read_explanation
from services.console.queries import board
from services.records.export import export_counters
from services.records.patience import is_transient
from services.records.store import PositionsMoved, Store
from services.runtime.database import open_database
from services.runtime.tables import METADATA
from services.runtime.telemetry import ANSWERED, Metrics
from tests import records_cases as case

pytestmark = pytest.mark.postgres

CUTS = {
    "whole": [],
    "one by one": [(n, case.steps_ready(n)) for n in range(len(case.FACTS) + 1)],
    "facts ahead": [(len(case.FACTS), n) for n in range(0, len(case.STEPS) + 1, 3)],
}


@pytest.fixture
async def engine(fresh_postgres_url: str) -> AsyncIterator[AsyncEngine]:
    async with open_database(fresh_postgres_url) as engine:
        yield engine


@pytest.fixture
async def on_sqlite(tmp_path: Path) -> dict[str, list[tuple[Any, ...]]]:
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/records.db") as engine:
        await case.fold_with_cuts(engine, [])
        return await case.dump(engine)


async def test_migrations_make_the_declared_tables(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        difference = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), METADATA)
        )
    assert difference == []


async def test_several_processes_may_migrate_at_once(fresh_postgres_url: str) -> None:
    async def open_and_close() -> None:
        async with open_database(fresh_postgres_url):
            pass

    await asyncio.gather(*(open_and_close() for _ in range(4)))


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS.keys())
async def test_the_tables_are_those_of_sqlite(
    engine: AsyncEngine, on_sqlite: dict[str, list[tuple[Any, ...]]], cuts: list[tuple[int, int]]
) -> None:
    await case.fold_with_cuts(engine, cuts)
    # Keys are compared as sets: the two sort text by different rules.
    found = await case.dump(engine)
    assert {name: set(rows) for name, rows in found.items()} == {name: set(rows) for name, rows in on_sqlite.items()}


async def test_of_two_writers_one_wins(engine: AsyncEngine) -> None:
    first, second = await case.begin(engine), Store(engine)
    outcomes = await asyncio.gather(
        first.apply(case.batch((0, 6), (0, 2))), second.apply(case.batch((0, 5), (0, 0))), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(PositionsMoved) == 1
    assert (await case.counted(engine))["arrived", "{}"] in {2, 3}


async def test_the_same_batch_from_two_writers_counts_once(engine: AsyncEngine) -> None:
    stores = [await case.begin(engine) for _ in range(4)]
    await asyncio.gather(*(store.apply(case.WHOLE) for store in stores))
    assert (await case.counted(engine))["arrived", "{}"] == 3


async def test_a_connection_that_is_cut_changes_nothing_and_can_be_tried_again(
    engine: AsyncEngine, fresh_postgres_url: str
) -> None:
    store = await case.begin(engine)
    async with open_database(fresh_postgres_url, migrate=False) as other, other.connect() as killer:
        blocker = await other.connect()
        await blocker.execute(text("LOCK TABLE counters IN ACCESS EXCLUSIVE MODE"))
        writing = asyncio.create_task(store.apply(case.WHOLE))
        waiting = text(
            "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        while not (blocked := (await killer.execute(waiting)).scalars().all()):
            await killer.rollback()  # the view of activity is fixed within a transaction
        for pid in blocked:
            await killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(Exception) as caught:  # noqa: PT011  which one is the driver's choice
            await writing
        assert is_transient(caught.value)
        await blocker.close()
    assert await case.counted(engine) == {}
    await store.apply(case.WHOLE)
    assert (await case.counted(engine))["arrived", "{}"] == 3


async def test_what_is_read_is_the_same(engine: AsyncEngine) -> None:
    await case.fold_with_cuts(engine, [])
    async with engine.connect() as connection:
        contact = await read_contact(connection, case.CALLER, Scope("demo"))
        told = await read_explanation(connection, case.CALLER, Scope("demo"), events_max=100)
        shown = await board(connection, [case.config(2)], case.at(100))
    assert contact is not None
    assert contact["end_reason"] == "completed"
    assert told is not None
    assert [event["type"] for event in told["events"]][:3] == [
        "contact.arrived",
        "contact.dialog_turned",
        "contact.handed_off",
    ]
    assert len(told["events"]) == 16
    assert (shown["kpis"]["service_level"], shown["kpis"]["average_speed_of_answer_s"]) == (0.5, 24.0)
    metrics = Metrics()
    await export_counters(engine, metrics)
    assert metrics.value(ANSWERED, tenant="demo", queue="nurse") == 1
