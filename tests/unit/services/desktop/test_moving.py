"""Desktops that are sent to other gateways, come from them, or meet one that stood still or lost its place."""

import asyncio
import json
from typing import Any

import pytest

from agent_gateway.parting import reconnect_after_s
from schemas.errors import BusUnavailable, OffsetGone
from schemas.gateway_frames import CloseCode
from services.runtime.decisions_reader import DecisionsReader
from services.runtime.telemetry import DESKTOP_CLOSED, DESKTOP_RESTARTED, LIMIT_REACHED
from tests.unit.agent_gateway.examples import Work, changed
from tests.unit.services.desktop.conftest import Gateway, Start
from tests.unit.services.desktop.test_slow import Edge

BIG = "x" * 20_000


async def test_each_desktop_is_told_when_to_come_back_and_works_until_then(start: Start) -> None:
    gateway = await start(reconnects_per_s_max=1.0, reconnect_spread_s_max=1000.0, drain_close_s=0.2)
    async with gateway.desktop("nurse-1") as one, gateway.desktop("nurse-2") as two:
        for desktop in (one, two):
            await desktop.hear("snapshot")
        assert gateway.process.drain is not None
        draining = asyncio.create_task(gateway.process.drain())  # type: ignore[arg-type]
        for desktop in (one, two):
            expected = reconnect_after_s(desktop.welcome["session"], desktops=2, per_s_max=1.0, spread_s_max=1000.0)
            assert (await desktop.hear("reconnect"))["after_s"] == expected
        assert gateway.process.not_ready() == "restarting"
        await draining
        assert [await desktop.closed() for desktop in (one, two)] == [CloseCode.RESTARTING] * 2
        assert (await gateway.facts()).count("agent.disconnected") >= 2
    assert gateway.metrics.value(DESKTOP_CLOSED, code="1012") == 2


async def test_an_offer_that_comes_while_the_gateway_goes_away_can_be_accepted(start: Start) -> None:
    gateway = await start(reconnects_per_s_max=0.001, reconnect_spread_s_max=1000.0, drain_close_s=1.9)
    async with gateway.desktop() as desktop:
        await desktop.hear("snapshot")
        assert gateway.process.drain is not None
        draining = asyncio.create_task(gateway.process.drain())  # type: ignore[arg-type]
        await desktop.hear("reconnect")
        await gateway.decide(Work().reserved())
        await desktop.hear("offer")
        await desktop.say("offer.accept", reservation_id="reservation-1")
        await gateway.fact("offer.accepted")
        draining.cancel()


async def test_a_desktop_that_knows_more_is_not_taken_back_in_time(gateway: Gateway) -> None:
    edge = Edge(gateway)
    await gateway.decide(changed(1))  # offset 1, after the claim
    edge.relay.caught_up.set()
    wire, serving = edge.serve()
    wire.incoming.put_nowait(
        {"type": "websocket.receive", "text": '{"type":"hello","resume":{"session":"s","seq":1024}}'}
    )
    following = asyncio.create_task(edge.relay.follow())
    await gateway.fact("agent.connected")
    (link,) = edge.relay.links()
    if link.sending:
        await link.sending
    assert wire.heard == ["welcome", "resumed"]
    await _end(serving, following)


async def test_a_desktop_that_outlived_its_log_is_shown_what_there_is(gateway: Gateway) -> None:
    async with gateway.desktop(resume=10**12) as desktop:
        assert (await desktop.hear("snapshot"))["seq"] == 0


@pytest.mark.parametrize("away", [True, False])
async def test_a_gateway_that_does_not_come_so_far_shows_what_it_has(start: Start, away: bool) -> None:
    gateway = await start(catch_up_s=0.01)
    edge = Edge(gateway)
    await gateway.decide(changed(1))
    edge.relay.caught_up.set()
    gateway.bus.answers = not away
    wire, serving = edge.serve()
    wire.incoming.put_nowait(
        {"type": "websocket.receive", "text": '{"type":"hello","resume":{"session":"s","seq":1024}}'}
    )
    await gateway.fact("agent.connected")
    (link,) = edge.relay.links()
    if link.sending:
        await link.sending
    assert wire.heard == ["welcome", "snapshot"]
    assert gateway.metrics.value(LIMIT_REACHED, limit="catch_up_s") == (0 if away else 1)
    await _end(serving)


async def test_where_retention_passed_the_relay_everyone_is_shown_how_things_stand(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.desktop.relay._RETRY_S", 0.0)
    fetch, failures = DecisionsReader.fetch, [OffsetGone("gone"), BusUnavailable("away")]
    lost = asyncio.Event()

    async def unsteady(self: DecisionsReader, **options: Any) -> Any:
        if lost.is_set() and failures:
            raise failures.pop()
        return await fetch(self, **options)

    monkeypatch.setattr(DecisionsReader, "fetch", unsteady)
    edge = Edge(gateway)
    following = asyncio.create_task(edge.relay.follow())
    await edge.relay.caught_up.wait()
    wire, serving = await edge.greeted()
    lost.set()
    await gateway.decide(changed(1))
    while len(wire.heard) < 4:
        await _step(edge)
    assert wire.heard == ["welcome", "snapshot", "status.changed", "snapshot"]
    assert json.loads(wire.sent[-1]["text"])["status"]["version"] == 1
    assert gateway.metrics.value(DESKTOP_RESTARTED) == 1
    assert edge.relay.not_ready() is None
    await _end(serving, following)


async def test_a_gateway_without_a_bus_wants_no_more_desktops(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def away(_: DecisionsReader, **_options: Any) -> Any:
        asked.set()
        raise BusUnavailable("away")

    async def pause(_: float) -> None:
        await go_on.wait()

    monkeypatch.setattr(DecisionsReader, "fetch", away)
    edge = Edge(gateway)
    with monkeypatch.context() as patched:
        patched.setattr("services.desktop.relay.asyncio.sleep", pause)
        following = asyncio.create_task(edge.relay.follow())
        await asked.wait()
    assert edge.relay.not_ready() == "bus"
    await _end(following)


async def test_who_had_stood_still_asks_before_it_vouches_for_anyone(start: Start) -> None:
    gateway = await start(presence_renew_s=100.0, presence_lease_s=200.0)
    edge = Edge(gateway)
    wire, serving = await edge.greeted()
    edge.relay._swept_at -= 201.0  # as the clock says after a SIGSTOP
    await edge.relay.sweep_once()
    (link,) = edge.relay.links()
    if link.sending:
        await link.sending
    assert wire.heard == ["welcome", "snapshot", "ping"]
    assert await gateway.facts() == ["agent.connected"]
    wire.say("pong")
    await gateway.fact("agent.presence_renewed")
    await edge.relay.sweep_once()
    assert await gateway.facts() == ["agent.connected", "agent.presence_renewed", "agent.presence_renewed"]
    await _end(serving)


async def test_a_real_socket_that_is_not_read_is_closed_and_resumes(start: Start) -> None:
    gateway = await start(unsent_frames_max=8)
    async with gateway.desktop("nurse-2") as witness:
        await witness.hear("snapshot")
        async with gateway.socket(await gateway.ticket(), max_queue=1, close_timeout=0) as socket:
            await socket.send('{"type":"hello"}')
            for frame in ("welcome", "snapshot"):
                assert json.loads(await socket.recv())["type"] == frame
            # Megabytes that nobody reads: more than the kernel, the server and the queue hold.
            for n in range(1, 41):
                offers = [Work(n).reserved().model_copy(update={"why": BIG, "sealed": None}) for _ in range(20)]
                await gateway.decide(*offers)
            await gateway.decide(changed(1, agent="nurse-2"), changed(1))
            await witness.hear("status.changed")
            await gateway.fact("agent.disconnected", agent_id="nurse-1")
        assert gateway.metrics.value(DESKTOP_CLOSED, code=str(CloseCode.TOO_SLOW)) == 1
        async with gateway.desktop(resume=40 * 1024 + 19) as back:
            assert (await back.hear("status.changed"))["status"]["version"] == 1
            assert (await back.hear("resumed"))["seq"] == 41 * 1024 + 1


async def _end(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _step(edge: Edge) -> None:
    await asyncio.sleep(0)
    for link in edge.relay.links():
        if link.sending:
            await link.sending
