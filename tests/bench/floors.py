"""Floors as numbers: what the bare stack costs, measured beside the system."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import websockets

from services.demo.signature import HEADER, sign
from tests.bench.http_client import FORM, HttpClient
from tests.bench.processes import Child, free_port, output_of, python, serving
from tests.bench.system import ACCOUNT, NUMBER, SECRET, Bus

ECHOES_AT_A_TIME = 8
_FIELDS = {
    "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "CallSid": f"CA{1:032x}", "CallStatus": "ringing",
    "Called": NUMBER, "Caller": "+15005550142", "Direction": "inbound", "From": "+15005550142", "To": NUMBER,
}  # fmt: skip
_BODY = urlencode(_FIELDS).encode()


@asynccontextmanager
async def bare_server(folder: Path) -> AsyncIterator[Child]:
    """Run the bare web stack."""
    port = free_port()
    async with serving(python("floor_web", port), port=port, ready="/ready", log=folder / "floor.txt") as child:
        yield child


async def echo_cpu_s(folder: Path, seconds: float) -> float:
    """Return the CPU time that the bare stack takes for one signed webhook."""
    async with bare_server(folder) as child:
        await _echoes(child.base_url, seconds / 4)
        before = child.usage().cpu_s
        count = await _echoes(child.base_url, seconds)
        return (child.usage().cpu_s - before) / count


async def echoes_ms(folder: Path, rate: float, seconds: float) -> list[float]:
    """Return how long the bare stack takes to answer each signed webhook at a fixed rate, after a second of warm-up."""
    took_ms: list[float] = []
    async with bare_server(folder) as child:
        http = HttpClient(child.base_url)

        async def one() -> None:
            began = time.perf_counter()
            await http.post("/echo", _BODY, _signed(child.base_url))
            took_ms.append((time.perf_counter() - began) * 1000)

        began, posts = time.perf_counter(), []
        for number in range(round(rate * (seconds + 1))):
            await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
            posts.append(asyncio.create_task(one()))
        await asyncio.gather(*posts)
        http.close()
    return took_ms[round(rate) :]


def _signed(base_url: str) -> dict[str, str]:
    return FORM | {HEADER: sign(SECRET, f"{base_url}/echo", _FIELDS.items())}


async def _echoes(base_url: str, seconds: float) -> int:
    http = HttpClient(base_url)
    headers = _signed(base_url)
    until = time.perf_counter() + seconds

    async def one() -> None:
        while time.perf_counter() < until:
            await http.post("/echo", _BODY, headers)

    await asyncio.gather(*(one() for _ in range(ECHOES_AT_A_TIME)))
    http.close()
    return http.posted


async def socket_bytes(folder: Path, count: int) -> float:
    """Return the private memory of one idle websocket at a bare server, after one echo."""
    async with bare_server(folder) as child:
        url = f"{child.base_url.replace('http', 'ws', 1)}/ws"
        sockets = [await _echoed(url) for _ in range(20)]  # the code is loaded, the pools are there
        before = child.usage().private_bytes
        sockets += [await _echoed(url) for _ in range(count)]
        after = child.usage().private_bytes
        await asyncio.gather(*(socket.close() for socket in sockets))
    return (after - before) / count


async def _echoed(url: str) -> websockets.ClientConnection:
    socket = await websockets.connect(url, compression=None, ping_interval=None)
    await socket.send("hello")
    await socket.recv()
    return socket


async def bus_journeys_ms(folder: Path, bus: Bus, rate: float, seconds: float) -> list[float]:
    """Return how long bare publish, consume, publish, consume takes, record by record."""
    arguments = [folder / "floor-bus", rate, seconds]
    if bus.kind == "kafka":
        arguments += [bus.bootstrap, f"{bus.prefix}floor-"]
    journeys: list[float] = json.loads(await output_of(python("floor_bus", *arguments)))
    return journeys


async def caller_bytes(data: Path, callers: int) -> float:
    """Return the memory that the facts of one waiting caller take when they are read and kept."""
    return float(await output_of(python("floor_memory", data, callers)))
