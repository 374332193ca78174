"""One of two gateways dies, and all of its desktops come to the other at once."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import websockets
from websockets.asyncio.client import ClientConnection

from schemas.tenant_config import TenantConfig
from services.runtime.clock import SystemClock
from services.runtime.crypto import load_root_keys
from services.runtime.identity import DevelopmentKey, Identity
from services.runtime.kafka_bus import KafkaBus
from services.runtime.tenants import publish_tenant
from tests.bench.figures import Figure, quantile
from tests.bench.http_client import HttpClient
from tests.bench.processes import Child, free_port, serving
from tests.bench.system import TENANT, Bus, agent_name, tenant

DESKTOPS: Final = 2000
BACK_S_MAX: Final = 30.0
SIGNING_IN_MAX: Final = 20  # at a time, before the storm; in it, all come at once
GIVE_UP_S: Final = 120.0
AGAIN_S: Final = 0.5  # a desktop that was refused asks again after so long
PARTITIONS: Final = 4


class Desktop:
    """One desktop: what it needs to sign in, and where it had got to."""

    def __init__(self, agent: str, bearer: dict[str, str]) -> None:
        self.socket: ClientConnection | None = None
        self._agent = agent
        self._bearer = bearer
        self._resume: dict[str, Any] = {}

    async def connect(self, http: HttpClient, base_url: str) -> str:
        """Connect until welcome and snapshot or resumed have come; return which of the two it was."""
        while True:
            try:
                return await self._connect(http, base_url)
            except (OSError, RuntimeError, EOFError, TimeoutError, websockets.WebSocketException):
                await asyncio.sleep(AGAIN_S)

    async def _connect(self, http: HttpClient, base_url: str) -> str:
        ticket = json.loads(await http.post("/v1/agents/ticket", headers=self._bearer))["ticket"]
        url = f"{base_url.replace('http', 'ws', 1)}/v1/agents/ws?ticket={ticket}"
        self.socket = await websockets.connect(url, compression=None, ping_interval=None, open_timeout=GIVE_UP_S)
        hello = {"type": "hello", "resume": self._resume} if self._resume else {"type": "hello"}
        await self.socket.send(json.dumps(hello))
        session = ""
        async for text in self.socket:
            frame = json.loads(text)
            session = frame.get("session", session)
            if frame["type"] in {"snapshot", "resumed"}:
                self._resume = {"session": session, "seq": frame["seq"]}
                return str(frame["type"])
        raise EOFError


async def storm(folder: Path, _size: object, bus: Bus) -> list[Figure]:
    """Measure how long it takes until every desktop is back, from the death of their gateway."""
    data = folder / "data"
    data.mkdir(parents=True)
    identity = Identity(DevelopmentKey.load(data), roots=load_root_keys(data), clock=SystemClock())
    async with KafkaBus(bus.bootstrap, PARTITIONS, bus.prefix) as log:
        await publish_tenant(log, TenantConfig.model_validate(tenant(DESKTOPS)), SystemClock())
    names = [agent_name(number) for number in range(DESKTOPS)]
    desktops = [
        Desktop(name, {"Authorization": f"Bearer {identity.issue(name, role='agent', tenant=TENANT)}"})
        for name in names
    ]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(_serve("routing", data, bus))
        survivor = await stack.enter_async_context(_serve("desktop", data, bus))
        async with _serve("desktop", data, bus) as victim:
            await _sign_in(desktops, victim.base_url)
            before = survivor.usage().cpu_s
            victim.kill()
            began = time.perf_counter()
            back_s, ways = await _all_come(desktops, survivor.base_url, began)
            cpu_s = survivor.usage().cpu_s - before
        await asyncio.gather(*(desktop.socket.close() for desktop in desktops if desktop.socket))
    resumed = ways.count("resumed") / len(ways)
    return [
        Figure(name=f"{DESKTOPS} desktops at once: the last is back", value=max(back_s), unit="s",
               value_max=BACK_S_MAX),
        Figure(name="  of them: p99", value=quantile(back_s, 0.99), unit="s"),
        Figure(name="  of them: p50", value=quantile(back_s, 0.5), unit="s"),
        Figure(name="  CPU of their gateway for each", value=cpu_s / DESKTOPS * 1000, unit="ms"),
        Figure(name="  of them: resumed, without a snapshot", value=resumed * 100, unit="%"),
    ]  # fmt: skip


@asynccontextmanager
async def _serve(name: str, data: Path, bus: Bus) -> AsyncIterator[Child]:
    port = free_port()
    environ = {
        "FRONTDOOR_BUS": bus.kind,
        "FRONTDOOR_KAFKA_BOOTSTRAP": bus.bootstrap,
        "FRONTDOOR_KAFKA_PREFIX": bus.prefix,
        "FRONTDOOR_PARTITIONS": str(PARTITIONS),
    }
    log = data.parent / f"{name}-{port}.txt"
    serve = [str(Path(sys.executable).with_name("frontdoor")), "serve", name, "--port", str(port), "--data", str(data)]
    async with serving(serve, port=port, ready="/readyz", log=log, environ=environ) as child:
        yield child


async def _sign_in(desktops: list[Desktop], base_url: str) -> None:
    http, gate = HttpClient(base_url), asyncio.Semaphore(SIGNING_IN_MAX)

    async def one(desktop: Desktop) -> None:
        async with gate:
            await desktop.connect(http, base_url)

    await asyncio.gather(*(one(desktop) for desktop in desktops))
    http.close()


async def _all_come(desktops: list[Desktop], base_url: str, began: float) -> tuple[list[float], list[str]]:
    http = HttpClient(base_url)

    async def one(desktop: Desktop) -> tuple[float, str]:
        way = await desktop.connect(http, base_url)
        return time.perf_counter() - began, way

    async with asyncio.timeout(GIVE_UP_S):
        came = await asyncio.gather(*(one(desktop) for desktop in desktops))
    http.close()
    return [at for at, _ in came], [way for _, way in came]
