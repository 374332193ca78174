"""Simulated agents: sign-in, socket, loss and return, on a socket made by hand."""

import asyncio
import json
import random
from contextlib import asynccontextmanager

import httpx
import pytest

from schemas import gateway_frames as frames
from services.demo.agent_mind import AgentMind
from services.demo.agents import BACKOFF_S, SimulatedAgent, SocketClosed, make_agents
from services.demo.pace import ManualPace

BASE = "http://system.test"


class Gateway:
    """Tickets over HTTP and sockets that a test feeds."""

    def __init__(self) -> None:
        self.sockets: list[FakeSocket] = []
        self.urls: list[str] = []
        self.signed_in = 0
        self.refuse: dict[str, int] = {}
        self.changed = asyncio.Event()

    def http(self, request: httpx.Request) -> httpx.Response:
        if request.url.path in self.refuse:
            return httpx.Response(self.refuse[request.url.path])
        if request.url.path == "/v1/demo/sign-in":
            self.signed_in += 1
            return httpx.Response(200, json={"token": f"token-{self.signed_in}"})
        assert request.headers["authorization"] == f"Bearer token-{self.signed_in}"
        return httpx.Response(200, json={"ticket": "a/b c"})

    @asynccontextmanager
    async def connect(self, url: str):
        self.urls.append(url)
        socket = FakeSocket(self)
        self.sockets.append(socket)
        self.tell()
        yield socket

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()

    async def until(self, condition) -> None:
        while not condition():
            await self.changed.wait()


class FakeSocket:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.sent: list[dict] = []
        self.incoming: asyncio.Queue = asyncio.Queue()

    async def send(self, text: str) -> None:
        self.sent.append(json.loads(text))
        self.gateway.tell()

    async def receive(self) -> str:
        given = await self.incoming.get()
        if isinstance(given, int):
            raise SocketClosed(given)
        return given

    def feed(self, *given) -> None:
        for each in given:
            self.incoming.put_nowait(each if isinstance(each, int | str) else each.model_dump_json())


@pytest.fixture
async def gateway():
    return Gateway()


@pytest.fixture
async def pace():
    return ManualPace()


@pytest.fixture
async def agent(gateway, pace):
    async with httpx.AsyncClient(transport=httpx.MockTransport(gateway.http)) as client:
        agent = SimulatedAgent(
            "nurse-ana",
            base_url=BASE,
            client=client,
            mind=AgentMind(random.Random(1)),
            pace=pace,
            connect=gateway.connect,
        )
        running = asyncio.create_task(agent.run())
        yield agent
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


WELCOME = frames.Welcome(session="s1", agent_id="nurse-ana", name="Ana", ping_s=20)
OFFLINE = frames.SnapshotFrame(seq=41, status={"status": "offline", "version": 1, "state": "idle"})


async def connected(gateway: Gateway, number: int = 1) -> FakeSocket:
    await gateway.until(lambda: len(gateway.sockets) == number and gateway.sockets[-1].sent)
    return gateway.sockets[-1]


async def test_an_agent_signs_in_says_hello_and_becomes_available(gateway, agent, pace):
    socket = await connected(gateway)
    assert gateway.urls == ["ws://system.test/v1/agents/ws?ticket=a%2Fb%20c"]
    assert socket.sent == [{"type": "hello"}]
    socket.feed(WELCOME, OFFLINE, frames.Ping())
    await pace.advance(1)
    assert {"type": "status.set", "status": "available"} in socket.sent
    assert {"type": "pong"} in socket.sent


async def test_a_lost_socket_is_resumed_where_it_was(gateway, agent, pace):
    socket = await connected(gateway)
    socket.feed(WELCOME, OFFLINE, 1006)
    await pace.advance(BACKOFF_S[0])
    again = await connected(gateway, 2)
    assert again.sent[0] == {"type": "hello", "resume": {"session": "s1", "seq": 41}}
    assert gateway.signed_in == 1


async def test_plans_die_with_their_socket(gateway, agent, pace):
    socket = await connected(gateway)
    offer = {
        "contact_id": "c", "item_id": "i", "reservation_id": "r", "queue": "q", "intent": "x", "urgency": "routine",
        "language": "en", "queued_at": "2030-01-07T09:00:00Z", "deadline": "2030-01-07T09:00:20Z", "why": "",
    }  # fmt: skip
    socket.feed(WELCOME, frames.OfferFrame(seq=42, offer=offer), 1012)
    await pace.advance(10)
    assert [frame["type"] for frame in socket.sent] == ["hello"]


async def test_who_was_replaced_stays_away_until_asked(gateway, agent, pace):
    socket = await connected(gateway)
    socket.feed(WELCOME, OFFLINE, frames.CloseCode.REPLACED)
    await pace.advance(600)
    assert (len(gateway.sockets), agent.absent) == (1, True)
    agent.come_back()
    again = await connected(gateway, 2)
    assert again.sent == [{"type": "hello"}]


async def test_a_bad_ticket_makes_a_new_sign_in(gateway, agent, pace):
    socket = await connected(gateway)
    socket.feed(frames.CloseCode.BAD_TICKET)
    await pace.advance(BACKOFF_S[1])
    await connected(gateway, 2)
    assert gateway.signed_in == 2


async def test_unreadable_frames_are_passed_over(gateway, agent, pace):
    socket = await connected(gateway)
    socket.feed("no json", '{"type": "newer.than.me"}', frames.Ping())
    await gateway.until(lambda: {"type": "pong"} in socket.sent)


@pytest.mark.parametrize("path", ["/v1/demo/sign-in", "/v1/agents/ticket"])
async def test_a_system_that_is_away_is_asked_again(gateway, pace, path):
    gateway.refuse[path] = 503
    async with httpx.AsyncClient(transport=httpx.MockTransport(gateway.http)) as client:
        (agent,) = make_agents(["nurse-ana"], base_url=BASE, client=client, pace=pace, seed=1)
        agent._connect = gateway.connect
        running = asyncio.create_task(agent.run())
        await pace.advance(sum(BACKOFF_S))
        assert gateway.sockets == []
        gateway.refuse.clear()
        await pace.advance(BACKOFF_S[-1])
        await connected(gateway)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
