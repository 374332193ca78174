"""Sockets that do not read, vanish, or come too early: at the ASGI edge, where a test can hold a send up."""

import asyncio
import json
from typing import Any

import pytest
from starlette.websockets import WebSocket

from schemas.errors import BusUnavailable
from schemas.gateway_frames import CloseCode
from services.desktop.gate import Gate
from services.desktop.relay import Relay
from services.runtime.decisions_reader import DecisionsReader
from services.runtime.telemetry import DESKTOP_CLOSED, LIMIT_REACHED
from tests.unit.agent_gateway.examples import NURSE, changed
from tests.unit.services.desktop.conftest import Gateway, Start


class Wire:
    """A server's end of a socket. While `reads` is not set, sending waits, as it does when the peer does not read."""

    def __init__(self, ticket: str) -> None:
        self.scope: dict[str, Any] = {
            "type": "websocket", "path": "/v1/agents/ws", "headers": [], "query_string": f"ticket={ticket}".encode(),
        }  # fmt: skip
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.sent: list[dict[str, Any]] = []
        self.waiting = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()
        self.gone = False

    def say(self, type_: str) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": json.dumps({"type": type_})})

    async def send(self, message: Any) -> None:
        if not self.reads.is_set():
            self.waiting.set()
            await self.reads.wait()
        if self.gone:
            raise OSError
        self.sent.append(message)
        if message["type"] == "websocket.close":
            self.incoming.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

    def socket(self) -> WebSocket:
        return WebSocket(self.scope, self.incoming.get, self.send)

    @property
    def heard(self) -> list[str]:
        return [json.loads(message["text"])["type"] for message in self.sent if message["type"] == "websocket.send"]


class Edge:
    """Gate and relay of a gateway, without its server."""

    def __init__(self, gateway: Gateway) -> None:
        shared = {"clock": gateway.clock, "limits": gateway.limits, "metrics": gateway.metrics}
        self.relay = Relay(gateway.bus, **shared)
        self.gate = Gate(
            self.relay,
            public_url="https://desk.example",
            identity=gateway.identity,
            tenants=gateway.tenants,
            vault=gateway.vault,
            **shared,
        )
        self.gateway = gateway

    def serve(self) -> tuple[Wire, asyncio.Task[None]]:
        wire = Wire(self.gateway.identity.ticket(self.gateway.identity.verify(self.gateway.token())))
        return wire, asyncio.create_task(self.gate.serve(wire.socket()))

    async def greeted(self) -> tuple[Wire, asyncio.Task[None]]:
        self.relay.caught_up.set()
        wire, serving = self.serve()
        wire.say("hello")
        await self.gateway.fact("agent.connected")
        (link,) = self.relay.links()
        if link.sending:
            await link.sending
        return wire, serving

    async def tell(self, *decisions: Any) -> None:
        """Decide, and hand the step to the relay as its loop would."""
        await self.gateway.decide(*decisions)
        async with DecisionsReader(self.gateway.bus, partitions=[0]) as reader:
            self.relay.tell((await reader.fetch())[-1])


async def test_a_desktop_that_does_not_read_is_given_up(start: Start) -> None:
    edge = Edge(await start(unsent_frames_max=4))
    wire, serving = await edge.greeted()
    wire.reads.clear()
    await edge.tell(changed(1))
    await wire.waiting.wait()
    await edge.tell(*(changed(version) for version in range(2, 8)))
    await serving
    await edge.gateway.fact("agent.disconnected")
    assert edge.gateway.metrics.value(DESKTOP_CLOSED, code=str(CloseCode.TOO_SLOW)) == 1
    assert list(edge.relay.links()) == []


async def test_a_socket_that_does_not_close_is_given_up_at_the_second_sweep(start: Start) -> None:
    edge = Edge(await start())
    wire, serving = await edge.greeted()
    wire.reads.clear()
    await edge.tell(changed(1, session=1))
    await edge.relay.sweep_once()
    await edge.relay.sweep_once()
    await serving
    assert wire.heard == ["welcome", "snapshot"]


async def test_a_server_that_stops_is_not_mistaken_for_a_slow_desktop(gateway: Gateway) -> None:
    edge = Edge(gateway)
    _, serving = await edge.greeted()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert list(edge.relay.links()) == []


async def test_a_peer_that_vanished_while_we_send_is_gone_when_the_server_says_so(gateway: Gateway) -> None:
    edge = Edge(gateway)
    wire, serving = await edge.greeted()
    wire.gone = True
    await edge.tell(changed(1))
    (link,) = edge.relay.links()
    assert link.sending is not None
    await link.sending
    wire.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await serving
    await edge.relay.remove(link)  # again is harmless
    assert list(edge.relay.links()) == []


async def test_a_peer_that_vanished_while_we_close(gateway: Gateway) -> None:
    edge = Edge(gateway)
    wire, serving = await edge.greeted()
    wire.gone = True
    (link,) = edge.relay.links()
    link.session.restart()
    link.pump()
    assert link.sending is not None
    await link.sending
    link.pump()  # closed is closed
    assert link.sending is None
    wire.incoming.put_nowait({"type": "websocket.disconnect", "code": 1006})
    await serving


async def test_a_gateway_that_still_reads_the_log_sends_desktops_away(start: Start) -> None:
    edge = Edge(await start(catch_up_s=0.01))
    wire, serving = edge.serve()
    await serving
    assert wire.sent[-1] == {"type": "websocket.close", "code": CloseCode.RESTARTING, "reason": "not ready"}
    assert edge.gateway.metrics.value(LIMIT_REACHED, limit="catch_up_s") == 1
    assert edge.relay.not_ready() == "reading the log"


async def test_a_bus_that_is_away_is_waited_for(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.desktop.relay._RETRY_S", 0.0)
    fetch, failures = DecisionsReader.fetch, [BusUnavailable("away")]

    async def unsteady(self: DecisionsReader, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return await fetch(self, **options)

    monkeypatch.setattr(DecisionsReader, "fetch", unsteady)
    await gateway.decide(changed(1))
    gateway.bus.answers = False
    edge = Edge(gateway)
    following = asyncio.create_task(edge.relay.follow())
    await edge.relay.caught_up.wait()
    assert edge.relay.book.desk(NURSE).status.version == 1
    assert (gateway.bus.answers, failures) == (True, [])
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://desk.example", True),
        ("https://desk.example:443", True),
        ("http://desk.example", False),
        ("https://desk.example.evil", False),
        ("https://localhost", False),
    ],
)
async def test_the_allowed_origin_is_the_public_one(gateway: Gateway, origin: str | None, allowed: bool) -> None:
    assert Edge(gateway).gate.allows(origin) is allowed
