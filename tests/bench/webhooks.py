"""Webhooks on Kafka: 200 a second beside all other processes on the same machine, and five times as many for 10 s."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from tests.bench import floors
from tests.bench.callers import UNTIL_LAST_S, WEBHOOKS_A_CALL, Sent, TimedClient, at_rate
from tests.bench.figures import Figure, quantile
from tests.bench.load import Load, load
from tests.bench.measures import FULL, JUDGED, Size
from tests.bench.pods import Pods
from tests.bench.processes import Child, free_port
from tests.bench.system import Bus, System
from tests.postgres_server import _own_server

WEBHOOKS_PER_S: Final = 200.0
BURST: Final = 5
BURST_S: Final = 10.0
STEADY_S: Final = 120.0
AGENTS: Final = 12  # take what they can; most callers give up, as on the worst day
OTHERS: Final = ("routing", "desktop", "call-control", "records", "console")


class Running(NamedTuple):
    """The processes, and who loads them."""

    webhooks: Child
    load: Load
    http: TimedClient


async def webhooks(folder: Path, size: Size, bus: Bus) -> list[Figure]:
    """Post signed webhooks of whole calls, steadily and in a burst, beside bare echoes at the same rates."""
    whole = size == FULL
    steady_s, burst_s = (STEADY_S, BURST_S) if whole else (10.0, 4.0 + UNTIL_LAST_S)
    echo_ms = await floors.echoes_ms(folder, WEBHOOKS_PER_S, size.floor_seconds)
    echo_burst_ms = await floors.echoes_ms(folder, WEBHOOKS_PER_S * BURST, size.floor_seconds)
    echo_s = await floors.echo_cpu_s(folder, size.floor_seconds / 2)
    async with _running(folder, bus) as running:
        await at_rate(running.load.carrier, running.http, WEBHOOKS_PER_S, size.warm_up_s)
        before = running.webhooks.cpu_s()
        steady = await at_rate(running.load.carrier, running.http, WEBHOOKS_PER_S, steady_s)
        cpu_s = running.webhooks.cpu_s() - before
        taken = len(running.load.ended)
        burst = await at_rate(running.load.carrier, running.http, WEBHOOKS_PER_S * BURST, burst_s)
        safe = await _safe_answers(running.webhooks)
    return [
        *_answers(steady, echo_ms, f"{WEBHOOKS_PER_S:g}/s"),
        _failed(steady, f"{WEBHOOKS_PER_S:g}/s", None),
        *_answers(burst, echo_burst_ms, f"{WEBHOOKS_PER_S * BURST:g}/s"),
        _failed(burst, f"{WEBHOOKS_PER_S * BURST:g}/s", 0),
        Figure(name="webhooks answered with the safe instruction, in all", value=safe, unit=""),
        Figure(
            name="CPU a webhook, webhooks process", value=cpu_s / len(steady.answered) * 1000, unit="ms",
            floor=echo_s * 1000, floor_name="a bare echo of a signed webhook",
        ),
        *_generator(steady, WEBHOOKS_PER_S, steady_s),
        *_generator(burst, WEBHOOKS_PER_S * BURST, burst_s),
        Figure(name="calls that agents took, steadily", value=taken / steady_s, unit="/s"),
    ]  # fmt: skip


@asynccontextmanager
async def _running(folder: Path, bus: Bus) -> AsyncIterator[Running]:
    public, carrier = free_port(), free_port()
    async with AsyncExitStack() as stack:
        database = stack.enter_context(_own_server()).render_as_string(hide_password=False)
        pods = Pods(folder, bus, public_port=public, carrier_port=carrier)
        own = {"FRONTDOOR_DATABASE_URL": database}
        children = {
            name: await stack.enter_async_context(pods.run(name, environ=own)) for name in OTHERS
        }  # fmt: skip
        systems = {name: System(child, pods.data, carrier) for name, child in children.items()}
        await systems["console"].apply_tenant(AGENTS)
        child = await stack.enter_async_context(pods.run("webhooks", port=public))
        posts = System(child, pods.data, carrier)
        calls = await stack.enter_async_context(load(posts, agents=AGENTS, desks=systems["desktop"]))
        http = TimedClient(child.base_url)
        calls.carrier.http = http
        yield Running(child, calls, http)


async def _safe_answers(child: Child) -> float:
    """Return how many callers were told to hold because something did not answer in time."""
    async with httpx.AsyncClient(base_url=child.base_url, timeout=30) as http:
        text = (await http.get("/metrics")).raise_for_status().text
    found = re.findall(r'^frontdoor_webhooks_total\{[^}]*outcome="(?:safe|busy)"[^}]*\} (\S+)$', text, re.MULTILINE)
    return sum(map(float, found))


def _answers(sent: Sent, floor_ms: Sequence[float], how: str) -> list[Figure]:
    return [
        Figure(
            name=f"webhook answered p{share * 100:.0f}, {how}", value=quantile(sent.ms, share), unit="ms",
            floor=quantile(floor_ms, share), floor_name="a bare echo of signed webhooks, same rate",
        )
        for share in (0.5, 0.95, JUDGED)
    ]  # fmt: skip


def _failed(sent: Sent, how: str, value_max: float | None) -> Figure:
    return Figure(name=f"webhooks not answered with 2xx, {how}", value=sent.failed, unit="", value_max=value_max)


def _generator(sent: Sent, rate: float, seconds: float) -> list[Figure]:
    """Tell whether the load was what it should be: what loads must not be what is slow."""
    how = f"{rate:g}/s"
    return [
        Figure(
            name=f"webhooks sent, {how}", value=sent.rate(UNTIL_LAST_S, seconds), unit="/s", more=True, floor=rate,
            floor_name=f"as planned: {WEBHOOKS_A_CALL} a call, more where an agent takes it",
        ),
        Figure(name=f"  carrier, callers, agents: share of a core, {how}", unit="%",
               value=sent.generator_cpu_s / sent.seconds * 100),
        Figure(name=f"  calls begun too late, p99, {how}", unit="ms", value=quantile(sent.late_ms, JUDGED)),
    ]  # fmt: skip
