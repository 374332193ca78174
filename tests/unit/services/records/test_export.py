import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.records.export import INTERVAL_S, export_counters, keep_exporting
from services.records.patience import Patience, is_transient
from services.runtime.telemetry import ABANDONED, ANSWER_WAIT_SECONDS, ANSWERED, RECORDS_RETRIES, Metrics
from tests import records_cases as case


async def test_counters_are_absolute_and_the_same_after_a_restart(engine: AsyncEngine) -> None:
    await case.fold_with_cuts(engine, [])
    metrics = Metrics()
    await export_counters(engine, metrics)
    await export_counters(engine, metrics)
    again = Metrics()
    await export_counters(engine, again)
    for each in (metrics, again):
        assert each.value(ANSWERED, tenant="demo", queue="nurse") == 1
        assert each.value(ANSWER_WAIT_SECONDS, tenant="demo", queue="nurse") == 24
        assert each.value(ABANDONED, tenant="demo", queue="nurse", state="reserved") == 1
    assert b"frontdoor_answered_total" in metrics.render()


async def test_a_counter_of_a_newer_release_is_left_out(engine: AsyncEngine) -> None:
    table = case.METADATA.tables["counters"]
    async with engine.begin() as connection:
        await connection.execute(table.insert().values(tenant="demo", name="tomorrow", labels="{}", value=1))
    await export_counters(engine, Metrics())


async def test_exporting_goes_on_while_the_database_does_not_answer(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    await case.fold_with_cuts(engine, [])
    metrics = Metrics()
    outcomes = [ConnectionRefusedError(), None, ValueError()]

    async def export(engine: AsyncEngine, metrics: Metrics) -> None:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        await export_counters(engine, metrics)

    async def sleep(seconds: float) -> None:
        assert seconds == INTERVAL_S

    monkeypatch.setattr("services.records.export.export_counters", export)
    with pytest.raises(ValueError):  # noqa: PT011  a fault of ours is not hidden
        await keep_exporting(engine, metrics, sleep=sleep)
    assert metrics.value(ANSWERED, tenant="demo", queue="nurse") == 1


async def test_patience_waits_longer_each_time_up_to_its_bound() -> None:
    slept: list[float] = []
    outcomes = [ConnectionRefusedError(), OperationalError("x", {}, Exception()), TimeoutError(), TimeoutError(), None]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert patience.trouble == "database"

    async def attempt() -> str:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome
        return "done"

    metrics = Metrics()
    patience = Patience(metrics, pause_s_max=0.15, sleep=sleep)
    assert await patience.until_done("database", attempt) == "done"
    assert slept == [0.05, 0.1, 0.15, 0.15]
    assert patience.trouble is None
    assert metrics.value(RECORDS_RETRIES, what="database") == 4


async def test_patience_does_not_hide_our_own_faults() -> None:
    async def attempt() -> None:
        raise ProgrammingError("x", {}, Exception())

    with pytest.raises(ProgrammingError):
        await Patience(Metrics(), pause_s_max=1.0).until_done("database", attempt)
    assert not is_transient(ValueError())
