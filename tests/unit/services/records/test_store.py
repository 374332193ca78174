import json
import tempfile
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from services.records.store import PositionsMoved
from services.runtime.database import open_database
from tests import records_cases as case


async def test_a_contact_that_was_answered(engine: AsyncEngine) -> None:
    await case.fold_with_cuts(engine, [])
    contact = await case.row(engine, "contacts", case.CALLER)
    assert (contact["state"], contact["end_reason"], contact["tenant"]) == ("ended", "completed", "demo")
    assert (contact["queue"], contact["intent"], contact["urgency"]) == ("nurse", "triage", "routine")
    assert (contact["arrived_at"], contact["ended_at"]) == (case.at(2), case.at(91))
    item = await case.row(engine, "items", f"i-{case.CALLER}")
    assert (item["state"], item["disposition"], item["agent_id"]) == ("completed", "resolved", "bob")
    assert (item["offers"], item["requeues"]) == (2, 1)
    assert item["answered_at"] - item["queued_at"] == timedelta(seconds=24)
    first = await case.row(engine, "reservations", f"r-{case.CALLER}-1")
    assert (first["state"], first["ended_at"]) == ("rejected", case.at(10))
    assert (await case.row(engine, "reservations", f"r-{case.CALLER}-2"))["state"] == "accepted"


async def test_a_contact_that_left_while_offered(engine: AsyncEngine) -> None:
    await case.fold_with_cuts(engine, [])
    contact = await case.row(engine, "contacts", case.LEAVER)
    assert (contact["state"], contact["end_reason"], contact["urgency"]) == ("ended", "abandoned_offered", "urgent")
    assert contact["intent"] == "triage"  # the router's word, not the late turn's
    assert (await case.row(engine, "items", f"i-{case.LEAVER}"))["state"] == "abandoned"
    assert (await case.row(engine, "reservations", f"r-{case.LEAVER}-1"))["state"] == "lapsed"
    assert (await case.row(engine, "reservations", f"r-{case.LEAVER}-2"))["state"] == "canceled"


async def test_agents_are_free_again(engine: AsyncEngine) -> None:
    await case.fold_with_cuts(engine, [])
    for agent_id in ("ann", "bob"):
        agent = await case.row(engine, "agents", agent_id)
        assert (agent["status"], agent["state"], agent["contact_id"]) == ("available", "idle", None)
    assert (await case.row(engine, "agents", "bob"))["since"] == case.at(95)


async def test_the_business_is_counted_once(engine: AsyncEngine) -> None:
    await case.fold_with_cuts(engine, [])
    assert await case.counted(engine) == {
        ("arrived", "{}"): 3,
        ("offered", '{"queue":"nurse"}'): 4,
        ("answered", '{"queue":"nurse"}'): 1,
        ("answered_in_time", '{"queue":"nurse"}'): 1,  # by version 1, which the cell had adopted then
        ("answer_wait_ms", '{"queue":"nurse"}'): 24_000,
        ("abandoned", '{"queue":"nurse","state":"reserved"}'): 1,
        ("abandoned_late", '{"queue":"nurse"}'): 1,
        ("requeued", '{"queue":"nurse","reason":"rejected"}'): 1,
        ("requeued", '{"queue":"nurse","reason":"lapsed"}'): 1,
        ("completed", '{"disposition":"resolved","queue":"nurse"}'): 1,
        ("self_served", "{}"): 1,
        ("ended", '{"reason":"completed"}'): 1,
        ("ended", '{"reason":"self_served"}'): 1,
        ("ended", '{"reason":"abandoned_offered"}'): 1,
        ("facts_rejected", '{"fact_type":"contact.arrived"}'): 1,
    }


async def test_history_keeps_what_is_sealed_apart_and_a_repeated_fact_once(engine: AsyncEngine) -> None:
    await case.fold_with_cuts(engine, [])
    tables = await case.dump(engine)
    columns = [column.name for column in case.METADATA.tables["history"].columns]
    rows = [dict(zip(columns, row, strict=True)) for row in tables["history"]]
    arrivals = [row for row in rows if row["type"] == "contact.arrived" and row["subject"] == case.CALLER]
    assert [row["offset"] for row in arrivals] == [2]
    assert json.loads(arrivals[0]["sealed"]) == {"kid": "k1", "key": "a2V5", "box": "Ym94"}
    assert not [row for row in rows if "sealed" in json.loads(row["data"])]
    assert not [row for row in rows if row["type"].startswith("agent.") and row["type"] != "agent.reserved"]


async def test_only_the_adopted_service_levels_stay(engine: AsyncEngine) -> None:
    await case.fold_with_cuts(engine, [])
    tables = await case.dump(engine)
    assert tables["adopted"] == [("demo", 2)]
    assert sorted(tables["service_levels"]) == [("demo", 2, "desk", 60_000), ("demo", 2, "nurse", 1_000)]


async def test_a_text_with_nul_is_stored(engine: AsyncEngine) -> None:
    store = await case.begin(engine)
    await store.apply(case.WHOLE)
    await store.apply(case.WHOLE)  # its commit was done, though its answer may have been lost


async def test_a_batch_from_elsewhere_is_refused_and_changes_nothing(engine: AsyncEngine) -> None:
    store = await case.begin(engine)
    await store.apply(case.batch((0, 5), (0, 0)))
    before = await case.dump(engine)
    with pytest.raises(PositionsMoved):
        await store.apply(case.batch((3, 8), (0, 0)))
    with pytest.raises(PositionsMoved):
        await store.apply(case.batch((9, 10), (0, 2)))
    assert await case.dump(engine) == before


async def test_start_keeps_positions_that_are_there(engine: AsyncEngine) -> None:
    store = await case.begin(engine)
    await store.apply(case.batch((0, 5), (0, 0)))
    again = await store.start({case.INTAKE_PLACE: 2, case.DECISIONS_PLACE: 0})
    assert again == {case.INTAKE_PLACE: 5, case.DECISIONS_PLACE: 0}


async def _folded(cuts: list[tuple[int, int]]) -> dict[str, list[tuple[object, ...]]]:
    with tempfile.TemporaryDirectory() as folder:
        async with open_database(f"sqlite+aiosqlite:///{folder}/records.db") as engine:
            await case.fold_with_cuts(engine, cuts)
            return await case.dump(engine)


_CUTS = st.lists(st.tuples(st.integers(0, len(case.FACTS)), st.integers(0, len(case.STEPS))), max_size=12)


@settings(max_examples=12, deadline=None)
@given(cuts=_CUTS)
async def test_whatever_the_cuts_and_the_interleaving_the_tables_are_the_same(cuts: list[tuple[int, int]]) -> None:
    assert await _folded(cuts) == await _folded([])


async def test_one_record_at_a_time_gives_the_same_tables() -> None:
    single = [(n, case.steps_ready(n)) for n in range(len(case.FACTS) + 1)]
    assert await _folded(single) == await _folded([])


async def test_facts_far_ahead_of_decisions_give_the_same_tables() -> None:
    ahead = [(len(case.FACTS), n) for n in range(len(case.STEPS) + 1)]
    assert await _folded(ahead) == await _folded([])
