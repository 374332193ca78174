"""Whole calls through the simulated carrier, against a small system."""

import asyncio

import httpx
import pytest

from services.demo.phone import CallEnded
from tests.unit.services.demo.fake_system import BASE, GREETING, NUMBER, WAITING, conference, invite

AGENT = "/v1/carriers/twilio/status?s=agent"


async def test_a_whole_call(system, carrier, rest, pace):
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    assert phone.heard == ["Hello."]
    voice = system.requests[0][1]
    assert voice["CallStatus"] == "ringing"
    assert voice["Direction"] == "inbound"
    assert voice["To"] == NUMBER

    phone.press("2")
    await phone.wait_until("music")
    target, fields = system.requests[1]
    assert (target, fields["Digits"], fields["CallStatus"]) == ("/turn?s=1", "2", "in-progress")

    dialled = (await invite(rest)).json()
    assert dialled["status"] == "queued"
    await system.until(lambda it: it.statuses(AGENT) == ["initiated", "ringing", "in-progress"])
    moved = await rest.post(f"/Calls/{phone.sid}.json", data={"Twiml": conference("room-1")})
    assert moved.status_code == 200
    await phone.wait_until("connected")
    await pace.advance(30)
    members = (await rest.get("/Conferences/room-1/Participants.json")).json()["participants"]
    assert {member["label"] for member in members} == {"r-1", None}
    assert {member["status"] for member in members} == {"connected"}

    await phone.hang_up()
    await system.until(lambda it: it.statuses() == ["completed"] and it.statuses(AGENT)[-1:] == ["completed"])
    last = next(fields for target, fields in reversed(system.requests) if target == AGENT)
    assert (last["CallDuration"], last["SequenceNumber"], last["CallSid"]) == ("30", "3", dialled["call_sid"])
    assert phone.ended_reason == "hung_up"
    assert (await rest.get("/Conferences/room-1/Participants.json")).status_code == 404
    assert (await rest.get(f"/Calls/{phone.sid}.json")).json()["status"] == "completed"
    assert (system.forged, carrier.webhooks.failures) == (0, [])


async def test_speech_is_heard_and_barges_into_music(system, carrier):
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    phone.say("I need a refill")
    await phone.wait_until("music")
    phone.say("it is getting worse")
    await system.until(lambda it: it.requests[-1][0] == "/turn?s=2")
    assert [fields.get("SpeechResult") for _, fields in system.requests] == [
        None,
        "I need a refill",
        "it is getting worse",
    ]


async def test_silence_is_a_turn_after_the_time_out(system, carrier, pace):
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    await pace.advance(4.9)
    assert len(system.requests) == 1
    await pace.advance(0.2)
    await phone.wait_until("music")
    assert system.requests[1][1]["Digits"] == ""


async def test_a_test_may_skip_the_silence(system, carrier):
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    phone.stay_silent()
    await phone.wait_until("music")
    assert system.requests[1][1]["Digits"] == ""


async def test_several_digits_end_with_the_finishing_key_or_a_pause(system, carrier, pace):
    ask = "<Response><Gather action='/turn?s=1' timeout='3'><Say>Your date of birth?</Say></Gather></Response>"
    system.answers["/v1/carriers/twilio/voice"] = system.answers["/turn?s=1"] = [ask]
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    phone.press("0102#")
    await system.until(lambda it: len(it.requests) == 2)
    assert (system.requests[1][1]["Digits"], system.requests[1][1]["FinishedOnKey"]) == ("0102", "#")
    await phone.wait_until("listening")
    phone.press("7")
    await pace.advance(3)
    assert system.requests[2][1]["Digits"] == "7"


async def test_the_agent_ends_the_call_and_the_caller_goes_on_to_the_action(system, carrier, rest):
    system.answers["/after"] = [GREETING]
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    await invite(rest)
    await rest.post(f"/Calls/{phone.sid}.json", data={"Twiml": conference("room-1"), "Url": BASE})
    await phone.wait_until("connected")
    carrier.hang_up_endpoint("client:nora")
    await phone.wait_until("listening")
    after = next(fields for target, fields in system.requests if target == "/after")
    assert after["DialCallStatus"] == "answered"
    assert carrier.leg(phone.sid).live


async def test_rest_ends_the_caller(system, carrier, rest):
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    await rest.post(f"/Calls/{phone.sid}.json", data={"Status": "completed"})
    await phone.wait_until("ended")
    await system.until(lambda it: it.statuses() == ["completed"])
    with pytest.raises(CallEnded):
        await phone.wait_until("connected")


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed"])
async def test_an_agents_phone_may_fail(system, carrier, rest, pace, outcome):
    carrier.behave("client:nora", outcome)
    await invite(rest, Timeout="20")
    await pace.advance(20)
    await system.until(lambda it: it.statuses(AGENT)[-1:] == [outcome])
    assert (await rest.get("/Conferences.json?FriendlyName=room-1")).json()["conferences"] == []


async def test_an_agents_phone_that_rings_is_given_up_when_the_caller_is_gone(system, carrier, rest):
    carrier.behave("client:nora", after_s=10)
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    await rest.post(f"/Calls/{phone.sid}.json", data={"Twiml": conference("room-1"), "Url": BASE})
    await phone.wait_until("music")
    await invite(rest)
    await phone.hang_up()
    await system.until(lambda it: it.statuses(AGENT)[-1:] == ["canceled"])


async def test_the_fallback_number_is_dialled(system, carrier):
    fallback = "<Response><Dial action='/after'><Number>+15005550199</Number></Dial></Response>"
    system.answers |= {"/v1/carriers/twilio/voice": [fallback], "/after": ["<Response><Hangup/></Response>"]}
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("connected")
    carrier.hang_up_endpoint("+15005550199")
    await phone.wait_until("ended")
    assert next(fields for target, fields in system.requests if target == "/after")["DialCallStatus"] == "completed"


async def test_a_fallback_that_is_busy_is_told(system, carrier):
    carrier.behave("+15005550199", "busy")
    system.answers |= {
        "/v1/carriers/twilio/voice": ["<Response><Dial action='/after'>+15005550199</Dial></Response>"],
        "/after": ["<Response><Hangup/></Response>"],
    }
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("ended")
    assert next(fields for target, fields in system.requests if target == "/after")["DialCallStatus"] == "busy"


async def test_a_rejected_call_is_not_answered(system, carrier):
    system.answers["/v1/carriers/twilio/voice"] = ["<Response><Reject reason='busy'/></Response>"]
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("ended")
    assert phone.ended_reason == "busy"
    await system.until(lambda it: it.statuses() == ["busy"])


async def test_a_server_error_is_tried_once_more(system, carrier):
    system.answers["/v1/carriers/twilio/voice"] = [503, GREETING]
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    assert len(system.requests) == 2
    assert carrier.webhooks.failures == []


@pytest.mark.parametrize(("answer", "tries"), [(500, 2), (403, 1), ("no markup", 1), (204, 1)])
async def test_without_twiml_the_caller_hears_an_apology(system, carrier, answer, tries):
    system.answers["/v1/carriers/twilio/voice"] = [answer]
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("ended")
    assert phone.ended_reason == "application_error"
    assert "application error" in phone.heard[0]
    assert len(carrier.webhooks.failures) == 1
    assert [target for target, _ in system.requests].count("/v1/carriers/twilio/voice") == tries


async def test_a_caller_who_hangs_up_early(system, carrier):
    phone = await carrier.place_call(to=NUMBER)
    await phone.hang_up()
    await phone.hang_up()
    await system.until(lambda it: it.statuses() == ["canceled"])


async def test_copies_of_webhooks_are_compared(system, carrier):
    carrier.faults.webhook_copies = 3
    system.answers["/v1/carriers/twilio/voice"] = [GREETING, GREETING, WAITING]
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    assert phone.heard == ["Hello."]
    assert len(system.requests) == 3
    assert carrier.webhooks.disagreements == 1


async def test_statuses_are_copied_delayed_or_lost(system, carrier, pace):
    carrier.faults.status_copies, carrier.faults.status_delay_s = 2, 3600
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    await phone.hang_up()
    await pace.advance(3599)
    assert system.statuses() == []
    await pace.advance(1)
    assert system.statuses() == ["completed", "completed"]
    carrier.faults.statuses_dropped = {"completed"}
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    await phone.hang_up()
    await pace.advance(3600)
    await carrier.webhooks.drained()
    assert system.statuses() == ["completed", "completed"]


async def test_a_callers_part_is_played_beside_the_call(system, carrier):
    async def part(phone):
        await phone.wait_until("listening")
        phone.say("agent")
        await phone.wait_until("music")
        await phone.hang_up()

    phone = await carrier.place_call(to=NUMBER, caller=part)
    await phone.wait_until("ended")
    assert system.requests[1][1]["SpeechResult"] == "agent"


async def test_a_hang_up_while_the_system_thinks_does_not_tear_its_request(carrier):
    began, go_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_: httpx.Request) -> httpx.Response:
        began.set()
        await go_on.wait()
        done.set()
        return httpx.Response(200, text="<Response/>", headers={"content-type": "text/xml"})

    carrier.webhooks._client = httpx.AsyncClient(transport=httpx.MockTransport(slow))
    phone = await carrier.place_call(to=NUMBER)
    await began.wait()
    await phone.hang_up()
    go_on.set()
    await done.wait()
    await carrier.webhooks.drained()
    assert phone.state == "ended"
