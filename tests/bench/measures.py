"""What is measured. Each measure starts a system of its own, measures its floor beside it, and returns figures."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import floors
from tests.bench.agents import fleet
from tests.bench.figures import Figure, quantile
from tests.bench.load import Load, load
from tests.bench.processes import Usage
from tests.bench.system import Bus, System, system

RATE = 50.0  # calls a second, for latency
JUDGED = 0.99
P99_RATIO_MAX = 3.0
SOCKET_RATIO_MAX = 1.3
READY_S_MAX = 4.0
SETTLE_S = 2.0
FIRST_SOCKETS = 50  # so that what is loaded and pooled once does not count
KIB = 1024.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; times in seconds."""

    seconds: float
    floor_seconds: float
    warm_up_s: float
    agents: int
    callers: int  # at a time, flat out
    waiting: int
    sockets: int
    starts: int
    engine_agents: tuple[int, ...]
    engine_waiting: tuple[int, ...]  # growing
    engine_cycles: int  # calls that end and come, for each of their pairs


FULL = Size(
    seconds=20, floor_seconds=8, warm_up_s=4, agents=200, callers=64, waiting=2000, sockets=5000, starts=5,
    engine_agents=(10, 100, 1_000, 10_000), engine_waiting=(0, 100, 1_000, 5_000), engine_cycles=2_000,
)  # fmt: skip
QUICK = Size(
    seconds=4, floor_seconds=2, warm_up_s=1, agents=100, callers=64, waiting=300, sockets=600, starts=1,
    engine_agents=(100, 1_000), engine_waiting=(0, 1_000), engine_cycles=500,
)  # fmt: skip


async def start_up(folder: Path, size: Size, _: Bus) -> list[Figure]:
    """From the start of the process to ready, with a data directory that has been used before."""
    system_s, floor_s = [], []
    async with system(folder / "data", agents=size.agents):
        pass
    for _number in range(size.starts):
        async with system(folder / "data", agents=0) as running:
            system_s.append(running.child.ready_s)
        async with floors.bare_server(folder) as bare:
            floor_s.append(bare.ready_s)
    return [
        Figure(
            name="start-up: `frontdoor up` to ready", value=quantile(system_s, 0.5), unit="s",
            floor=quantile(floor_s, 0.5), floor_name="a bare FastAPI process, to its first answer",
            value_max=READY_S_MAX,
        )
    ]  # fmt: skip


async def flat_out(folder: Path, size: Size, _: Bus) -> list[Figure]:
    """Calls end to end as fast as one process serves them."""
    echo_s = await floors.echo_cpu_s(folder, size.floor_seconds)
    async with system(folder / "data", agents=size.agents) as running, load(running, agents=size.agents) as callers:
        await callers.flat_out(size.callers, size.warm_up_s)
        callers.forget()
        began = time.perf_counter()
        await callers.flat_out(size.callers, size.seconds * 0.75)
        took = time.perf_counter() - began
    webhooks = callers.carrier.http.posted / len(callers.ended)
    name = "calls a second, end to end, one process"
    floor_name = f"a core that only echoes {webhooks:.1f} signed webhooks a call"
    return [
        Figure(name=name, value=len(callers.ended) / took, unit="/s", more=True, floor=1 / (echo_s * webhooks),
               floor_name=floor_name),
        _failed(callers, "flat out"),
    ]  # fmt: skip


async def latency(folder: Path, size: Size, bus: Bus) -> list[Figure]:
    """From hand-off to offer at a fixed rate of whole calls, and what a call costs in CPU time."""
    echo_s = await floors.echo_cpu_s(folder, size.floor_seconds / 2)
    # Before and after, so that a disturbance of the machine meets both.
    floor_ms = await floors.bus_journeys_ms(folder, bus, RATE, size.floor_seconds)
    starting = system(folder / "data", agents=size.agents, bus=bus)
    async with starting as running, load(running, agents=size.agents) as callers:
        await callers.at_rate(RATE, size.warm_up_s)
        callers.forget()
        before = running.child.usage()
        await callers.at_rate(RATE, size.seconds)
        after = running.child.usage()
    floor_ms += await floors.bus_journeys_ms(folder, bus, RATE, size.floor_seconds)
    failed = _failed(callers, f"{RATE:g} calls/s, {bus.kind}")
    return [*_latencies(callers, floor_ms, bus), failed, _cpu(callers, before, after, echo_s, bus)]


def _latencies(callers: Load, floor_ms: Sequence[float], bus: Bus) -> list[Figure]:
    offers_ms, answers_ms = callers.offers_ms(), callers.answers_ms()
    floor_name = "publish, consume, publish, consume: same bus, same rate"
    figures = [
        Figure(
            name=f"hand-off to offer p{share * 100:.0f}, {RATE:g} calls/s, {bus.kind}",
            value=quantile(offers_ms, share),
            unit="ms",
            floor=quantile(floor_ms, share),
            floor_name=floor_name,
            ratio_max=P99_RATIO_MAX if share == JUDGED else None,
        )
        for share in (0.5, 0.95, JUDGED)
    ]
    answered = Figure(name=f"  of it: webhook answered p99, {bus.kind}", value=quantile(answers_ms, JUDGED), unit="ms")
    return [*figures, answered]


def _failed(callers: Load, how: str) -> Figure:
    return Figure(name=f"calls that failed, {how}", value=callers.failed_share() * 100, unit="%", value_max=0)


def _cpu(callers: Load, before: Usage, after: Usage, echo_s: float, bus: Bus) -> Figure:
    webhooks = callers.carrier.http.posted / len(callers.ended)
    return Figure(
        name=f"CPU a call, {RATE:g} calls/s, {bus.kind}", unit="ms",
        value=(after.cpu_s - before.cpu_s) / len(callers.ended) * 1000,
        floor=echo_s * webhooks * 1000, floor_name=f"bare echoes of its {webhooks:.1f} signed webhooks",
    )  # fmt: skip


async def waiting(folder: Path, size: Size, _: Bus) -> list[Figure]:
    """Memory of a caller who waits, while nobody is there to answer."""
    async with system(folder / "data", agents=size.agents) as running, load(running, agents=0) as callers:
        await _arrive(callers, size.waiting // 10)
        before = await _settled(running)
        await _arrive(callers, size.waiting)
        after = await _settled(running)
        callers.failed_share()
    floor = await floors.caller_bytes(folder / "data", size.waiting + size.waiting // 10)
    return [
        Figure(
            name=f"memory of a waiting caller, {size.waiting} of them", value=(after - before) / size.waiting / KIB,
            unit="KiB", floor=floor / KIB, floor_name="the facts of one, read and kept",
        )
    ]  # fmt: skip


async def _arrive(callers: Load, count: int) -> None:
    """Let callers come, a few at a time, until all of them wait."""
    gate = asyncio.Semaphore(16)

    async def one() -> None:
        async with gate:
            await callers.wait_for_agent()

    await asyncio.gather(*(one() for _ in range(count)))


async def _settled(running: System) -> int:
    await asyncio.sleep(SETTLE_S)  # what follows from the last webhook is done
    return running.child.usage().private_bytes


async def sockets(folder: Path, size: Size, _: Bus) -> list[Figure]:
    """Memory of an agent who is signed in, available, and has nothing to do."""
    floor = await floors.socket_bytes(folder, size.sockets)
    async with (
        system(folder / "data", agents=FIRST_SOCKETS + size.sockets) as running,
        fleet(running, FIRST_SOCKETS, offered=_ignore, ended=_ignore) as agents,
    ):
        before = await _settled(running)
        await agents.sign_in(range(FIRST_SOCKETS, FIRST_SOCKETS + size.sockets))
        after = await _settled(running)
    return [
        Figure(
            name=f"memory of an idle agent, {size.sockets} of them", value=(after - before) / size.sockets / KIB,
            unit="KiB", floor=floor / KIB, floor_name="a bare websocket: FastAPI, uvicorn websockets-sansio",
            ratio_max=SOCKET_RATIO_MAX,
        )
    ]  # fmt: skip


def _ignore(_contact: str, _at: float) -> None:
    """Nobody calls."""
