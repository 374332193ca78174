from typing import Any

from schemas.after_hours import AfterHoursTaken
from schemas.agents import AgentConnected
from schemas.contacts import ContactArrived, DialogTurned, HandedOff, SelfServed
from schemas.decisions import (
    AgentReserved,
    ContactDiverted,
    ContactReset,
    FactRejected,
    ItemConnected,
    ReleasedWork,
    ReservationRescinded,
)
from schemas.intake import ConfigApplied
from schemas.routing import AgentState, EndReason, RequeueReason, Urgency
from services.records.fold_decisions import fold_step
from services.records.fold_facts import Told, fold_fact
from services.records.rows import Count, View, keys_of
from tests import records_cases as case

CONTACT = "c-1"


def tell(view: View, *facts: Any) -> View:
    for n, data in enumerate(facts):
        fold_fact(view, Told(1, n, case.told(n, data)))
    return view


def decide(view: View, *decisions: Any, second: float = 50.0) -> View:
    decided = case.Decided(case.DECISIONS_PLACE, 0, case.at(second), case.step(1, second, 0, *decisions))
    fold_step(view, decided, 1)
    return view


def names_of(view: View) -> dict[str, int]:
    return {count.name: n for count, n in view.counts.items()}


def test_a_contact_only_moves_forward() -> None:
    view = tell(
        View(),
        HandedOff(contact_id=CONTACT, intent="triage", urgency=Urgency.URGENT, reason="asked"),
        DialogTurned(contact_id=CONTACT, turn=0, node="menu"),
        SelfServed(contact_id=CONTACT, task="hours"),
        ContactArrived(contact_id=CONTACT, carrier="twilio", account="AC1", call="CA1", number="+15005550100"),
    )
    assert view.contacts[CONTACT].state == "handed_off"
    assert view.contacts[CONTACT].urgency == "urgent"
    decide(view, case.ended(CONTACT, EndReason.FAILED))
    tell(view, DialogTurned(contact_id=CONTACT, turn=1, node="menu"))
    assert view.contacts[CONTACT].state == "ended"


def test_a_turn_that_comes_late_does_not_change_the_intent() -> None:
    view = tell(
        View(),
        DialogTurned(contact_id=CONTACT, turn=2, node="menu", intent="billing", urgency=Urgency.ROUTINE),
        DialogTurned(contact_id=CONTACT, turn=1, node="menu", intent="refill"),
    )
    assert (view.contacts[CONTACT].intent, view.contacts[CONTACT].turns) == ("billing", 3)


def test_facts_about_agents_are_no_history_of_contacts() -> None:
    view = tell(View(), AgentConnected(agent_id="ann", session="s", lease_s=15))
    assert view.history == []


def test_a_document_older_than_the_adopted_one_is_left_out() -> None:
    view = View(adopted={"demo": 2})
    tell(view, ConfigApplied(tenant="demo", version=1, document=case.config(1)))
    assert not view.new_levels


def test_a_caller_who_leaves_the_dialog_is_counted_apart() -> None:
    view = decide(View(), case.ended(CONTACT, EndReason.ABANDONED_IN_DIALOG))
    count = Count.of("abandoned", tenant="demo", at=case.at(50), queue="", state="in_dialog")
    assert view.counts[count] == 1


def test_a_diverted_contact_waits_for_a_person() -> None:
    view = decide(View(), ContactDiverted(contact_id=CONTACT, reason="dialog_lost"))
    assert view.contacts[CONTACT].state == "handed_off"
    assert names_of(view) == {"diverted": 1}


def test_who_asked_for_a_closed_queue_is_counted_there_and_waits_elsewhere() -> None:
    after = {"item_id": f"i-{CONTACT}", "contact_id": CONTACT, "tenant": "demo", "waits_in": "desk"}
    view = decide(
        View(),
        case.queued(CONTACT, 0),
        AfterHoursTaken(**after, queue="billing", then="call_back"),
        AfterHoursTaken(**after, queue="billing"),
    )
    for then in ("call_back", "nothing"):
        assert view.counts[Count.of("after_hours", tenant="demo", at=case.at(50), queue="billing", then=then)] == 1
    assert view.contacts[CONTACT].queue == case.queued(CONTACT, 0).queue
    assert [row.type for row in view.history] == ["item.queued", "item.after_hours", "item.after_hours"]


def test_an_item_is_answered_once_and_within_the_default_service_level() -> None:
    view = decide(View(), case.queued(CONTACT, 0), case.reserved(CONTACT, "ann", 1, 10))
    for second in (30, 90):
        decide(view, ItemConnected(**case.names(CONTACT, "ann", 1)), second=second)
    assert view.items[f"i-{CONTACT}"].answered_at == case.at(30)
    assert names_of(view)["answered"] == names_of(view)["answered_in_time"] == 1


def test_an_answer_past_the_service_level_is_not_in_time() -> None:
    view = decide(View(), case.queued(CONTACT, 0), case.reserved(CONTACT, "ann", 1, 10))
    decide(view, ItemConnected(**case.names(CONTACT, "ann", 1)), second=60.001)
    assert "answered_in_time" not in names_of(view)


def test_a_rescinded_reservation_frees_its_agent_only() -> None:
    view = decide(View(), case.queued(CONTACT, 0), case.reserved(CONTACT, "ann", 1, 10))
    decide(view, case.reserved("c-2", "bob", 1, 10))
    decide(view, ReservationRescinded(**case.names(CONTACT, "ann", 1), reason=RequeueReason.UNREACHABLE))
    assert view.reservations[f"r-{CONTACT}-1"].state == "rescinded"
    assert (view.agents["ann"].contact_id, view.agents["bob"].contact_id) == (None, "c-2")


def reset_of(contact: str) -> ContactReset:
    work = ReleasedWork(item_id=f"i-{contact}", reservation_id=f"r-{contact}-1", agent_id="ann")
    return ContactReset(contact_id=contact, tenant="demo", reason="KeyError", released=(work,))


def test_a_contact_that_is_reset_has_lost_its_work_and_its_agent() -> None:
    view = decide(View(), case.queued(CONTACT, 0), case.reserved(CONTACT, "ann", 1, 10), reset_of(CONTACT))
    assert view.items[f"i-{CONTACT}"].state == "failed"
    assert view.reservations[f"r-{CONTACT}-1"].state == "rescinded"
    assert view.agents["ann"].contact_id is None
    assert names_of(view)["reset"] == 1


def test_keys_are_those_of_released_work_too() -> None:
    keys = keys_of([reset_of(CONTACT)], [])
    assert (keys.items, keys.reservations, keys.agents) == ({f"i-{CONTACT}"}, {f"r-{CONTACT}-1"}, {"ann"})


def test_what_was_decided_about_unknown_rows_is_kept() -> None:
    view = decide(View(), ReservationRescinded(**case.names(CONTACT, "ann", 1), reason=RequeueReason.UNREACHABLE))
    assert view.reservations[f"r-{CONTACT}-1"].agent_id == "ann"
    assert view.agents == {}


def test_an_agent_is_in_a_state_since_it_changed() -> None:
    view = decide(View(), case.agent_is("ann", AgentState.IDLE), second=1)
    decide(view, case.agent_is("ann", AgentState.IDLE), second=2)
    assert view.agents["ann"].since == case.at(1)
    decide(view, case.agent_is("ann", AgentState.RESERVED), second=3)
    assert view.agents["ann"].since == case.at(3)


def test_a_rejected_fact_is_in_the_history_of_its_subject() -> None:
    rejected = FactRejected(offset=1, fact_id="f", fact_type="x", subject=CONTACT, reason="KeyError")
    view = decide(View(), rejected)
    assert [(row.subject, row.type) for row in view.history] == [(CONTACT, "fact.rejected")]


def test_keys_are_those_that_events_name() -> None:
    reserved: AgentReserved = case.reserved(CONTACT, "ann", 1, 0)
    keys = keys_of([reserved, case.ended("c-2", EndReason.FAILED)], ["demo", None])
    assert keys.contacts == {CONTACT, "c-2"}
    assert (keys.items, keys.reservations) == ({f"i-{CONTACT}"}, {f"r-{CONTACT}-1"})
    assert (keys.agents, keys.tenants) == ({"ann"}, {"demo"})


def test_rows_do_not_show_what_they_hold() -> None:
    view = tell(View(), case.arrived(CONTACT))
    assert "Ym94" not in repr(view)
    assert "kid" not in repr(view.history)
