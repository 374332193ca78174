"""How long records take through `intake`, another process and `decisions`, at a fixed rate whatever comes of them."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import TypeVar

from schemas.decisions import Step
from schemas.topics import DECISIONS, INTAKE
from services.runtime.bus import Message, Place
from services.runtime.codec import decode_decision
from services.runtime.kafka_bus import KafkaBus
from tests.bench.center import Told
from tests.bench.floor_loop import OUT
from tests.bench.pods import PARTITIONS
from tests.bench.processes import output_of, python
from tests.bench.routed import PATIENCE_S, Routing
from tests.bench.system import Bus

WARM_UP_S = 2.0
VALUE_CHARS = 950  # as the fact of a turn or a hand-off and its envelope

T = TypeVar("T")
Arrivals = Sequence[tuple[Hashable, float]]  # what has come back, and when


async def decided_ms(running: Routing, rate: float, seconds: float) -> list[float]:
    """Tell facts one by one, as whole calls bring them; return how long each was under way to its decision."""
    waiting: deque[Told] = deque()  # answers that are due; they go first
    cells = running.center.cells
    begun = 0

    def following() -> Told:
        nonlocal begun
        if not waiting:
            waiting.extend(running.center.call(cells[begun % len(cells)]))
            begun += 1
        return waiting.popleft()

    async def arrived() -> Arrivals:
        records = await running.reader.fetch()
        now = time.perf_counter()
        found: list[tuple[Hashable, float]] = []
        for record in records:
            step = decode_decision(record.value).data
            for made in step.decisions if isinstance(step, Step) else ():
                found.append(((getattr(made, "contact_id", ""), made.type), now))
                waiting.extend(running.center.answers(step.cell, made))
        return found

    return await _journeys_ms(
        rate, seconds, following=following, send=lambda one: running.tell([one]), arrived=arrived,
        key=lambda one: (one.contact, one.awaits) if one.awaits else None,
    )  # fmt: skip


async def relayed_ms(bus: Bus, name: str, rate: float, seconds: float) -> list[float]:
    """Return how long records take through a bare relay; `name` is in front of its topics."""
    prefix = f"{OUT}{name}-"
    count = round(rate * (seconds + WARM_UP_S)) + 1
    numbers = iter(range(count))
    async with KafkaBus(bus.bootstrap, PARTITIONS, prefix) as kafka:
        relaying = asyncio.create_task(output_of(python("floor_loop", "relay", bus.bootstrap, prefix, count)))
        async with kafka.read({Place(DECISIONS.name, number): 0 for number in range(PARTITIONS)}) as reader:

            async def send(number: int) -> None:
                value = f"{number:0{VALUE_CHARS}}".encode()
                await kafka.publish(INTAKE.name, number % PARTITIONS, [Message(value, key="cell")])

            async def arrived() -> Arrivals:
                records = await reader.fetch()
                now = time.perf_counter()
                return [(int(record.value), now) for record in records]

            await send(next(numbers))
            async with asyncio.timeout(PATIENCE_S):
                while not await arrived():  # until the relay is there
                    pass
            found = await _journeys_ms(
                rate, seconds, following=lambda: next(numbers), send=send, arrived=arrived, key=lambda one: one
            )
        await relaying
    return found


async def _journeys_ms(
    rate: float,
    seconds: float,
    *,
    following: Callable[[], T],
    send: Callable[[T], Awaitable[None]],
    arrived: Callable[[], Awaitable[Arrivals]],
    key: Callable[[T], Hashable],
) -> list[float]:
    """Send `following()` again and again; return the milliseconds of those that have a key, after a warm-up."""
    sent: dict[Hashable, float] = {}
    found: list[float] = []
    last = asyncio.Event()
    began = time.perf_counter()

    async def listen() -> None:
        while sent or not last.is_set():
            for name, at in await arrived():
                if (started := sent.pop(name, None)) is not None and started - began > WARM_UP_S:
                    found.append((at - started) * 1000)

    async def told(one: T) -> None:
        if (name := key(one)) is not None:
            sent[name] = time.perf_counter()
        await send(one)

    listening = asyncio.create_task(listen())
    sends = []
    for number in range(round(rate * (seconds + WARM_UP_S))):
        await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
        sends.append(asyncio.create_task(told(following())))
    await asyncio.gather(*sends)
    last.set()
    await asyncio.wait_for(listening, PATIENCE_S)
    return found
