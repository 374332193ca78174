"""Simulated agents: each signs in over HTTP, works over a real websocket, and comes back when the socket is lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from schemas.gateway_frames import ClientFrame, CloseCode, Hello, Resume, ServerFrame, Welcome
from services.demo.agent_mind import AgentMind, Drop, Plan
from services.demo.pace import Pace, sleep

BACKOFF_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
FRAME_BYTES_MAX: Final = 1 << 20
ANSWER_S: Final = 10.0
_FRAMES: TypeAdapter[Any] = TypeAdapter(ServerFrame)


class SocketClosed(Exception):
    """The gateway, or the network, closed the socket; `code` is the websocket's."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Socket(Protocol):
    """A websocket that speaks text. Both calls raise SocketClosed."""

    async def send(self, text: str) -> None:
        """Send one frame."""
        ...

    async def receive(self) -> str:
        """Wait for one frame."""
        ...


Connect = Callable[[str], AbstractAsyncContextManager[Socket]]


class SimulatedAgent:
    """One agent at one desktop. `run` works until canceled; `absent` tells that another desktop took over.

    An agent who was replaced (another socket signed in as the same agent) stays away until `come_back`.
    """

    def __init__(
        self,
        agent_id: str,
        *,
        base_url: str,
        client: httpx.AsyncClient,
        mind: AgentMind,
        pace: Pace,
        connect: Connect | None = None,
    ) -> None:
        self.agent_id = agent_id
        self._base_url = base_url.rstrip("/")
        self._client = client
        self._mind = mind
        self._pace = pace
        self._connect = connect or open_socket
        self._token: str | None = None
        self._resume: Resume | None = None
        self._session: str | None = None
        self._plans: dict[str, set[asyncio.Task[None]]] = {}
        self._wanted = asyncio.Event()
        self._wanted.set()

    @property
    def absent(self) -> bool:
        """Whether the agent stays away because another desktop took over."""
        return not self._wanted.is_set()

    def come_back(self) -> None:
        """Ask an agent who was replaced to sign in again."""
        self._wanted.set()

    async def run(self) -> None:
        """Work, and come back after every loss, until canceled."""
        failures = 0
        while True:
            await self._wanted.wait()
            began = self._session
            try:
                await self._work()
            except SocketClosed as closed:
                self._judge(closed)
            except (httpx.HTTPError, OSError, InvalidHandshake, TimeoutError):
                pass  # the system is away for a moment; it is asked again, less and less often
            finally:
                self._drop_all()
            failures = 0 if self._session != began else failures + 1
            await sleep(self._pace, BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])

    def _judge(self, closed: SocketClosed) -> None:
        if closed.code == CloseCode.REPLACED:
            self._wanted.clear()
            self._resume = None
        elif closed.code == CloseCode.BAD_TICKET:
            self._token = None

    async def _work(self) -> None:
        async with self._connect(await self._address()) as socket:
            await socket.send(Hello(resume=self._resume).model_dump_json(exclude_none=True))
            while True:
                try:
                    frame: ServerFrame = _FRAMES.validate_json(await socket.receive())
                except ValidationError:
                    continue  # a newer server says something that this client does not know
                self._note(frame)
                self._carry_out(socket, self._mind.react(frame))

    def _note(self, frame: ServerFrame) -> None:
        if isinstance(frame, Welcome):
            self._session = frame.session
        seq = getattr(frame, "seq", None)
        if seq is not None and self._session is not None:
            self._resume = Resume(session=self._session, seq=seq)

    async def _address(self) -> str:
        """Sign in if need be, and return the address of the socket with a fresh ticket."""
        if self._token is None:
            answer = await self._post("/v1/demo/sign-in", json={"agent_id": self.agent_id})
            self._token = str(answer["token"])
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            ticket = (await self._post("/v1/agents/ticket", headers=headers))["ticket"]
        except httpx.HTTPStatusError:
            self._token = None  # expired, perhaps
            raise
        return f"ws{self._base_url.removeprefix('http')}/v1/agents/ws?ticket={quote(str(ticket), safe='')}"

    async def _post(self, path: str, **request: Any) -> dict[str, Any]:
        answer = await self._client.post(self._base_url + path, timeout=ANSWER_S, **request)
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    # ---- plans

    def _carry_out(self, socket: Socket, plans: list[Plan | Drop]) -> None:
        for plan in plans:
            if isinstance(plan, Drop):
                self._drop(plan.key)
                continue
            task = asyncio.create_task(self._later(socket, plan))
            self._plans.setdefault(plan.key, set()).add(task)
            task.add_done_callback(self._plans[plan.key].discard)

    async def _later(self, socket: Socket, plan: Plan) -> None:
        await sleep(self._pace, plan.after_s)
        frame: ClientFrame = plan.frame
        try:
            await socket.send(frame.model_dump_json(exclude_none=True))
        except SocketClosed:
            return  # whoever reads the socket meets this too, and deals with it
        self._carry_out(socket, self._mind.sent(frame))

    def _drop(self, key: str) -> None:
        for task in self._plans.pop(key, set()):
            task.cancel()

    def _drop_all(self) -> None:
        for key in list(self._plans):
            self._drop(key)


def make_agents(
    agent_ids: list[str], *, base_url: str, client: httpx.AsyncClient, pace: Pace, seed: int
) -> list[SimulatedAgent]:
    """Return an agent for each id, each with a temper drawn from the seed."""
    return [
        SimulatedAgent(
            agent_id,
            base_url=base_url,
            client=client,
            mind=AgentMind(random.Random(f"{seed} {agent_id}")),  # noqa: S311  a simulation, not a secret
            pace=pace,
        )
        for agent_id in agent_ids
    ]


@asynccontextmanager
async def open_socket(url: str) -> AsyncIterator[Socket]:
    """Open a websocket that closes when the block is left."""
    async with connect(url, max_size=FRAME_BYTES_MAX, compression=None, close_timeout=1.0) as websocket:
        yield _WebSocket(websocket)


class _WebSocket:
    def __init__(self, websocket: Any) -> None:
        self._websocket = websocket

    async def send(self, text: str) -> None:
        try:
            await self._websocket.send(text)
        except ConnectionClosed as closed:
            raise SocketClosed(_code(closed)) from None

    async def receive(self) -> str:
        try:
            return str(await self._websocket.recv(decode=True))
        except ConnectionClosed as closed:
            raise SocketClosed(_code(closed)) from None


def _code(closed: ConnectionClosed) -> int:
    return closed.rcvd.code if closed.rcvd else 1006
