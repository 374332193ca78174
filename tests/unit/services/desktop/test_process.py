"""The desktop process end to end: HTTP, websocket and bus are real, the router is the test."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from schemas.gateway_frames import CloseCode
from services.runtime.telemetry import (
    DESKTOP_CLOSED,
    DESKTOP_FACTS_LOST,
    DESKTOP_REFUSED,
    DESKTOP_SESSIONS,
    SCREEN_POP_FAILED,
)
from tests.unit.agent_gateway.examples import Work, changed, session_id
from tests.unit.services.desktop.conftest import Client, Gateway, Start


def sealed_offer(gateway: Gateway, n: int = 1) -> Any:
    reserved = Work(n).reserved()
    sealed = gateway.vault.seal("north", reserved.contact_id, {"reason": "cough"})
    return reserved.model_copy(update={"sealed": sealed})


async def test_a_call_from_offer_to_wrap_up(gateway: Gateway) -> None:
    work = Work()
    async with gateway.desktop() as desktop:
        session = desktop.welcome["session"]
        connected = await gateway.fact("agent.connected")
        assert (connected.data.session, connected.cell, connected.tenant) == (session, "pool", "north")
        assert (connected.subject, connected.source) == ("nurse-1", "/desktop")
        assert (await desktop.hear("snapshot"))["seq"] == 0
        await gateway.decide(changed(1))
        assert (await desktop.hear("status.changed"))["status"]["status"] == "available"
        await gateway.decide(sealed_offer(gateway))
        offer = (await desktop.hear("offer"))["offer"]
        assert offer["screen_pop"] == {"reason": "cough"}
        assert offer["why"] == "the only idle nurse"
        await desktop.say("offer.accept", reservation_id=offer["reservation_id"])
        await gateway.fact("offer.accepted", reservation_id=work.reservation_id)
        await gateway.decide(work.connecting())
        await gateway.decide(work.joining(), work.connected())
        assert (await desktop.hear("call.updated"))["state"] == "connecting"
        assert (await desktop.hear("call.updated"))["state"] == "connected"
        await desktop.say("call.hang_up", contact_id=offer["contact_id"])
        await gateway.fact("call.hang_up_requested")
        await gateway.decide(work.wrapping())
        assert (await desktop.hear("call.updated"))["state"] == "wrapping"
        await desktop.say("wrap_up.done", item_id=offer["item_id"], disposition="resolved")
        await gateway.fact("wrap_up.done")
        await gateway.decide(work.completed(), changed(2))
        assert (await desktop.hear("call.updated"))["reason"] == "completed"
        assert (await desktop.hear("status.changed"))["status"]["version"] == 2
    await gateway.fact("agent.disconnected", session=session)


async def test_an_offer_is_rejected_and_withdrawn(gateway: Gateway) -> None:
    work = Work()
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        await gateway.decide(work.reserved())
        await desktop.hear("offer")
        await desktop.say("offer.reject", reservation_id=work.reservation_id, reason="conflict")
        await gateway.fact("offer.rejected", reason="conflict")
        await gateway.decide(work.requeued())
        assert (await desktop.hear("offer.withdrawn"))["reason"] == "rejected"


async def test_an_offer_goes_to_its_agent_only(gateway: Gateway) -> None:
    async with gateway.desktop("nurse-1") as one, gateway.desktop("nurse-2") as two:
        await one.hear("snapshot")
        await two.hear("snapshot")
        await gateway.decide(Work(1, "nurse-2").reserved(), changed(1, agent="nurse-1"))
        await two.hear("offer")
        await one.hear("status.changed")
        await one.say("offer.accept", reservation_id="reservation-1")
        assert (await one.hear("error"))["code"] == "not_yours"


async def test_a_screen_pop_that_does_not_open_is_empty_and_counted(gateway: Gateway) -> None:
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        await gateway.decide(Work().reserved())  # sealed by nobody
        assert (await desktop.hear("offer"))["offer"]["screen_pop"] == {}
        await gateway.decide(Work(2).reserved().model_copy(update={"sealed": None}))
        assert (await desktop.hear("offer"))["offer"]["screen_pop"] == {}
    assert gateway.metrics.value(SCREEN_POP_FAILED) == 1


async def test_a_newer_socket_wins_and_the_older_is_told(gateway: Gateway) -> None:
    async with gateway.desktop() as older, gateway.desktop() as newer:
        await older.hear("snapshot")
        await newer.hear("snapshot")
        assert newer.welcome["session"] > older.welcome["session"]
        await gateway.decide(changed(1).model_copy(update={"session": newer.welcome["session"]}))
        assert (await older.hear("error"))["code"] == "replaced"
        assert await older.closed() == CloseCode.REPLACED
        await newer.hear("status.changed")
        await newer.say("status.set", status="break")
        await gateway.fact("agent.status_set")
    assert gateway.metrics.value(DESKTOP_CLOSED, code="4409") == 1


async def test_a_desktop_that_was_cut_off_resumes(gateway: Gateway) -> None:
    work = Work()
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        await gateway.decide(sealed_offer(gateway))
        seen = (await desktop.hear("offer"))["seq"]
    await gateway.fact("agent.disconnected")
    await gateway.decide(work.connecting())
    await gateway.decide(work.connected())
    async with gateway.desktop() as other:  # reads on until everything is folded
        snapshot = await other.hear("snapshot")
        while snapshot["seq"] < 3 * 1024:
            snapshot = await other.hear("call.updated")
    async with gateway.desktop(resume=seen) as desktop:
        assert (await desktop.hear("call.updated"))["state"] == "connecting"
        assert (await desktop.hear("call.updated"))["state"] == "connected"
        assert (await desktop.hear("resumed"))["seq"] == snapshot["seq"]
    async with gateway.desktop(resume=10**12) as desktop:
        call = (await desktop.hear("snapshot"))["call"]
        assert (call["state"], call["screen_pop"]) == ("connected", {"reason": "cough"})


async def test_what_was_decided_before_the_start_is_known(start: Start) -> None:
    async def before(gateway: Gateway) -> None:
        await gateway.decide(changed(1), Work().reserved())

    gateway = await start(before=before)
    async with gateway.desktop() as desktop:
        snapshot = await desktop.hear("snapshot")
        assert (snapshot["status"]["version"], snapshot["offer"]["item_id"]) == (1, "item-1")
    assert gateway.process.not_ready() is None


@pytest.mark.parametrize("ticket", ["", "nonsense"])
async def test_a_bad_ticket_closes_with_4401(gateway: Gateway, ticket: str) -> None:
    async with gateway.socket(ticket) as socket:
        assert await Client(socket).closed() == CloseCode.BAD_TICKET
    assert gateway.metrics.value(DESKTOP_REFUSED, reason="ticket") == 1


async def test_a_ticket_is_good_once(gateway: Gateway) -> None:
    ticket = await gateway.ticket()
    async with gateway.socket(ticket), gateway.socket(ticket) as again:
        assert await Client(again).closed() == CloseCode.BAD_TICKET


@pytest.mark.parametrize("claims", [{"agent": "stranger"}, {"tenant": "south"}])
async def test_who_is_no_agent_of_the_tenant_is_refused(gateway: Gateway, claims: dict[str, Any]) -> None:
    async with gateway.socket(await gateway.ticket(**claims)) as socket:
        assert await Client(socket).closed() == CloseCode.BAD_TICKET


@pytest.mark.parametrize(("headers", "status"), [({}, 401), ({"Authorization": "Bearer x"}, 401)])
async def test_a_ticket_needs_a_token(gateway: Gateway, headers: dict[str, str], status: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://{gateway.url}", trust_env=False) as client:
        assert (await client.post("/v1/agents/ticket", headers=headers)).status_code == status
        auditor = {"Authorization": f"Bearer {gateway.token(role='auditor')}"}
        assert (await client.post("/v1/agents/ticket", headers=auditor)).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1:8080", "http://127.0.0.1:9", "null", "http://a:b"]
)
async def test_a_page_of_another_origin_is_refused(gateway: Gateway, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with gateway.socket(await gateway.ticket(), origin=origin):
            pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "http://localhost:8080"])
async def test_a_page_of_our_own_origin_is_served(gateway: Gateway, origin: str) -> None:
    async with gateway.socket(await gateway.ticket(), origin=origin) as socket:
        await Client(socket).say("hello")
        assert json.loads(await socket.recv())["type"] == "welcome"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"type":"call.teleport"}', "unknown_type"),
        ('{"type":"status.set","status":"asleep"}', "malformed"),
        ("\x00", "malformed"),
        (b"\xff", "malformed"),
    ],
)
async def test_a_frame_that_is_none_is_an_error_and_the_session_lives(
    gateway: Gateway, text: str | bytes, code: str
) -> None:
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        await desktop.socket.send(text)
        assert (await desktop.hear("error"))["code"] == code
        await desktop.say("status.set", status="available")
        await gateway.fact("agent.status_set")


async def test_a_frame_of_a_mebibyte_closes_with_1009(gateway: Gateway) -> None:
    async with gateway.desktop() as desktop:
        await desktop.socket.send("x" * 2**20)
        assert await desktop.closed() == CloseCode.TOO_BIG
    await gateway.fact("agent.disconnected")


async def test_a_flood_is_told_and_closed(start: Start) -> None:
    gateway = await start(frames_per_s_max=0.001, frames_burst_max=3)
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        for _ in range(3):
            await desktop.say("pong")
        assert (await desktop.hear("error"))["code"] == "overloaded"
        assert await desktop.closed() == CloseCode.OVERLOADED


async def test_a_bus_that_is_away_is_said_and_the_session_lives(gateway: Gateway) -> None:
    gateway.bus.publishes = False
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        await desktop.say("status.set", status="available")
        assert (await desktop.hear("error"))["code"] == "unavailable"
        gateway.bus.publishes = True
        await desktop.say("status.set", status="available")
        await gateway.fact("agent.status_set")
    assert gateway.metrics.value(DESKTOP_FACTS_LOST) == 2


async def test_a_desktop_whose_arrival_got_lost_is_announced_later(start: Start) -> None:
    gateway = await start(presence_renew_s=0.02, presence_lease_s=0.1)
    gateway.bus.publishes = False
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        gateway.bus.publishes = True
        await gateway.fact("agent.connected", session=desktop.welcome["session"], lease_s=0.1)
        await gateway.fact("agent.presence_renewed", session=desktop.welcome["session"], lease_s=0.1)
    assert (await gateway.facts())[0] == "agent.connected"


async def test_a_desktop_is_pinged_and_closed_when_it_stays_silent(start: Start) -> None:
    gateway = await start(presence_renew_s=0.02, presence_lease_s=0.1, ping_s=0.03)
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        await desktop.hear("ping")
        await desktop.say("pong")
        for _ in range(2):
            await desktop.hear("ping")
        assert await desktop.closed() == CloseCode.SILENT
    await gateway.fact("agent.disconnected")


async def test_who_does_not_say_hello_is_closed_and_was_never_there(start: Start) -> None:
    gateway = await start(presence_renew_s=0.02, presence_lease_s=0.1, hello_s=0.01)
    async with gateway.socket(await gateway.ticket()) as socket:
        assert await Client(socket).closed() == CloseCode.NO_HELLO
    assert await gateway.facts() == []


async def test_a_full_gateway_says_so(start: Start) -> None:
    gateway = await start(sockets_max=1)
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        assert gateway.metrics.value(DESKTOP_SESSIONS) == 1
        with pytest.raises(InvalidStatus) as refused:
            async with gateway.socket(await gateway.ticket()):
                pass
        assert refused.value.response.status_code == 503


async def test_a_restart_sends_desktops_elsewhere(gateway: Gateway) -> None:
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        assert gateway.process.drain is not None
        await gateway.process.drain()
        assert await desktop.closed() == CloseCode.RESTARTING
        assert "agent.disconnected" in await gateway.facts()
    assert gateway.process.not_ready() == "restarting"
    async with gateway.socket(await gateway.ticket()) as socket:
        assert await Client(socket).closed() == CloseCode.RESTARTING


async def test_an_idle_gateway_drains_at_once(gateway: Gateway) -> None:
    assert gateway.process.drain is not None
    await gateway.process.drain()
    assert await gateway.facts() == []


async def test_a_session_that_the_log_says_is_over_is_not_served(gateway: Gateway) -> None:
    async with gateway.desktop("nurse-2") as witness:
        await witness.hear("snapshot")
        late = changed(1).model_copy(update={"session": session_id(1)})  # sorts after every real one
        await gateway.decide(late, changed(1, agent="nurse-2"))
        await witness.hear("status.changed")
        async with gateway.socket(await gateway.ticket()) as socket:
            client = Client(socket)
            await client.say("hello")
            assert (await client.hear("error"))["code"] == "replaced"
            assert await client.closed() == CloseCode.REPLACED
