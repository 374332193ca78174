"""The desktop process over a real bus, a real server and real sockets; the test plays the router."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from schemas.decisions import Claim, Step
from schemas.errors import BusUnavailable
from schemas.tenant_config import TenantConfig
from schemas.topics import DECISIONS, INTAKE
from services.desktop.process import build
from services.runtime.bus import Bounds, Message, Place
from services.runtime.clock import SystemClock
from services.runtime.codec import DecisionEnvelope, decode_fact, encode
from services.runtime.crypto import Vault, load_root_keys
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.identity import DevelopmentKey, Identity
from services.runtime.limits import Limits
from services.runtime.telemetry import Metrics
from services.runtime.tenants import Tenants

TENANT = TenantConfig.model_validate(
    {
        "tenant": "north",
        "cell": "pool",
        "carriers": [{"carrier": "twilio", "account": "AC1", "secrets": ["twilio-north"]}],
        "numbers": ["+15005550100"],
        "facility": {
            "name": {"en": "North Clinic"},
            "address": {"en": "1 Main Street"},
            "hours": {"zone": "America/New_York", "week": {}},
        },
        "emergency": {"notice": {"en": "Hang up and dial 911."}, "queue": "triage"},
        "default_queue": "triage",
        "queues": [{"name": "triage", "requires": [{"skill": "triage"}]}],
        "agents": [
            {
                "agent_id": f"nurse-{n}",
                "name": f"Nurse {n}",
                "role": "nurse",
                "endpoint": f"client:nurse-{n}",
                "skills": [{"skill": "triage", "level": 0.9}],
            }
            for n in (1, 2)
        ],
    }
)


class SwitchedBus:
    """A bus whose publishing or reading can be switched off."""

    def __init__(self, bus: EmbeddedBus) -> None:
        self.inner = bus
        self.partitions = bus.partitions
        self.publishes = True
        self.answers = True

    async def publish(self, topic: str, partition: int, messages: Sequence[Message]) -> Sequence[int]:
        if not self.publishes:
            raise BusUnavailable("switched off")
        return await self.inner.publish(topic, partition, messages)

    async def bounds(self, place: Place) -> Bounds:
        if not self.answers:
            self.answers = True
            raise BusUnavailable("switched off once")
        return await self.inner.bounds(place)

    def read(self, starts: Any) -> Any:
        return self.inner.read(starts)

    def join(self, group: str, topics: Sequence[str]) -> Any:
        raise NotImplementedError


class Gateway:
    """A running process, and what a test does to it."""

    def __init__(self, bus: SwitchedBus, folder: Path, limits: Limits) -> None:
        self.bus = bus
        self.limits = limits
        self.clock = SystemClock()
        self.metrics = Metrics()
        roots = load_root_keys(folder)
        self.vault = Vault(roots)
        self.identity = Identity(
            DevelopmentKey.load(folder), roots=roots, clock=self.clock, limits=limits, metrics=self.metrics
        )
        self.tenants = Tenants()
        self.tenants.apply(TENANT)
        self.port = 0
        self.process = build(
            bus=bus,
            clock=self.clock,
            identity=self.identity,
            tenants=self.tenants,
            vault=self.vault,
            limits=limits,
            metrics=self.metrics,
            public_url="http://127.0.0.1:8080",
        )
        self._seq = 0
        self._intake: list[Any] = []

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def decide(self, *decisions: Any) -> None:
        """Append a step, as the router would."""
        self._seq += 1
        now = self.clock.now()
        step = Step(epoch=0, seq=self._seq, cell="pool", cause=-1, decided_at=now, decisions=decisions)
        await self._append(step)

    async def claim(self) -> None:
        await self._append(Claim(owner="test", versions={}))

    async def _append(self, data: Any) -> None:
        attributes = {"source": "/routing/0", "subject": "pool", "time": self.clock.now(), "cell": "pool"}
        envelope = DecisionEnvelope.around(data, id=f"decision-{self._seq}-{data.type}", **attributes)
        await self.bus.inner.publish(DECISIONS.name, 0, [Message(encode(envelope), key="pool")])

    async def fact(self, type_: str, **fields: Any) -> Any:
        """Return the envelope of the first fact of this type with these fields, once it is on the log."""
        async with self.bus.inner.read({Place(INTAKE.name, 0): 0}) as reader:
            while True:
                for record in await reader.fetch():
                    envelope = decode_fact(record.value)
                    data = envelope.data
                    if data.type == type_ and all(getattr(data, name) == fields[name] for name in fields):
                        return envelope

    async def facts(self) -> list[str]:
        end = (await self.bus.inner.bounds(Place(INTAKE.name, 0))).end
        found: list[str] = []
        async with self.bus.inner.read({Place(INTAKE.name, 0): 0}) as reader:
            while len(found) < end:
                found += [decode_fact(record.value).data.type for record in await reader.fetch()]
        return found

    def token(self, agent: str = "nurse-1", *, role: Any = "nurse", tenant: str | None = "north") -> str:
        return self.identity.issue(agent, role=role, tenant=tenant)

    async def ticket(self, agent: str = "nurse-1", **claims: Any) -> str:
        headers = {"Authorization": f"Bearer {self.token(agent, **claims)}"}
        async with httpx.AsyncClient(base_url=f"http://{self.url}", trust_env=False) as client:
            answer = await client.post("/v1/agents/ticket", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        return answer.json()["ticket"]

    def socket(self, ticket: str, **options: Any) -> connect:
        return connect(f"ws://{self.url}/v1/agents/ws?ticket={ticket}", proxy=None, **options)

    @asynccontextmanager
    async def desktop(self, agent: str = "nurse-1", *, resume: int | None = None) -> AsyncIterator["Client"]:
        """A desktop that has said hello."""
        async with self.socket(await self.ticket(agent)) as socket:
            client = Client(socket)
            await client.say("hello", **({"resume": {"session": "s", "seq": resume}} if resume is not None else {}))
            client.welcome = await client.hear("welcome")
            yield client


class Client:
    """A desktop's end of the socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.welcome: dict[str, Any] = {}

    async def say(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def hear(self, type_: str) -> dict[str, Any]:
        """Return the next frame, which has to be of this type."""
        frame: dict[str, Any] = json.loads(await self.socket.recv())
        assert frame["type"] == type_, frame
        return frame

    async def closed(self) -> int | None:
        """Return the code that the socket is closed with, after reading what came before."""
        with suppress(ConnectionClosed):
            while True:
                await self.socket.recv()
        return self.socket.close_code


Start = Callable[..., Awaitable[Gateway]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start the process with some limits."""
    async with AsyncExitStack() as stack:
        bus = SwitchedBus(await stack.enter_async_context(EmbeddedBus(tmp_path / "bus", 1)))

        async def started(*, before: Callable[[Gateway], Awaitable[None]] | None = None, **limits: Any) -> Gateway:
            gateway = Gateway(bus, tmp_path, Limits(**limits))
            await gateway.claim()
            if before:
                await before(gateway)
            await stack.enter_async_context(_running(gateway))
            return gateway

        yield started


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def _running(gateway: Gateway) -> AsyncIterator[None]:
    app = FastAPI()
    for routes in gateway.process.routes:
        app.include_router(routes)
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", ws_ping_interval=None)
    server = _Server(config)
    loops = [asyncio.create_task(loop()) for loop in gateway.process.loops]
    sock = config.bind_socket()
    gateway.port = sock.getsockname()[1]
    serving = asyncio.create_task(server._serve([sock]))
    try:
        await server.ready.wait()
        yield
    finally:
        server.should_exit = True
        await serving
        sock.close()
        for loop in loops:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop


@pytest.fixture
async def gateway(start: Start) -> Gateway:
    return await start()
