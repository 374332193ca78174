"""A stand-in for the system and the simulated carrier: the same routes and frames, and every answer set by the test."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from fastapi.staticfiles import StaticFiles

from schemas.gateway_frames import CallUpdated, OfferFrame, OfferView, ServerFrame, SnapshotFrame, StatusView, Welcome
from schemas.ids import AgentId, ContactId, ItemId, QueueName, ReservationId, SessionId
from schemas.routing import AgentState, AgentStatus, Urgency

ROOT = Path(__file__).parents[2]
PAGES = {
    "/desktop": ROOT / "agent_gateway/desktop",
    "/wallboard": ROOT / "services/console/wallboard",
    "/phone": ROOT / "services/demo/phone",
    "/assets": ROOT / "services/console/assets",
}
AGENTS = [
    {
        "agent_id": "practice-nurse",
        "name": "Noor Haddad",
        "role": "nurse",
        "skills": ["nurse", "lang-es"],
        "practice": True,
    },
    {"agent_id": "practice-agent", "name": "Alex Moreno", "role": "agent", "skills": ["refills"], "practice": True},
    {"agent_id": "sim-1", "name": "Simulated One", "role": "agent", "skills": ["billing"], "practice": False},
]
WAIT_S = 10.0


def now() -> datetime:
    return datetime.now(UTC)


def offer_view(number: int = 1, *, urgency: Urgency = Urgency.EMERGENT, deadline_s: float = 20.0) -> OfferView:
    return OfferView(
        contact_id=ContactId(f"contact-{number}"),
        item_id=ItemId(f"item-{number}"),
        reservation_id=ReservationId(f"reservation-{number}"),
        queue=QueueName("nurse_triage"),
        intent="triage.symptom",
        urgency=urgency,
        language="es",
        queued_at=now() - timedelta(seconds=37),
        deadline=now() + timedelta(seconds=deadline_s),
        why="you have triage at level 0.9, speak Spanish, and were idle longest of 3 nurses",
        screen_pop={
            "said": ["My chest hurts and my left arm is numb"],
            "caller_number": "+15005550142",
            "red_flags": ["chest_pain"],
        },
    )


def status_view(status: str = "available", state: str = "idle", *, version: int = 1, **more: Any) -> StatusView:
    return StatusView(status=AgentStatus(status), state=AgentState(state), version=version, **more)


def call_frame(offer: OfferView, state: Any, seq: int, **more: Any) -> CallUpdated:
    return CallUpdated(
        seq=seq,
        contact_id=offer.contact_id,
        item_id=offer.item_id,
        reservation_id=offer.reservation_id,
        state=state,
        **({"since": now()} | more),
    )


def figures() -> dict[str, Any]:
    def queue(name: str, waiting: tuple[int, int, int], longest: float, connected: int, idle: int) -> dict[str, Any]:
        words = dict(zip(("emergent", "urgent", "routine"), waiting, strict=True))
        more = {"reserved": 0, "connecting": 0, "connected": connected, "agents_idle": idle}
        return {"tenant": "demo", "name": name, "waiting": words, "longest_wait_s": longest, **more}

    def agent(name: str, status: str, state: str, since_s: float) -> dict[str, Any]:
        agent_id = name.lower().replace(" ", "-")
        since = (now() - timedelta(seconds=since_s)).isoformat()
        return {"agent_id": agent_id, "name": name, "status": status, "state": state, "since": since, "skills": []}

    return {
        "at": now().isoformat(),
        "queues": [
            queue("nurse_triage", (1, 2, 0), 94.0, 2, 0),
            queue("refills", (0, 0, 4), 61.0, 1, 1),
            queue("appointments", (0, 0, 2), 33.0, 1, 0),
            queue("billing", (0, 0, 0), 0.0, 1, 2),
            queue("front_desk", (0, 0, 1), 8.0, 0, 1),
        ],
        "agents": [
            agent("Amara Okafor", "available", "busy", 312),
            agent("Ben Castillo", "available", "idle", 41),
            agent("Chiara Russo", "available", "wrapping", 18),
            agent("Dev Patel", "available", "reserved", 4),
            agent("Elena Vogel", "break", "idle", 640),
            agent("Farid Nasser", "available", "busy", 77),
            agent("Grace Lindqvist", "available", "unreachable", 9),
            agent("Hana Sato", "offline", "unreachable", 4100),
        ],
        "kpis": {
            "answered": 1284, "abandoned": 31, "self_served": 412, "in_dialog": 6, "waiting": 10,
            "service_level": 0.914, "average_speed_of_answer_s": 23.4, "longest_wait_s": 94.0,
        },
    }  # fmt: skip


@dataclass
class Peer:
    """The far end of one websocket: what came in, and a way to answer."""

    socket: WebSocket
    received: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def send(self, frame: ServerFrame | dict[str, Any]) -> None:
        await self.socket.send_text(json.dumps(frame) if isinstance(frame, dict) else frame.model_dump_json())

    async def expect(self, kind: str, nth: int = 1) -> dict[str, Any]:
        def found() -> list[dict[str, Any]]:
            return [frame for frame in self.received if frame["type"] == kind]

        async with self.news:
            await asyncio.wait_for(self.news.wait_for(lambda: len(found()) >= nth), WAIT_S)
        return found()[nth - 1]

    async def listen(self) -> None:
        try:
            while True:
                frame = json.loads(await self.socket.receive_text())
                async with self.news:
                    self.received.append(frame)
                    self.news.notify_all()
        except WebSocketDisconnect:
            return


@dataclass
class FakeSystem:
    """What the test sets and sees. `url` is known once it serves."""

    url: str = ""
    demo: bool = True
    desktops: asyncio.Queue[Peer] = field(default_factory=asyncio.Queue)
    phones: asyncio.Queue[Peer] = field(default_factory=asyncio.Queue)
    phone_numbers: list[str] = field(default_factory=list)
    figures: Callable[[], dict[str, Any] | None] = figures
    signed_in: list[dict[str, Any]] = field(default_factory=list)
    token_good: bool = True
    tickets: int = 0  # that desktops asked for
    status: StatusView = field(default_factory=status_view)

    async def desktop(self, *, snapshot: bool = True, ping_s: float = 20.0, **held: Any) -> Peer:
        """The next desktop that connects, greeted."""
        peer = await asyncio.wait_for(self.desktops.get(), WAIT_S)
        await peer.expect("hello")
        me = {"agent_id": AgentId("practice-nurse"), "name": "Noor Haddad", "ping_s": ping_s}
        await peer.send(Welcome(session=SessionId("session-1"), **me))
        if snapshot:
            await peer.send(SnapshotFrame(seq=100, status=self.status, **held))
        return peer

    async def phone(self) -> Peer:
        return await asyncio.wait_for(self.phones.get(), WAIT_S)


def _csp(url: str) -> str:
    return (
        f"default-src 'self'; connect-src 'self' {url.replace('http', 'ws')}; base-uri 'none'; frame-ancestors 'none'"
    )


def build(system: FakeSystem) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def headers(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["Content-Security-Policy"] = _csp(system.url)
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.get("/")
    async def landing() -> FileResponse:
        return FileResponse(ROOT / "services/console/landing/index.html")

    _demo(app, system)
    _reading(app, system)
    _sockets(app, system)
    for path, folder in PAGES.items():
        app.mount(path, StaticFiles(directory=folder, html=True))
    return app


def _demo(app: FastAPI, system: FakeSystem) -> None:
    @app.get("/v1/demo/info")
    async def info() -> Response:
        if not system.demo:
            return JSONResponse({"detail": "no demo"}, 404)
        return JSONResponse({"agents": AGENTS, "numbers": ["+15005550100"], "carrier_url": system.url})

    @app.post("/v1/demo/sign-in")
    async def sign_in(who: dict[str, Any]) -> dict[str, str]:
        system.signed_in.append(who)
        return {"token": "a-token"}

    @app.post("/v1/agents/ticket")
    @app.post("/v1/wallboard/ticket")
    async def ticket(request: Request) -> Response:
        system.tickets += request.url.path == "/v1/agents/ticket"
        good = system.token_good and request.headers.get("authorization") == "Bearer a-token"
        return JSONResponse({"ticket": "a-ticket"} if good else {"detail": "no"}, 200 if good else 401)


def _reading(app: FastAPI, system: FakeSystem) -> None:
    @app.get("/v1/queues")
    async def queues() -> dict[str, Any]:
        return {"queues": figures()["queues"]}

    @app.get("/v1/wallboard/stream")
    async def stream() -> StreamingResponse:
        async def events() -> AsyncIterator[str]:
            while (now_shown := system.figures()) is not None:
                yield f"data: {json.dumps(now_shown)}\n\n"
                await asyncio.sleep(0.3)  # the rhythm of the stream, not a wait for something

        return StreamingResponse(events(), media_type="text/event-stream")


def _sockets(app: FastAPI, system: FakeSystem) -> None:
    @app.websocket("/v1/agents/ws")
    async def agents(socket: WebSocket) -> None:
        await socket.accept()
        peer = Peer(socket)
        system.desktops.put_nowait(peer)
        await peer.listen()

    @app.websocket("/phone")
    async def phone(socket: WebSocket, number: str) -> None:
        await socket.accept()
        system.phone_numbers.append(number)
        peer = Peer(socket)
        system.phones.put_nowait(peer)
        await peer.listen()


def offer_frame(offer: OfferView, seq: int = 101) -> OfferFrame:
    return OfferFrame(seq=seq, offer=offer)


class _Server(uvicorn.Server):
    """One that leaves signals to pytest."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(system: FakeSystem) -> AsyncIterator[FakeSystem]:
    listener = socket.create_server(("127.0.0.1", 0))  # listens from here on, so nobody has to wait for the server
    system.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(build(system), log_level="critical", ws="websockets-sansio", timeout_graceful_shutdown=1)
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield system
    system.figures = lambda: None  # ends the streams
    server.should_exit = True
    await task
