"""How long nobody decides: after kill -9 of a partition's owner, and when it is handed over as planned."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from router.succession import preference
from schemas import agents
from schemas.ids import SessionId
from schemas.routing import AgentStatus
from schemas.topics import INTAKE, partition_of
from services.runtime.bus import Message
from services.runtime.clock import SystemClock
from services.runtime.codec import encode
from services.runtime.decisions_reader import DecisionsReader
from services.runtime.facts import fact
from services.runtime.ids import new_id
from services.runtime.kafka_bus import KafkaBus
from services.runtime.tenants import publish_tenant
from tests.bench.center import Center
from tests.bench.figures import Figure, quantile
from tests.bench.measures import Size
from tests.bench.pods import PARTITIONS, Pods
from tests.bench.processes import Child, free_port
from tests.bench.system import Bus

ROUTERS = 2
PULSE_S = 0.02  # between facts that call for a decision
PATIENCE_S = 30.0
KILL_S_MAX = 5.0
HANDOVER_MS_MAX = 200.0


class Pulse:
    """Facts in a steady beat that call for a decision each, and when each of those was read."""

    def __init__(self, bus: KafkaBus, center: Center) -> None:
        self._bus = bus
        self._cell = center.cells[0]
        self._agent = self._cell.config.agents[0].agent_id
        self.partition = partition_of(self._cell.name, PARTITIONS)
        self.steps: list[tuple[int, float]] = []  # epoch, and when it was read
        self._news = asyncio.Condition()

    async def beat(self) -> None:
        """Publish until cancelled."""
        session = SessionId("bench-session")
        await self._tell(agents.AgentConnected(agent_id=self._agent, session=session, lease_s=3600.0))
        while True:
            for status in (AgentStatus.AVAILABLE, AgentStatus.BREAK):
                await self._tell(agents.StatusSet(agent_id=self._agent, status=status))
                await asyncio.sleep(PULSE_S)

    async def _tell(self, data: agents.AgentConnected | agents.StatusSet) -> None:
        envelope = fact(
            data, id=new_id(), source="/bench", subject=self._agent, cell=self._cell.name,
            tenant=self._cell.config.tenant, time=SystemClock().now(),
        )  # fmt: skip
        await self._bus.publish(INTAKE.name, self.partition, [Message(encode(envelope), key=self._cell.name)])

    async def listen(self) -> None:
        """Read the decisions that count, until cancelled."""
        async with DecisionsReader(self._bus, partitions=[self.partition]) as reader:
            while True:
                for decided in await reader.fetch():
                    async with self._news:
                        self.steps.append((decided.step.epoch, time.perf_counter()))
                        self._news.notify_all()

    async def next_epoch(self, after: int) -> tuple[float, float]:
        """Wait for a decision of a later owner; return when it was read, and the last one before it."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            while not self.steps or self.steps[-1][0] <= after:
                await self._news.wait()
        first = next(index for index, (epoch, _) in enumerate(self.steps) if epoch > after)
        return self.steps[first][1], self.steps[first - 1][1]

    @property
    def epoch(self) -> int:
        """The present owner's."""
        return self.steps[-1][0] if self.steps else -1


async def takeover(folder: Path, size: Size, bus: Bus) -> list[Figure]:
    """Kill the owner again and again; each time let it come back and take its partition over as planned."""
    killed_s: list[float] = []
    handed_ms: list[float] = []
    async with _stage(folder, bus) as (pulse, routers):
        first, second = preference(pulse.partition, ROUTERS)
        await routers.start(second)
        await pulse.next_epoch(-1)
        for _ in range(size.starts * 10):
            epoch = pulse.epoch
            await routers.start(first)
            decided, before = await pulse.next_epoch(epoch)  # who prefers the partition takes it from who has it
            handed_ms.append((decided - before) * 1000)
            epoch, at = pulse.epoch, time.perf_counter()
            await routers.end(first, signal.SIGKILL)
            decided, _ = await pulse.next_epoch(epoch)
            killed_s.append(decided - at)
        for _ in range(size.starts):
            epoch = pulse.epoch
            await routers.start(first)
            await pulse.next_epoch(epoch)
            epoch = pulse.epoch
            ending = asyncio.create_task(routers.end(first, signal.SIGTERM))
            decided, before = await pulse.next_epoch(epoch)
            handed_ms.append((decided - before) * 1000)
            await ending
    return [
        *(
            Figure(
                name=f"kill -9 of the owner to the next decision p{share * 100:.0f}, {len(killed_s)} kills",
                value=quantile(killed_s, share), unit="s", value_max=KILL_S_MAX if share > 0.5 else None,
            )
            for share in (0.5, 0.99)
        ),
        Figure(
            name=f"planned handover, longest time without a decision, {len(handed_ms)} of them",
            value=max(handed_ms), unit="ms", value_max=HANDOVER_MS_MAX,
        ),
        Figure(name="  of it: p50", value=quantile(handed_ms, 0.5), unit="ms"),
    ]  # fmt: skip


class Routers:
    """The two routers, by ordinal."""

    def __init__(self, pods: Pods) -> None:
        self._pods = pods
        self._stacks: dict[int, AsyncExitStack] = {}
        self._children: dict[int, Child] = {}

    async def start(self, ordinal: int) -> None:
        """Start one, and return when it is ready."""
        environ = {"FRONTDOOR_ROUTING_ORDINAL": str(ordinal), "FRONTDOOR_ROUTING_COUNT": str(ROUTERS)}
        stack = self._stacks[ordinal] = AsyncExitStack()
        self._children[ordinal] = await stack.enter_async_context(self._pods.run("routing", environ=environ))

    async def end(self, ordinal: int, how: signal.Signals) -> None:
        """Send a signal that ends it, and return when it has ended."""
        child = self._children.pop(ordinal)
        if how is signal.SIGKILL:
            child.kill()
        await self._stacks.pop(ordinal).aclose()

    async def end_all(self) -> None:
        """End whatever runs."""
        for ordinal in list(self._children):
            await self.end(ordinal, signal.SIGTERM)


@asynccontextmanager
async def _stage(folder: Path, bus: Bus) -> AsyncIterator[tuple[Pulse, Routers]]:
    center = Center(1, 1)
    pods = Pods(folder, bus, public_port=free_port(), carrier_port=free_port())
    routers = Routers(pods)
    async with KafkaBus(bus.bootstrap, PARTITIONS, bus.prefix) as log:
        await publish_tenant(log, center.cells[0].config, SystemClock())
        pulse = Pulse(log, center)
        tasks = [asyncio.create_task(pulse.beat()), asyncio.create_task(pulse.listen())]
        try:
            yield pulse, routers
        finally:
            await routers.end_all()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
