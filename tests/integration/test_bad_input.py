"""What a carrier or a desktop must not send, over real HTTP and sockets: refused or made safe, never a stuck call."""

import asyncio
import re
from dataclasses import replace

import pytest

from schemas.ids import contact_id
from tests.integration.system import NUMBER, connected, waits

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90), pytest.mark.usefixtures("tidy")]
REFILLS = "agent-finn"
NURSE = "nurse-ana"


# ---- webhooks


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
    answer = await system.post("voice", form(To="+15005550999"))
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
    answers = [await system.post("voice", fields) for _ in range(5)]
    assert len({answer.content for answer in answers}) == 1
    await system.post("status", fields | {"CallStatus": "completed"})


def action(twiml):
    return re.search(r'action="([^"]+)"', twiml).group(1).replace("&amp;", "&")


@pytest.mark.parametrize("damage", ["cut", "changed", "another call's", "missing"])
async def test_a_damaged_session_leads_to_a_person_and_never_to_an_error(system, damage):
    fields = form(CallSid=f"CA0000000000000000000000000000{abs(hash(damage)) % 9000 + 1000}")
    answer = await system.post("voice", fields)
    path, token = action(answer.text).split("/v1/carriers/twilio/")[1].split("?s=")
    token = {
        "cut": token[: len(token) // 2],
        "changed": token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"),
        "another call's": token,
        "missing": "",
    }[damage]
    if damage == "another call's":
        fields = fields | {"CallSid": "CA00000000000000000000000000007777"}
    answer = await system.post(f"{path}?s={token}", fields | {"SpeechResult": "hello"})
    assert answer.status_code < 500
    if answer.status_code == 200:
        assert "911" in answer.text
    await system.post("status", fields | {"CallStatus": "completed"})


@pytest.mark.parametrize("damage", ["cut", "changed", "missing"])
@pytest.mark.parametrize("arrival", ["told", "lost"])
async def test_a_caller_whose_session_is_damaged_reaches_a_person(system, monkeypatch, damage, arrival):
    ask = system.carrier.webhooks.ask

    async def damaged(request, fields):
        if request.url.endswith("/voice") and arrival == "lost":
            return f'<Response><Gather input="speech" action="{request.url[:-5]}turn?s=lost" timeout="20"/></Response>'
        if "/turn?s=" in request.url and not damaged.done:
            damaged.done = True
            url, token = request.url.split("?s=")
            token = {"cut": token[: len(token) // 2], "changed": f"A{token[:-1]}", "missing": ""}[damage]
            request = replace(request, url=f"{url}?s={token}")
        return await ask(request, fields)

    damaged.done = False
    monkeypatch.setattr(system.carrier.webhooks, "ask", damaged)
    agents = [await system.agent(name) for name in ("agent-dan", NURSE)]
    phone = await system.call()
    await phone.wait_until("listening")
    phone.say("hello")
    await waits(phone)
    offers = {asyncio.create_task(agent.offer()): agent for agent in agents}
    (offered,), others = await asyncio.wait(offers, return_when=asyncio.FIRST_COMPLETED)
    for other in others:
        other.cancel()
    await asyncio.wait(others)
    agent, offer = offers[offered], offered.result()
    assert (offer["contact_id"], offer["urgency"]) == (
        contact_id("twilio", system.carrier.account, phone.sid),
        "urgent",
    )
    await agent.accept(offer)
    await connected(phone, agent)
    assert any("911" in heard for heard in phone.heard)
    await phone.hang_up()
    await agent.finish(offer)


async def test_a_status_that_comes_first_ends_the_call_for_good(system):
    fields = form(CallSid="CA00000000000000000000000000000009")
    assert (await system.post("status", fields | {"CallStatus": "completed"})).status_code < 300
    assert (await system.post("voice", fields)).status_code == 200
    contact = await system.contact(
        contact_id("twilio", fields["AccountSid"], fields["CallSid"]), lambda contact: contact["state"] == "ended"
    )
    assert contact["end_reason"] == "abandoned_in_dialog"


# ---- sockets


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
