"""A call from the carrier's webhook to an agent's desktop and back, and everything that can come between.

Real HTTP, a real websocket, the real processes; only the carrier and the people are simulated.
"""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from schemas.ids import contact_id
from services.demo.signature import sign
from tests.integration.system import FRONTDOOR, NUMBER, PATIENCE_S, running

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90)]
REFILLS = "agent-finn"  # the first to be asked for a refill
OTHER_REFILLS = "agent-eva"
NURSE = "nurse-ana"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(data):
    async with running(data) as system:
        yield system


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def tidy(system):
    """Leave no call behind, no agent and no fault."""
    yield
    for agent in system.agents:
        await agent.leave()
    system.agents.clear()
    faults = system.carrier.faults
    faults.rest_status = None
    faults.rest_delay_s = faults.status_delay_s = 0.0
    faults.rest_only, faults.rest_lost, faults.rest_times = "", False, None
    faults.webhook_copies = faults.status_copies = 1
    faults.statuses_dropped = ()
    for leg in list(system.carrier.legs()):
        if leg.live:
            leg.end("hung_up")
            await leg.phone.wait_until("ended")


async def waits(phone):
    """Wait until the caller hears the hold music: the dialog has handed them over."""
    async with asyncio.timeout(PATIENCE_S):
        await phone.wait_for(lambda: any(event.type == "music" for event in phone.events))


async def connected(phone, agent):
    """Wait until both sides know that they talk; who hangs up a moment earlier has abandoned the call."""
    async with asyncio.timeout(PATIENCE_S):
        await phone.wait_until("connected")
    await agent.expect("call.updated", state="connected")


def endpoint(agent):
    return f"client:{agent.agent_id}"


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


async def test_a_carrier_that_refuses_keeps_the_callers_place(system):
    agent = await system.agent(REFILLS)
    system.carrier.faults.rest_status = 500
    system.carrier.faults.rest_only = "Participants"
    phone = await system.waiting_call()
    offer = await agent.offer()
    await agent.accept(offer)
    again = await agent.offer()
    assert again["queued_at"] == offer["queued_at"]
    system.carrier.faults.rest_status = None
    await agent.accept(again)
    await connected(phone, agent)
    await phone.hang_up()
    await agent.finish(again)


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


# ---- bad webhooks


def form(**changes):
    fields = {
        "CallSid": "CA00000000000000000000000000000001",
        "AccountSid": "ACde300000000000000000000000000001",
        "From": "+15005550006",
        "To": NUMBER,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "ApiVersion": "2010-04-01",
    }
    return fields | changes


async def post(system, path, fields, **headers):
    url = f"{system.base}/v1/carriers/twilio/{path}"
    signature = {"X-Twilio-Signature": sign(system.carrier.secret, url, list(fields.items()))}
    return await system.http.post(f"/v1/carriers/twilio/{path}", data=fields, headers=signature | headers)


@pytest.mark.parametrize("signature", [None, "", "AAAA", "forged=="])
async def test_a_forged_or_missing_signature_is_refused_and_counted(system, signature):
    before = await refused(system)
    headers = {} if signature is None else {"X-Twilio-Signature": signature}
    answer = await system.http.post("/v1/carriers/twilio/voice", data=form(), headers=headers)
    assert answer.status_code == 403
    assert await refused(system) == before + 1


async def refused(system):
    text = (await system.http.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("frontdoor_webhooks_total{") and "forged" in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


async def test_an_unknown_number_is_refused_politely(system):
    answer = await post(system, "voice", form(To="+15005550999"))
    assert answer.status_code == 200
    assert "<Say" in answer.text
    assert "<Gather" not in answer.text


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe%%%=&&&", "application/x-www-form-urlencoded"),
        (b"x" * (1 << 20), "application/x-www-form-urlencoded"),
        (b'{"CallSid": "CA1"}', "application/json"),
        (b"CallSid=CA1", "text/plain"),
        (b"", "application/x-www-form-urlencoded"),
    ],
)
@pytest.mark.parametrize("path", ["voice", "turn", "status"])
async def test_a_malformed_webhook_is_4xx(system, path, body, kind):
    answer = await system.http.post(
        f"/v1/carriers/twilio/{path}", content=body, headers={"Content-Type": kind, "X-Twilio-Signature": "AAAA"}
    )
    assert 400 <= answer.status_code < 500


async def test_the_same_webhook_gets_the_same_bytes(system):
    fields = form(CallSid="CA00000000000000000000000000000005")
    answers = [await post(system, "voice", fields) for _ in range(5)]
    assert len({answer.content for answer in answers}) == 1
    await post(system, "status", fields | {"CallStatus": "completed"})


def action(twiml):
    return re.search(r'action="([^"]+)"', twiml).group(1).replace("&amp;", "&")


@pytest.mark.parametrize("damage", ["cut", "changed", "another call's", "missing"])
async def test_a_damaged_session_leads_to_a_person_and_never_to_an_error(system, damage):
    fields = form(CallSid=f"CA0000000000000000000000000000{abs(hash(damage)) % 9000 + 1000}")
    answer = await post(system, "voice", fields)
    path, token = action(answer.text).split("/v1/carriers/twilio/")[1].split("?s=")
    token = {
        "cut": token[: len(token) // 2],
        "changed": token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        "another call's": token,
        "missing": "",
    }[damage]
    if damage == "another call's":
        fields = fields | {"CallSid": "CA00000000000000000000000000007777"}
    answer = await post(system, f"{path}?s={token}", fields | {"SpeechResult": "hello"})
    assert answer.status_code < 500
    if answer.status_code == 200:
        assert "911" in answer.text
    await post(system, "status", fields | {"CallStatus": "completed"})


async def test_a_status_that_comes_first_ends_the_call_for_good(system):
    fields = form(CallSid="CA00000000000000000000000000000009")
    assert (await post(system, "status", fields | {"CallStatus": "completed"})).status_code < 300
    assert (await post(system, "voice", fields)).status_code == 200
    contact = await system.contact(
        contact_id("twilio", fields["AccountSid"], fields["CallSid"]), lambda contact: contact["state"] == "ended"
    )
    assert contact["end_reason"] == "abandoned_in_dialog"


# ---- bad sockets


async def test_a_bad_ticket_closes_with_4401(system):
    socket = await system.socket("nonsense")
    await socket.wait_closed()
    assert socket.close_code == 4401


async def test_a_used_ticket_closes_with_4401(system):
    ticket = await system.ticket(REFILLS)
    first = await system.socket(ticket)
    second = await system.socket(ticket)
    await second.wait_closed()
    assert second.close_code == 4401
    await first.close()


@pytest.mark.parametrize(
    "frame",
    ["not json", "[]", '{"type": "no.such"}', '{"type": "status.set", "status": "asleep"}', '{"type": "pong", "x": 1}'],
)
async def test_a_wrong_frame_gets_an_error_and_the_session_lives(system, frame):
    agent = await system.agent(REFILLS, available=False)
    await agent.socket.send(frame)
    await agent.expect("error")
    await agent.send("status.set", status="available")
    await agent.state("idle", "available")


async def test_a_frame_of_a_mebibyte_closes_the_socket(system):
    agent = await system.agent(REFILLS, available=False)
    await agent.socket.send("x" * (1 << 20))
    await agent.closed.wait()
    assert agent.socket.close_code == 1009


async def test_the_newer_socket_wins_and_the_older_is_told(system):
    older = await system.agent(REFILLS)
    newer = await system.agent(REFILLS, available=False)
    await older.expect("error", code="replaced")
    await older.closed.wait()
    assert older.socket.close_code == 4409
    phone = await system.waiting_call()
    await newer.offer()
    await phone.hang_up()


async def test_the_documented_agent_serves_a_call(system):
    script = Path(__file__).parents[2] / "docs" / "agent_client.py"
    command = [sys.executable, script, system.base, system.token("agent", REFILLS)]
    client = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    phone = await system.waiting_call()
    printed, _ = await client.communicate()
    assert client.returncode == 0
    assert b"offered: routine refill.request" in printed
    await phone.wait_until("ended")


async def test_no_patient_data_is_in_the_log(system):
    logged = (system.data / "stderr.log").read_text()
    assert "+1500555" not in logged
    assert "chest" not in logged
    assert "refill" not in logged.replace("refills", "")
