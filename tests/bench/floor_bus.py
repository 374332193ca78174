"""Bare publish, consume, publish, consume on a bus, as a process; prints each journey in milliseconds as JSON.

`python -m tests.bench.floor_bus FOLDER RATE SECONDS [BOOTSTRAP PREFIX]`: embedded without a bootstrap, else Kafka.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import uvloop

from schemas.topics import DECISIONS, INTAKE
from services.runtime.bus import Bus, Message, Place
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.kafka_bus import KafkaBus

PARTITIONS = 4
VALUE = b"x" * 1100  # as long as the fact of a hand-off and its envelope
WARM_UP_S = 2.0


async def measure(bus: Bus, rate: float, seconds: float) -> list[float]:
    """Send records at a fixed rate through both topics; return how long each took, in milliseconds."""
    sent: list[float] = []
    journeys: list[float] = []
    wanted = round(rate * (seconds + WARM_UP_S))
    starts = {topic: (await bus.bounds(Place(topic, 0))).end for topic in (INTAKE.name, DECISIONS.name)}
    relaying = asyncio.create_task(_relay(bus, starts[INTAKE.name], wanted))
    arriving = asyncio.create_task(_arrive(bus, starts[DECISIONS.name], wanted, sent, journeys))
    publishes = []
    await asyncio.sleep(0.5)  # both readers are there
    began = time.perf_counter()
    for number in range(wanted):
        await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
        sent.append(time.perf_counter())
        publishes.append(asyncio.create_task(bus.publish(INTAKE.name, 0, [Message(VALUE, key="cell")])))
    await asyncio.gather(relaying, arriving, *publishes)
    return journeys[round(rate * WARM_UP_S) :]


async def _relay(bus: Bus, start: int, wanted: int) -> None:
    async with bus.read({Place(INTAKE.name, 0): start}) as reader:
        while wanted > 0:
            for record in await reader.fetch():
                await bus.publish(DECISIONS.name, 0, [Message(record.value, key="cell")])
                wanted -= 1


async def _arrive(bus: Bus, start: int, wanted: int, sent: list[float], journeys: list[float]) -> None:
    async with bus.read({Place(DECISIONS.name, 0): start}) as reader:
        while len(journeys) < wanted:
            for _ in await reader.fetch():  # in order, so the n-th to arrive is the n-th that was sent
                journeys.append((time.perf_counter() - sent[len(journeys)]) * 1000)


async def main(folder: str, rate: str, seconds: str, bootstrap: str = "", prefix: str = "") -> None:
    """Open the bus, measure, and print."""
    opened = KafkaBus(bootstrap, PARTITIONS, prefix) if bootstrap else EmbeddedBus(Path(folder) / "bus.db", PARTITIONS)
    async with opened as bus:
        sys.stdout.write(json.dumps(await measure(bus, float(rate), float(seconds))))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
