"""Many agents on real websockets: each takes every offer at once, hangs up, and wraps up."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from tests.bench.http_client import HttpClient
from tests.bench.system import System, agent_name

CONNECTING_MAX = 20  # sign-ins at a time
AVAILABLE_S = 60.0

Heard = Callable[[str, float], None]


class Fleet:
    """Agents who are signed in. `offered` is called with contact and time, `ended` with contact and time."""

    def __init__(self, system: System, *, offered: Heard, ended: Heard) -> None:
        self._system = system
        self._offered = offered
        self._ended = ended
        self._sockets: list[ClientConnection] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._ready = 0
        self._all_ready = asyncio.Event()
        self._wanted = 0

    async def sign_in(self, numbers: Iterable[int]) -> None:
        """Connect these agents and wait until the system says that every one is idle."""
        wanted = list(numbers)
        if not wanted:
            return
        self._wanted += len(wanted)
        self._all_ready.clear()
        http = HttpClient(self._system.base_url)
        gate = asyncio.Semaphore(CONNECTING_MAX)

        async def one(number: int) -> None:
            async with gate:
                socket = await self._connect(http, agent_name(number))
            self._sockets.append(socket)
            self._tasks.append(asyncio.create_task(self._work(socket)))

        await asyncio.gather(*(one(number) for number in wanted))
        http.close()
        await asyncio.wait_for(self._all_ready.wait(), AVAILABLE_S)

    async def sign_out(self) -> None:
        """Close every socket."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(socket.close() for socket in self._sockets), return_exceptions=True)

    async def _connect(self, http: HttpClient, agent: str) -> ClientConnection:
        ticket = json.loads(await http.post("/v1/agents/ticket", headers=self._system.bearer(agent)))["ticket"]
        url = f"{self._system.base_url.replace('http', 'ws', 1)}/v1/agents/ws?ticket={ticket}"
        socket = await websockets.connect(url, compression=None, ping_interval=None)
        await socket.send('{"type":"hello"}')
        await socket.send('{"type":"status.set","status":"available"}')
        return socket

    async def _work(self, socket: ClientConnection) -> None:
        idle = False
        async for text in socket:
            frame = json.loads(text)
            if frame["type"] == "offer":
                self._offered(frame["offer"]["contact_id"], time.perf_counter())
            elif frame["type"] == "status.changed" and frame["status"]["state"] == "idle" and not idle:
                idle = True
                self._became_ready()
            reply = self._reply(frame)
            if reply is not None:
                await socket.send(json.dumps(reply))

    def _reply(self, frame: dict[str, Any]) -> dict[str, Any] | None:
        match frame:
            case {"type": "ping"}:
                return {"type": "pong"}
            case {"type": "offer", "offer": offer}:
                return {"type": "offer.accept", "reservation_id": offer["reservation_id"]}
            case {"type": "call.updated", "state": "connected"}:
                return {"type": "call.hang_up", "contact_id": frame["contact_id"]}
            case {"type": "call.updated", "state": "wrapping"}:
                return {"type": "wrap_up.done", "item_id": frame["item_id"], "disposition": "resolved"}
            case {"type": "call.updated", "state": "ended"}:
                self._ended(frame["contact_id"], time.perf_counter())
        return None

    def _became_ready(self) -> None:
        self._ready += 1
        if self._ready == self._wanted:
            self._all_ready.set()


@asynccontextmanager
async def fleet(system: System, count: int, *, offered: Heard, ended: Heard) -> AsyncIterator[Fleet]:
    """Sign `count` agents in, and out at the end."""
    agents = Fleet(system, offered=offered, ended=ended)
    try:
        await agents.sign_in(range(count))
        yield agents
    finally:
        await agents.sign_out()
