"""A call from the carrier's webhook to an agent's desktop and back, and everything that can come between.

Real HTTP, a real websocket, the real processes; only the carrier and the people are simulated.
"""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from schemas.ids import contact_id
from tests.integration.system import FRONTDOOR, PATIENCE_S, TIMERS, connected, endpoint, waits

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90), pytest.mark.usefixtures("tidy")]
REFILLS = "agent-finn"  # the first to be asked for a refill
OTHER_REFILLS = "agent-eva"
NURSE = "nurse-ana"


async def test_a_call_is_heard_offered_accepted_connected_wrapped_up_and_completed(system):
    agent = await system.agent(REFILLS)
    phone = await system.waiting_call()
    offer = await agent.offer()
    assert (offer["queue"], offer["intent"], offer["urgency"]) == ("refills", "refill.request", "routine")
    assert "refill" in json.dumps(offer["screen_pop"])
    assert "911" in phone.heard[0]
    await agent.accept(offer)
    await agent.expect("call.updated", state="connecting")
    await connected(phone, agent)
    await phone.hang_up()
    await agent.finish(offer)
    await agent.state("idle", "available")
    contact = await system.contact(offer["contact_id"], lambda contact: contact["state"] == "ended")
    assert contact["end_reason"] == "completed"


async def test_a_digit_of_the_menu_does_what_the_words_do(system):
    await system.agent(NURSE)
    phone = await system.call()
    await phone.wait_until("listening")
    phone.press("0")
    other = await system.agent("agent-dan")
    offer = await other.offer()
    assert offer["intent"] == "agent.request"
    await phone.hang_up()
    await other.expect("offer.withdrawn", reason="caller_hung_up")


async def test_opening_hours_are_told_without_an_agent(system):
    phone = await system.call()
    await phone.wait_until("listening")
    phone.say("What are your opening hours?")
    await phone.wait_to_hear("open")
    await phone.wait_until("listening")
    phone.say("no, that is all")
    await phone.wait_until("ended")
    contact = contact_id("twilio", system.carrier.account, phone.sid)
    ended = await system.contact(contact, lambda contact: contact["state"] == "ended")
    assert ended["end_reason"] == "self_served"


@pytest.mark.parametrize("where", ["first", "waiting"])
async def test_chest_pain_goes_to_a_nurse_first_whenever_it_is_said(system, where):
    earlier = await system.waiting_call("Can a nurse tell me if I can take ibuprofen with my blood pressure pills?")
    await waits(earlier)
    phone = await system.call()
    await phone.wait_until("listening")
    if where == "waiting":
        phone.say("I need a refill")
        await waits(phone)
        await phone.wait_until("listening")
    phone.say("my chest hurts")
    await phone.wait_for(lambda: sum("911" in heard for heard in phone.heard) >= 2)
    nurse = await system.agent(NURSE)
    offer = await nurse.offer()
    assert (offer["urgency"], offer["queue"]) == ("emergent", "nurse_triage")
    await phone.hang_up()


async def test_a_rejected_offer_goes_to_the_next_agent(system):
    first = await system.agent(REFILLS)
    second = await system.agent(OTHER_REFILLS)
    phone = await system.waiting_call()
    offer = await first.offer()
    await first.send("offer.reject", reservation_id=offer["reservation_id"], reason="busy")
    await first.expect("offer.withdrawn", reason="rejected")
    again = await second.offer()
    assert again["item_id"] == offer["item_id"]
    assert again["queued_at"] == offer["queued_at"]
    await phone.hang_up()


async def test_a_lapsed_offer_goes_to_the_next_and_the_agent_is_taken_off(system):
    first = await system.agent(REFILLS)
    second = await system.agent(OTHER_REFILLS)
    phone = await system.waiting_call()
    offer = await first.offer()
    await first.expect("offer.withdrawn", reason="lapsed")
    assert (await first.state("idle", "break"))["status_reason"] == "ring_no_answer"
    assert (await second.offer())["item_id"] == offer["item_id"]
    await phone.hang_up()


async def test_a_caller_who_hangs_up_while_waiting_is_abandoned(system):
    phone = await system.waiting_call()
    await waits(phone)
    await phone.hang_up()
    contact = contact_id("twilio", system.carrier.account, phone.sid)
    ended = await system.contact(contact, lambda contact: contact["state"] == "ended")
    assert ended["end_reason"] == "abandoned_waiting"


async def test_a_caller_who_hangs_up_while_offered_frees_the_agent(system):
    agent = await system.agent(REFILLS)
    phone = await system.waiting_call()
    offer = await agent.offer()
    await phone.hang_up()
    withdrawn = await agent.expect("offer.withdrawn")
    assert withdrawn["reason"] == "caller_hung_up"
    await agent.state("idle", "available")
    contact = await system.contact(offer["contact_id"], lambda contact: contact["state"] == "ended")
    assert contact["end_reason"] == "abandoned_offered"


async def test_a_caller_who_hangs_up_while_connecting_frees_the_agent_and_their_phone(system):
    agent = await system.agent(REFILLS)
    system.carrier.behave(endpoint(agent), "answer", after_s=4)
    phone = await system.waiting_call()
    offer = await agent.offer()
    await agent.accept(offer)
    await agent.expect("call.updated", state="connecting")
    await phone.hang_up()
    await agent.expect("call.updated", state="ended")
    await agent.state("idle", "available")
    ringing = [leg for leg in system.carrier.legs() if leg.called == endpoint(agent)]
    for leg in ringing:
        await leg.phone.wait_until("ended")
    system.carrier.behave(endpoint(agent), "answer")


async def test_a_desktop_that_dies_while_offered_loses_the_offer_to_the_next(system):
    first = await system.agent(REFILLS)
    second = await system.agent(OTHER_REFILLS)
    phone = await system.waiting_call()
    offer = await first.offer()
    first.socket.transport.abort()
    again = await second.offer()
    assert again["item_id"] == offer["item_id"]
    await phone.hang_up()
    await system.agent(REFILLS, available=False)  # to sign them out at the end


async def test_a_desktop_that_comes_back_resumes_with_its_offer(system):
    first = await system.agent(REFILLS)
    phone = await system.waiting_call()
    offer = await first.offer()
    first.socket.transport.abort()
    await first.closed.wait()
    seq = max(frame["seq"] for frame in first.frames if "seq" in frame)
    back = await system.agent(REFILLS, available=False, resume={"session": first.session, "seq": seq})
    await back.expect("resumed")
    await back.accept(offer)
    await connected(phone, back)
    await phone.hang_up()
    await back.finish(offer)


@pytest.mark.parametrize("outcome", ["busy", "failed"])
async def test_an_agents_phone_that_fails_sends_the_caller_to_the_next(system, outcome):
    first = await system.agent(REFILLS)
    second = await system.agent(OTHER_REFILLS)
    system.carrier.behave(endpoint(first), outcome)
    phone = await system.waiting_call()
    await first.accept(await first.offer())
    offer = await second.offer()
    await second.accept(offer)
    await connected(phone, second)
    await phone.hang_up()
    await second.finish(offer)
    system.carrier.behave(endpoint(first), "answer")


@pytest.mark.parametrize(
    ("status", "where"),
    [
        pytest.param(500, "Participants", id="failed-to-dial"),
        pytest.param(400, "Participants", id="refused-to-dial"),
        pytest.param(403, "Participants", id="forbade-to-dial"),
        pytest.param(404, "Participants", id="had-nothing-to-dial"),
        pytest.param(400, "/Calls/", id="refused-to-move-the-caller"),
    ],
)
async def test_a_carrier_that_refuses_keeps_the_callers_place(system, status, where):
    agent = await system.agent(REFILLS)
    faults = system.carrier.faults
    faults.rest_status, faults.rest_only = status, where
    faults.rest_times = 1 if where == "/Calls/" else None
    phone = await system.waiting_call()
    offer = await agent.offer()
    await agent.accept(offer)
    again = await agent.offer()
    assert (again["item_id"], again["queued_at"]) == (offer["item_id"], offer["queued_at"])
    faults.rest_status = None
    await agent.accept(again)
    await connected(phone, agent)
    await the_only_leg(system, agent)
    await phone.hang_up()
    await agent.finish(again)


async def the_only_leg(system, agent):
    """Wait until one leg of the agent is left: those of earlier attempts are ended."""
    async with asyncio.timeout(PATIENCE_S):
        while (live := [leg for leg in system.carrier.legs() if leg.live and leg.called == endpoint(agent)])[1:]:
            await asyncio.wait([leg.task for leg in live], return_when=asyncio.FIRST_COMPLETED)
    assert len(live) == 1


async def in_conference(system, phone):
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if any(phone.sid in room.members for room in system.carrier.conferences if room.status != "completed"):
                return
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("what", ["dial", "move"])
async def test_a_carrier_that_is_slower_than_the_connecting_deadline_keeps_the_callers_place(system, what):
    """The next agent is asked meanwhile, and what the carrier has done late with the caller is built upon."""
    first = await system.agent(REFILLS)
    second = await system.agent(OTHER_REFILLS)
    faults = system.carrier.faults
    faults.rest_only = "/Calls/" if what == "move" else "POST /2010-04-01/Accounts/" + system.carrier.account + "/Conf"
    faults.rest_delay_s = TIMERS["connecting_s"] + 1.0
    phone = await system.waiting_call()
    offer = await first.offer()
    await first.accept(offer)
    again = await second.offer()
    assert (again["item_id"], again["queued_at"]) == (offer["item_id"], offer["queued_at"])
    faults.rest_delay_s = 0.0
    if what == "move":
        await in_conference(system, phone)
    await second.accept(again)
    await connected(phone, second)
    await phone.hang_up()
    await second.finish(again)


async def test_a_carrier_that_is_slow_connects_late(system):
    agent = await system.agent(REFILLS)
    system.carrier.faults.rest_delay_s = 0.5
    phone = await system.waiting_call()
    offer = await agent.offer()
    await agent.accept(offer)
    await connected(phone, agent)
    await phone.hang_up()
    await agent.finish(offer)


async def test_a_carriers_lost_answer_does_not_ring_the_agent_twice(system):
    agent = await system.agent(REFILLS)
    faults = system.carrier.faults
    faults.rest_status, faults.rest_only, faults.rest_lost, faults.rest_times = 500, "POST", True, 1
    phone = await system.waiting_call()
    offer = await agent.offer()
    legs = sum(leg.called == endpoint(agent) for leg in system.carrier.legs())
    await agent.accept(offer)
    await connected(phone, agent)
    assert sum(leg.called == endpoint(agent) for leg in system.carrier.legs()) == legs + 1
    await phone.hang_up()
    await agent.finish(offer)


async def test_the_agent_hangs_up(system):
    agent = await system.agent(REFILLS)
    phone = await system.waiting_call()
    offer = await agent.offer()
    await agent.accept(offer)
    await agent.expect("call.updated", state="connected")
    await agent.send("call.hang_up", contact_id=offer["contact_id"])
    await phone.wait_until("ended")
    await agent.finish(offer)


async def test_an_agent_whose_phone_breaks_loses_the_caller_to_the_next_who_is_told_sorry(system):
    first = await system.agent(REFILLS)
    phone = await system.waiting_call()
    offer = await first.offer()
    await first.accept(offer)
    await connected(phone, first)
    second = await system.agent(OTHER_REFILLS)
    system.carrier.hang_up_endpoint(endpoint(first))
    again = await second.offer()
    assert again["contact_id"] == offer["contact_id"]
    assert phone.state != "ended"
    await phone.hang_up()
    await first.finish(offer)


async def test_webhooks_five_times_have_one_effect(system):
    webhooks = system.carrier.webhooks
    webhooks.failures.clear()
    webhooks.disagreements = 0
    system.carrier.faults.webhook_copies = system.carrier.faults.status_copies = 5
    agent = await system.agent(REFILLS)
    phone = await system.waiting_call()
    offer = await agent.offer()
    await agent.accept(offer)
    await connected(phone, agent)
    await phone.hang_up()
    await agent.finish(offer)
    await system.contact(offer["contact_id"], lambda contact: contact["state"] == "ended")
    explanation = await system.get(f"/v1/contacts/{offer['contact_id']}/explanation")
    kinds = [event["type"] for event in explanation["events"] if event["kind"] == "decision"]
    assert kinds.count("item.queued") == kinds.count("agent.reserved") == kinds.count("contact.ended") == 1
    facts = [event["type"] for event in explanation["events"] if event["kind"] == "fact"]
    assert facts
    assert len(facts) == len(set(facts))
    await webhooks.drained()
    assert (webhooks.disagreements, webhooks.failures) == (0, [])


# ---- explanation


async def test_every_decision_is_explained(system):
    await system.agent("agent-gia")  # free too, and without the skill
    agent = await system.agent(REFILLS)
    phone = await system.waiting_call()
    offer = await agent.offer()
    await phone.hang_up()
    await system.contact(offer["contact_id"], lambda contact: contact["state"] == "ended")
    explain = [FRONTDOOR, "explain", offer["contact_id"], "--url", system.base, "--data", system.data]
    told = await asyncio.to_thread(subprocess.run, explain, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert REFILLS in told.stdout
    assert "lacks:refills" in told.stdout
    as_json = await asyncio.to_thread(subprocess.run, [*explain, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(as_json.stdout)["contact_id"] == offer["contact_id"]


# ---- what is shown and kept


async def test_the_documented_agent_serves_a_call(system):
    script = Path(__file__).parents[2] / "docs" / "agent_client.py"
    command = [sys.executable, script, system.base, system.token("agent", REFILLS)]
    client = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    phone = await system.waiting_call()
    printed, _ = await client.communicate()
    assert client.returncode == 0
    assert b"offered: routine refill.request" in printed
    await phone.wait_until("ended")


async def test_no_patient_data_is_in_a_file_a_log_a_key_or_a_metric(system):
    agent = await system.agent(REFILLS)
    phone = await system.call(from_="+15005550042")
    await phone.wait_until("listening")
    phone.say("I need a refill of my zebrafluzine")
    offer = await agent.offer()
    assert "zebrafluzine" in json.dumps(offer["screen_pop"])
    await agent.accept(offer)
    await connected(phone, agent)
    await phone.hang_up()
    await agent.finish(offer)
    await system.contact(offer["contact_id"], lambda contact: contact["state"] == "ended")
    kept = {path.name: path.read_bytes() for path in system.data.rglob("*") if path.is_file()}
    kept["/metrics"] = (await system.http.get("/metrics")).content
    kept["keys"] = json.dumps(keys_of(system.data / "bus.db")).encode()
    for name, octets in kept.items():
        for private in (b"5005550042", b"5005550006", b"zebrafluzine", b"chest hurts", b"ibuprofen"):
            assert private not in octets, name
    # It was really looked at: what may be there is.
    assert offer["contact_id"].encode() in kept["stderr.log"]
    assert b'"demo"' in kept["keys"]
    assert all(any(octets for name, octets in kept.items() if name.startswith(file)) for file in ("bus.db", "records"))
    assert b"call_control.performed" in kept["stderr.log"]
    assert b"frontdoor_webhooks_total" in kept["/metrics"]


def keys_of(file):
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        return [key for (key,) in database.execute("SELECT DISTINCT key FROM records")]
