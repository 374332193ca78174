"""The routing process alone on Kafka, and the two logs as everyone else meets them."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from schemas.decisions import Step
from schemas.topics import DECISIONS, INTAKE, partition_of
from services.runtime.bus import Message, Place, Reader
from services.runtime.clock import SystemClock
from services.runtime.codec import decode_decision, encode
from services.runtime.kafka_bus import KafkaBus
from services.runtime.tenants import publish_tenant
from tests.bench.center import Center, Told
from tests.bench.pods import PARTITIONS, Pods
from tests.bench.processes import Child, free_port
from tests.bench.system import Bus

PATIENCE_S = 60.0

Offsets = list[int]


class Routing:
    """The running process with every agent of the center available."""

    def __init__(self, child: Child, bus: KafkaBus, reader: Reader, center: Center) -> None:
        self.child = child
        self.center = center
        self.reader = reader  # of `decisions`, all partitions
        self._bus = bus

    async def tell(self, told: Sequence[Told]) -> None:
        """Publish facts, each partition's in order."""
        by_partition: defaultdict[int, list[Message]] = defaultdict(list)
        for one in told:
            message = Message(encode(one.fact), key=one.fact.cell)
            by_partition[partition_of(one.fact.cell, PARTITIONS)].append(message)
        await asyncio.gather(*(self._bus.publish(INTAKE.name, place, some) for place, some in by_partition.items()))

    async def decided(self, awaited: Counter[str]) -> list[bytes]:
        """Read until so many decisions of each type are there; they are counted without being decoded."""
        found: list[bytes] = []
        seen: Counter[str] = Counter()
        async with asyncio.timeout(PATIENCE_S):
            while seen != awaited:
                for record in await self.reader.fetch():
                    found.append(record.value)
                    seen.update({kind: record.value.count(f'"type":"{kind}"'.encode()) for kind in awaited})
        return found

    def answers(self, values: Sequence[bytes]) -> list[Told]:
        """Return what people and carrier answer to all that was decided in these records."""
        steps = [record for value in values if isinstance(record := decode_decision(value).data, Step)]
        return [told for step in steps for made in step.decisions for told in self.center.answers(step.cell, made)]

    async def sign_in(self) -> None:
        """Make every agent available, and return when it is decided."""
        told = self.center.sign_ins()
        await self.tell(told)
        missing = {one.fact.subject for one in told}
        async with asyncio.timeout(PATIENCE_S):
            while missing:
                for record in await self.reader.fetch():
                    step = decode_decision(record.value).data
                    for made in step.decisions if isinstance(step, Step) else ():
                        if made.type == "agent.changed" and made.status == "available":
                            missing.discard(made.agent_id)

    async def ends(self) -> Offsets:
        """Return where `intake` ends, by partition."""
        return [(await self._bus.bounds(Place(INTAKE.name, number))).end for number in range(PARTITIONS)]


@asynccontextmanager
async def routed(folder: Path, bus: Bus, center: Center) -> AsyncIterator[Routing]:
    """Run the process until the end of the block."""
    pods = Pods(folder, bus, public_port=free_port(), carrier_port=free_port())
    async with KafkaBus(bus.bootstrap, PARTITIONS, bus.prefix, publish_timeout_s=PATIENCE_S) as kafka:
        for cell in center.cells:
            await publish_tenant(kafka, cell.config, SystemClock())
        starts = {Place(DECISIONS.name, number): 0 for number in range(PARTITIONS)}
        async with pods.run("routing") as child, kafka.read(starts) as reader:
            running = Routing(child, kafka, reader, center)
            await running.sign_in()
            yield running
