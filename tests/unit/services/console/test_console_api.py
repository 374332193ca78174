from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from schemas.routing import AgentState, AgentStatus, Urgency
from services.console.contacts import history_of
from services.records.fold_decisions import fold_step
from services.records.rows import View
from services.records.store import Batch, Store
from services.runtime.bus import Place
from tests import records_cases as case

READING = ("/v1/contacts/x", "/v1/contacts/x/explanation", "/v1/queues", "/v1/agents", "/v1/kpis")


async def fold(console: Any, *decisions: Any, second: float = 100.0) -> None:
    """Fold one more step after those of the morning."""
    place = case.DECISIONS_PLACE
    offset = len(case.STEPS)
    step = case.step(20, second, 5, *decisions)
    decided = case.Decided(place, offset, step.decided_at, step)
    batch = Batch(facts=[], steps=[(1, decided)], before={place: offset}, after={place: offset + 1})
    await Store(console.engine).apply(batch)


@pytest.mark.parametrize("path", READING)
async def test_everyone_shows_a_token_and_the_right_role(console: Any, path: str) -> None:
    async with console.client() as client:
        assert (await client.get(path)).status_code == 401
        for role in ("agent", "nurse", "service"):
            status = (await client.get(path, headers=console.bearer(role))).status_code
            assert status == (200 if path == "/v1/queues" else 403)
        for role in ("supervisor", "admin", "auditor"):
            assert (await client.get(path, headers=console.bearer(role))).status_code in {200, 404}


async def test_a_contact_with_its_items(console: Any) -> None:
    answer = await console.get(f"/v1/contacts/{case.CALLER}")
    assert answer.headers["cache-control"] == "no-store"
    contact = answer.json()
    assert contact["contact_id"] == case.CALLER
    assert (contact["state"], contact["end_reason"], contact["number"]) == ("ended", "completed", "+15005550100")
    assert [(item["state"], item["requeues"]) for item in contact["items"]] == [("completed", 1)]
    assert "sealed" not in answer.text


@pytest.mark.parametrize("path", ["/v1/contacts/none", "/v1/contacts/none/explanation"])
async def test_an_unknown_contact_is_404(console: Any, path: str) -> None:
    answer = await console.get(path)
    assert (answer.status_code, answer.json()) == (404, {"detail": "no such contact"})


async def test_an_id_that_is_none_is_refused(console: Any) -> None:
    assert (await console.get("/v1/contacts/%00%27")).status_code == 422
    assert (await console.get("/v1/contacts/" + "x" * 65)).status_code == 422


async def test_the_explanation_is_in_the_order_of_the_cell(console: Any) -> None:
    told = (await console.get(f"/v1/contacts/{case.CALLER}/explanation")).json()
    assert (told["contact_id"], told["state"], told["queue"], told["urgency"]) == (
        case.CALLER,
        "ended",
        "nurse",
        "routine",
    )
    assert [(event["kind"], event["type"]) for event in told["events"]] == [
        ("fact", "contact.arrived"),
        ("fact", "contact.dialog_turned"),
        ("fact", "contact.handed_off"),
        ("decision", "item.queued"),
        ("decision", "agent.reserved"),
        ("fact", "offer.rejected"),
        ("decision", "item.requeued"),
        ("decision", "agent.reserved"),
        ("fact", "offer.accepted"),
        ("decision", "item.connecting"),
        ("decision", "item.connected"),
        ("fact", "leg.caller_ended"),
        ("decision", "contact.ended"),
        ("decision", "item.wrapping"),
        ("fact", "wrap_up.done"),
        ("decision", "item.completed"),
    ]
    assert told["truncated"] is False
    offer = next(event for event in told["events"] if event["type"] == "agent.reserved")
    assert [(one["agent_id"], one.get("score"), one.get("excluded_by")) for one in offer["data"]["candidates"]] == [
        ("ann", 0.9, None),
        ("zoe", None, "skill triage"),
    ]
    assert "sealed" not in str(told)
    assert offer["at"] == "2030-01-07T09:02:07+00:00"


async def test_a_history_is_found_by_its_index(console: Any) -> None:
    query = history_of(case.CALLER).compile(console.engine.sync_engine, compile_kwargs={"literal_binds": True})
    async with console.engine.connect() as connection:
        plan = [row.detail for row in await connection.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    assert any(step.startswith("SEARCH history USING INDEX ix_history_subject_after") for step in plan)
    assert not any(step.startswith("SCAN history") for step in plan)


async def test_a_long_history_is_cut(console: Any) -> None:
    console.limits = type(console.limits)(history_events_max=3)
    told = (await console.get(f"/v1/contacts/{case.CALLER}/explanation")).json()
    assert (len(told["events"]), told["truncated"]) == (3, True)


@pytest.mark.parametrize("path", [f"/v1/contacts/{case.CALLER}", f"/v1/contacts/{case.CALLER}/explanation"])
async def test_a_contact_of_another_tenant_does_not_exist(console: Any, path: str) -> None:
    assert (await console.get(path, tenant="other")).status_code == 404
    assert (await console.get(path, role="admin", tenant="other")).status_code == 404
    assert (await console.get(path, role="admin", tenant=None)).status_code == 200
    assert (await console.get(path, role="supervisor", tenant=None)).status_code == 403


async def test_boards_of_another_tenant_are_empty(console: Any) -> None:
    assert (await console.get("/v1/queues", tenant="other")).json() == {"queues": []}
    assert (await console.get("/v1/agents", tenant="other")).json() == {"agents": []}
    assert (await console.get("/v1/kpis", tenant="other")).json()["answered"] == 0


async def test_queues_count_who_waits_and_who_is_idle(console: Any) -> None:
    await fold(
        console,
        case.queued("c-1", 70),
        case.queued("c-2", 80, Urgency.EMERGENT),
        case.queued("c-3", 60),
        case.reserved("c-3", "ann", 1, 100),
        case.agent_is("ann", AgentState.RESERVED),
    )
    nurse, desk = (await console.get("/v1/queues", role="agent")).json()["queues"]
    assert nurse == {
        "tenant": "demo",
        "name": "nurse",
        "waiting": {"emergent": 1, "urgent": 0, "routine": 1},
        "longest_wait_s": 40.0,
        "reserved": 1,
        "connecting": 0,
        "connected": 0,
        "agents_idle": 1,
    }
    assert (desk["name"], desk["agents_idle"], desk["longest_wait_s"]) == ("desk", 1, 0.0)


async def test_agents_who_are_on_a_break_are_not_idle(console: Any) -> None:
    await fold(console, case.agent_is("bob", AgentState.IDLE, AgentStatus.BREAK))
    _, desk = (await console.get("/v1/queues")).json()["queues"]
    assert desk["agents_idle"] == 0


async def test_agents_are_listed_whether_they_ever_connected_or_not(console: Any) -> None:
    found = {agent["agent_id"]: agent for agent in (await console.get("/v1/agents")).json()["agents"]}
    assert set(found) == {"ann", "bob", "practice-agent"}
    assert (found["ann"]["name"], found["ann"]["status"], found["ann"]["state"]) == ("Ann", "available", "idle")
    assert found["bob"]["skills"] == ["greet", "triage"]
    never = found["practice-agent"]
    assert (never["status"], never["state"], never["since"]) == ("offline", "unreachable", None)


async def test_figures_of_the_day(console: Any) -> None:
    assert (await console.get("/v1/kpis")).json() == {
        "answered": 1,
        "abandoned": 1,
        "abandoned_in_dialog": 0,
        "self_served": 1,
        "in_dialog": 0,
        "waiting": 0,
        "service_level": 0.5,
        "average_speed_of_answer_s": 24.0,
        "longest_wait_s": 0.0,
    }


async def test_figures_look_back_a_day(console: Any) -> None:
    console.clock.advance(timedelta(hours=25).total_seconds())
    figures = (await console.get("/v1/kpis")).json()
    assert (figures["answered"], figures["service_level"], figures["average_speed_of_answer_s"]) == (0, None, None)


async def test_a_database_that_does_not_answer_is_503(console: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("services.console.routes.read_contact", refuse)
    answer = await console.get("/v1/contacts/x")
    assert (answer.status_code, answer.json()["detail"]) == (503, "the database does not answer; calls go on")


def test_the_scenario_folds_without_a_database() -> None:
    view = View()
    for offset, step in enumerate(case.STEPS):
        fold_step(view, case.Decided(Place("decisions", 1), offset, step.decided_at, step), 1)
    assert view.contacts[case.CALLER].state == "ended"
