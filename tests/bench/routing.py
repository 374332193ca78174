"""Routing on Kafka: how many facts a core turns into decisions, and how soon a decision is there."""

import json
import random
import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from services.runtime.kafka_bus import KafkaBus
from tests.bench.center import STAGES, Center, Told
from tests.bench.figures import Figure, quantile
from tests.bench.floor_loop import OUT
from tests.bench.journeys import decided_ms, relayed_ms
from tests.bench.measures import JUDGED, Size
from tests.bench.pods import PARTITIONS
from tests.bench.processes import output_of, python
from tests.bench.routed import Offsets, Routing, routed
from tests.bench.system import Bus

CELLS = 8  # two a partition
WAVE_CALLS = 30  # begin in each cell with each backlog
AGENTS_EACH = WAVE_CALLS * STAGES  # calls of all stages but the first are with agents; the other agents are free
FACTS_PER_S = 200.0
BARE_SHARE_MIN = 0.6
P99_RATIO_MAX = 1.5
SEED = 1
LOOPS = 3  # runs of each bare loop

Words = tuple[str, str]
BARE: Words = ("floor_loop", "drain")
BATCHES: Words = ("floor_faststream", "batches")
EACH: Words = ("floor_faststream", "each")


class Drained(NamedTuple):
    """What a loop has done."""

    facts: int
    cpu_s: float
    seconds: float

    @property
    def per_core_s(self) -> float:
        """Facts that one core takes in a second."""
        return self.facts / self.cpu_s

    @property
    def per_s(self) -> float:
        """Facts a second by the clock on the wall."""
        return self.facts / self.seconds


async def routing(folder: Path, size: Size, bus: Bus) -> list[Figure]:
    """Drain a backlog beside bare loops that drain the same one; then facts one by one beside a bare relay."""
    # Before and after, so that a disturbance of the machine meets both.
    floor_ms = await relayed_ms(bus, "before", FACTS_PER_S, size.floor_seconds)
    async with routed(folder, bus, Center(CELLS, AGENTS_EACH)) as running:
        starts, drained = await _drain(running, waves=max(round(size.seconds / 2), 2))
        ends = await running.ends()
        floors = {words: await _loops(words, bus, starts, ends) for words in (BARE, BATCHES, EACH)}
        ours_ms = await decided_ms(running, FACTS_PER_S, size.seconds)
    floor_ms += await relayed_ms(bus, "after", FACTS_PER_S, size.floor_seconds)
    return [*_throughputs(drained, floors), *_latencies(ours_ms, floor_ms)]


async def _drain(running: Routing, waves: int) -> tuple[Offsets, Drained]:
    """Let the process meet backlogs, one after the other; it stands still while one is made.

    What people answer depends on what was decided, so no backlog holds a whole call: each holds one stage of many
    calls, all stages side by side. Returns where on `intake` the measured backlogs begin, and what they took in all.
    """
    told: list[Told] = []
    for _ in range(STAGES):  # until calls of every stage are there
        told, _spent = await _wave(running, told)
    starts = await running.ends()
    spent = []
    for _ in range(waves):
        told, one = await _wave(running, told)
        spent.append(one)
    facts, cpu_s, seconds = zip(*spent, strict=True)
    return starts, Drained(sum(facts), sum(cpu_s), sum(seconds))


async def _wave(running: Routing, answers: list[Told]) -> tuple[list[Told], Drained]:
    center = running.center
    calls = [center.call(cell) for cell in center.cells for _ in range(WAVE_CALLS)]
    told = _mixed([*calls, *([answer] for answer in answers)])
    running.child.stand_still()
    await running.tell(told)
    cpu_s, began = running.child.cpu_s(), time.perf_counter()
    running.child.go_on()
    values = await running.decided(Counter(one.awaits for one in told if one.awaits))
    spent = Drained(len(told), running.child.cpu_s() - cpu_s, time.perf_counter() - began)
    return running.answers(values), spent


def _mixed(runs: Sequence[Sequence[Told]]) -> list[Told]:
    """Return all facts in a mixed order that keeps each run's own."""
    owners = [number for number, run in enumerate(runs) for _ in run]
    random.Random(SEED).shuffle(owners)
    rest = [deque(run) for run in runs]
    return [rest[owner].popleft() for owner in owners]


async def _loops(words: Words, bus: Bus, starts: Offsets, ends: Offsets) -> Drained:
    """Return the middle one of some runs of a bare loop: each is short."""
    async with KafkaBus(bus.bootstrap, PARTITIONS, OUT):  # makes its topics
        pass
    command = python(*words, bus.bootstrap, bus.prefix, json.dumps(starts), json.dumps(ends))
    runs = [Drained(**json.loads(await output_of(command))) for _ in range(LOOPS)]
    return sorted(runs, key=lambda run: run.per_core_s)[LOOPS // 2]


def _throughputs(drained: Drained, floors: Mapping[Words, Drained]) -> list[Figure]:
    beside = [
        _beside("facts a second and core, routing, backlog", drained, floors[BARE], 1 / BARE_SHARE_MIN,
                "a bare aiokafka loop, same codec, same facts and decisions"),
        _beside("  beside FastStream", drained, floors[EACH], 1.0, "the loop with FastStream, a handler of one fact"),
        _beside("  beside FastStream in batches", drained, floors[BATCHES], None, "the loop with FastStream, batches"),
    ]  # fmt: skip
    wall = Figure(
        name="  by the clock on the wall", value=drained.per_s, unit="/s", more=True, floor=floors[BARE].per_s,
        floor_name="the bare loop",
    )  # fmt: skip
    return [*beside, wall]


def _beside(name: str, drained: Drained, loop: Drained, ratio_max: float | None, floor_name: str) -> Figure:
    return Figure(
        name=name, value=drained.per_core_s, unit="/s", more=True, floor=loop.per_core_s, floor_name=floor_name,
        ratio_max=ratio_max,
    )  # fmt: skip


def _latencies(ours_ms: Sequence[float], floor_ms: Sequence[float]) -> list[Figure]:
    return [
        Figure(
            name=f"intake to decision p{share * 100:.0f}, {FACTS_PER_S:g} facts/s",
            value=quantile(ours_ms, share),
            unit="ms",
            floor=quantile(floor_ms, share),
            floor_name="a bare relay between the same two processes, same rate",
            ratio_max=P99_RATIO_MAX if share == JUDGED else None,
        )
        for share in (0.5, 0.95, JUDGED)
    ]
