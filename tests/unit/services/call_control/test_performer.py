"""One decision after the other at a carrier that works, refuses, is slow, loses answers, and has seen it all before."""

from datetime import timedelta
from xml.etree import ElementTree as ET

import httpx
import pytest

from schemas import ids
from schemas.routing import Urgency
from services.carriers.addresses import returning_of
from services.demo.twiml import parse
from tests.carrier_cases import ACCOUNT, CALL, NOW, NUMBER, tenant


def only(world, kind):
    (fact,) = world.bus.facts
    assert fact.type == kind
    assert (fact.source, fact.cell, fact.tenant, fact.subject) == (
        "/call_control",
        "pool",
        "demo",
        fact.data.contact_id,
    )
    return fact


# ---- the agent into the conference


async def test_an_agent_is_dialled(world, words):
    await world.perform(words.connecting())
    (form,) = world.twilio.posts("Participants")
    assert (form["From"], form["To"], form["Label"], form["Timeout"]) == (NUMBER, "client:nora", "r-1", "30")
    leg = world.addresses.open_agent_status(form["StatusCallback"].partition("?s=")[2])
    assert (leg.contact, leg.tenant, leg.cell, leg.reservation) == (words.contact, "demo", "pool", "r-1")
    assert world.bus.records == []
    assert world.outcome("item.connecting", "done") == 1


async def test_who_was_dialled_before_a_restart_is_not_dialled_again(world, words):
    await world.perform(words.connecting())
    world.rebuild()
    await world.perform(words.connecting())
    assert len(world.twilio.posts("Participants")) == 1


async def test_a_repeat_in_one_process_does_not_even_look(world, words):
    await world.perform(words.connecting())
    asked = len(world.twilio.requests)
    await world.perform(words.connecting())
    assert len(world.twilio.requests) == asked


@pytest.mark.parametrize("fault", [500, 503, 429, httpx.ConnectError("down"), httpx.ReadTimeout("slow")])
async def test_a_failure_that_passes_is_tried_again(world, words, fault):
    world.twilio.faults, world.twilio.only = [fault, fault], "POST"
    await world.perform(words.connecting())
    assert world.pauses == [0.25, 0.5]
    assert world.bus.records == []
    assert len(world.twilio.rooms[words.contact]) == 1


async def test_an_answer_that_was_lost_does_not_dial_twice(world, words):
    world.twilio.faults, world.twilio.only, world.twilio.lost = [httpx.ReadTimeout("slow")], "POST", True
    await world.perform(words.connecting())
    assert len(world.twilio.posts("Participants")) == 1
    assert world.outcome("item.connecting", "done") == 1


async def test_a_label_in_use_is_a_leg_that_is_there(world, words):
    async def another_was_first(method, _):
        if method == "POST":
            world.twilio.hook = None
            world.twilio.join("CA-agent-0", "r-1")

    world.twilio.hook = another_was_first
    await world.perform(words.connecting())
    assert world.outcome("item.connecting", "done") == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_a_carrier_that_keeps_failing_is_told(world, words, status):
    world.twilio.faults, world.twilio.only = [status] * 9, "POST"
    await world.perform(words.connecting())
    data = only(world, "leg.connect_failed").data
    assert (data.step, data.carrier_status, data.reservation_id) == ("dial_agent", status, "r-1")
    assert len(world.twilio.posts()) == world.limits.carrier_attempts_max


async def test_a_carrier_that_does_not_answer_has_no_status(world, words):
    world.twilio.faults = [httpx.ConnectError("down")] * 9
    await world.perform(words.connecting())
    assert only(world, "leg.connect_failed").data.carrier_status is None


async def test_a_refusal_is_told_at_once(world, words):
    world.twilio.faults, world.twilio.only = [400], "POST"
    await world.perform(words.connecting())
    assert only(world, "leg.connect_failed").data.carrier_status == 400
    assert world.pauses == []


async def test_nothing_is_tried_beyond_the_deadline(world, words):
    world.twilio.faults = [500] * 9
    await world.perform(words.connecting(within_s=0.4))
    assert world.pauses == [0.25]
    assert only(world, "leg.connect_failed")


async def test_what_comes_after_its_deadline_is_not_begun(world, words):
    await world.perform(words.connecting(within_s=0))
    assert world.twilio.requests == []
    assert world.outcome("item.connecting", "late") == 1


@pytest.mark.parametrize("end", ["rescinded", "canceled", "lapsed", "released", "ended"])
async def test_nothing_is_done_for_a_reservation_that_has_ended(world, words, end):
    world.followed.follow("pool", getattr(words, end)())
    await world.performer.perform(words.connecting(), "pool")
    await world.performer.perform(words.joining(), "pool")
    assert world.twilio.requests == []
    assert world.bus.records == []


async def test_nothing_is_done_for_an_older_fence(world, words):
    world.followed.follow("pool", words.reserved("r-2", fence=2))
    await world.performer.perform(words.connecting("r-1", fence=1), "pool")
    assert world.twilio.requests == []
    await world.performer.perform(words.connecting("r-2", fence=2), "pool")
    assert len(world.twilio.posts("Participants")) == 1


async def test_attempts_end_when_the_reservation_does(world, words):
    async def rescind(method, _):
        if method == "POST":
            world.followed.follow("pool", words.rescinded())

    world.twilio.faults, world.twilio.only, world.twilio.hook = [500] * 9, "POST", rescind
    await world.perform(words.connecting())
    assert len(world.twilio.posts()) == 1
    assert world.bus.records == []
    assert world.outcome("item.connecting", "stale") == 1


@pytest.mark.parametrize(("within_s", "ring"), [(3.0, "5"), (29.2, "30"), (500.0, "120")])
async def test_how_long_it_rings(world, words, within_s, ring):
    await world.perform(words.connecting(within_s=within_s))
    assert world.twilio.posts("Participants")[0]["Timeout"] == ring


# ---- the caller after them


async def test_a_caller_is_moved_and_it_is_told(world, words):
    await world.perform(words.queued(), words.connecting(), words.joining())
    fact = only(world, "leg.caller_joined")
    assert (fact.data.contact_id, fact.data.reservation_id) == (words.contact, "r-1")
    (form,) = world.twilio.posts(f"Calls/{CALL}")
    (dial,) = parse(form["Twiml"], url="https://x.example")
    assert (dial.name, dial.end_on_exit, dial.start_on_enter) == (words.contact, True, True)
    leg = back_of(world, dial.request.url)
    assert (leg.contact, leg.tenant, leg.cell, leg.number, leg.ordinal) == (words.contact, "demo", "pool", NUMBER, 1)
    assert (leg.language, leg.intent, leg.urgency) == ("es", "refill.request", Urgency.ROUTINE)


def back_of(world, url):
    return returning_of(world.addresses.open_turn(url.partition("?s=")[2], account=ACCOUNT, call=CALL))


async def test_after_a_restart_little_is_known_of_a_caller_but_enough(world, words):
    world.twilio.join("CA-agent", "r-1")
    await world.performer.perform(words.joining(fence=4), "pool")
    (form,) = world.twilio.posts(f"Calls/{CALL}")
    leg = back_of(world, ET.fromstring(form["Twiml"])[0].get("action"))
    assert (leg.number, leg.ordinal, leg.language) == (NUMBER, 4, None)


async def test_a_caller_who_stands_in_the_conference_is_not_moved_again(world, words):
    world.twilio.join("CA-agent", "r-1")
    world.twilio.join(CALL)
    await world.perform(words.joining())
    assert world.twilio.posts() == []
    assert only(world, "leg.caller_joined")


async def test_a_move_for_an_earlier_agent_that_was_done_late_is_not_done_again(world, words):
    for act in (words.joining("r-1"), words.rescinded("r-1"), words.joining("r-2", fence=2)):
        world.followed.follow("pool", act)
    world.twilio.join("CA-agent", "r-2")
    world.twilio.join(CALL)
    await world.performer.perform(words.joining("r-2", fence=2), "pool", first=True)
    assert world.twilio.posts() == []
    assert only(world, "leg.caller_joined").data.reservation_id == "r-2"


async def test_the_first_move_of_a_caller_does_not_look(world, words):
    world.twilio.calls[CALL] = "in-progress"
    for _ in range(2):
        world.followed.follow("pool", words.joining())
    await world.performer.perform(words.joining(), "pool", first=True)
    assert [method for method, _, _ in world.twilio.requests] == ["POST"]


async def test_a_repeat_is_the_same_fact(world, words):
    await world.perform(words.connecting(), words.joining())
    world.rebuild()
    await world.perform(words.joining())
    assert len({fact.id for fact in world.bus.facts}) == 1


async def test_a_caller_is_not_moved_to_an_agent_who_is_gone(world, words):
    await world.perform(words.joining())
    assert world.twilio.posts() == []
    assert only(world, "leg.connect_failed").data.step == "join_caller"


@pytest.mark.parametrize("status", ["completed", None])
async def test_a_caller_who_is_gone_is_told(world, words, status):
    await world.perform(words.connecting())
    if status is None:
        del world.twilio.calls[CALL]
    else:
        world.twilio.calls[CALL] = status
    await world.perform(words.joining())
    fact = only(world, "leg.caller_ended")
    assert fact.id == ids.fact_id("twilio", ACCOUNT, CALL, "caller_ended"), "the carrier's own status is the same fact"
    assert world.outcome("item.caller_joining", "gone") == 1


async def test_a_move_that_keeps_failing_is_told(world, words):
    await world.perform(words.connecting())
    world.twilio.faults, world.twilio.only = [503] * 9, "POST"
    await world.perform(words.joining())
    data = only(world, "leg.connect_failed").data
    assert (data.step, data.carrier_status) == ("join_caller", 503)


async def test_a_move_that_outlasts_the_connecting_deadline_is_given_up(world, words):
    await world.perform(words.connecting(within_s=0.4))
    world.twilio.faults, world.twilio.only = [503] * 9, "POST"
    await world.perform(words.joining())
    assert world.clock.now() < NOW + timedelta(seconds=0.4)
    assert only(world, "leg.connect_failed")


# ---- letting go


async def test_an_agents_leg_is_ended(world, words):
    await world.perform(words.connecting())
    asked = len(world.twilio.requests)
    await world.perform(words.released())
    assert world.twilio.requests[asked:] == [("POST", "/Calls/CA-agent-1.json", {"Status": "completed"})]
    assert world.outcome("leg.released", "done") == 1
    assert world.bus.records == []


async def test_an_agents_leg_is_found_by_its_label(world, words):
    await world.perform(words.connecting())
    world.rebuild()
    await world.perform(words.released())
    assert world.twilio.calls["CA-agent-1"] == "completed"


@pytest.mark.parametrize("how", ["never", "ended", "refused"])
async def test_an_agents_leg_that_is_gone_is_a_success(world, words, how):
    if how != "never":
        await world.perform(words.connecting())
        world.twilio.calls["CA-agent-1"] = "completed"
    if how == "refused":
        world.twilio.faults, world.twilio.only = [409], "POST"
    await world.perform(words.released())
    assert world.outcome("leg.released", "gone") == 1
    assert world.bus.records == []


async def test_a_release_is_tried_longer(world, words):
    await world.perform(words.connecting())
    world.twilio.faults, world.twilio.only = [503] * 5, "POST"
    await world.perform(words.released())
    assert world.outcome("leg.released", "done") == 1


async def test_a_release_is_given_up_at_last(world, words):
    await world.perform(words.connecting())
    world.twilio.faults, world.twilio.only = [503] * 99, "POST"
    await world.perform(words.released(), words.released("caller"))
    assert world.outcome("leg.released", "failed") == 2


async def test_a_caller_left_alone_on_the_way_in_is_sent_back(world, words):
    world.followed.follow("pool", words.queued())
    world.twilio.join(CALL)
    await world.perform(words.released())
    (form,) = world.twilio.posts(f"Calls/{CALL}")
    assert back_of(world, form["Url"]).language == "es"
    assert world.outcome("leg.released", "gone") == 1


async def test_a_caller_with_somebody_else_is_left_there(world, words):
    world.twilio.join(CALL)
    world.twilio.join("CA-other", "r-2")
    await world.perform(words.released())
    assert world.twilio.posts() == []


async def test_a_caller_is_hung_up(world, words):
    await world.perform(words.released("caller"))
    assert world.twilio.calls[CALL] == "completed"
    assert world.bus.records == []


async def test_a_caller_who_hung_up_first_is_told(world, words):
    world.twilio.calls[CALL] = "completed"
    await world.perform(words.released("caller"))
    assert only(world, "leg.caller_ended").id == ids.fact_id("twilio", ACCOUNT, CALL, "caller_ended")


# ---- around


async def test_a_result_is_told_when_the_bus_is_back(world, words):
    await world.perform(words.connecting())
    world.bus.broken = True
    await world.perform(words.joining())
    assert world.bus.kinds() == ["leg.caller_joined"]


async def test_a_defect_is_told_and_does_not_spread(world, words, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(type(world.addresses), "agent_status", fail)
    await world.perform(words.connecting())
    assert only(world, "leg.connect_failed").data.step == "dial_agent"
    assert world.outcome("item.connecting", "defect") == 1


async def test_a_defect_in_a_release_is_counted(world, words, monkeypatch):
    async def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("services.carriers.twilio_rest.TwilioRest.end_leg", fail)
    await world.perform(words.released("caller"))
    assert world.outcome("leg.released", "defect") == 1


async def test_a_tenant_whose_document_is_gone_does_not_stop_a_call(world, words):
    other = tenant(tenant="other")
    world.tenants.apply(other)
    act = words.joining().model_copy(update={"tenant": "nobody"})
    world.twilio.join("CA-agent", "r-1")
    await world.perform(act)
    assert only_type(world) == "leg.caller_joined"


def only_type(world):
    (fact,) = world.bus.facts
    return fact.type
