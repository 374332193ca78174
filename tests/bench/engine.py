"""The engine alone, on one core: the cost of a fact by agents and callers, a caller's weight, and a restore."""

import gc
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from router.engine import Engine
from schemas import contacts
from schemas.decisions import ItemConnected
from schemas.intake import FactEnvelope
from schemas.routing import Urgency
from tests.bench.cell import CELL, START, CellAtWork
from tests.bench.figures import Figure, quantile
from tests.bench.measures import KIB, Size
from tests.bench.system import Bus

TALKING_SHARE = 0.5  # of the agents, where nobody waits
JUDGED = (1000, 1000)  # agents, callers who wait
EVENT_US_MAX = 50.0  # 20,000 a second
GROWTH_MAX = 2.0  # a fact with the most agents, beside one with a hundred
WAITING_KIB_MAX = 4.0
RESTORE_S_MAX = 1.0
RESTORED = (5000, 5000)
PROCESS_GC = (20_000, 20, 50)  # the collector's thresholds in our processes, see `services.serving`
_US = 1e6


class Cost(NamedTuple):
    """What facts cost with so many agents and callers; microseconds, and decisions for each fact."""

    agents: int
    waiting: int
    mean_us: float
    p50_us: float
    p99_us: float
    decisions: float


async def engine(_folder: Path, size: Size, _bus: Bus) -> list[Figure]:
    """Facts folded and decided upon, from a dozen agents and nobody waiting to the largest cells."""
    usual = gc.get_threshold()
    gc.set_threshold(*PROCESS_GC)
    try:
        return _measured(size)
    finally:
        gc.set_threshold(*usual)


def _measured(size: Size) -> list[Figure]:
    costs: list[Cost] = []
    for agents in size.engine_agents:
        cell = CellAtWork(agents)
        for waiting in size.engine_waiting:
            cell.fill(agents if waiting else round(agents * TALKING_SHARE), waiting)
            costs.append(_cost(cell, agents, waiting, size.engine_cycles))
        del cell
    floor_us = _floor_us(sum(cost.decisions for cost in costs) / len(costs), size.engine_cycles)
    return [
        *(figure for cost in costs for figure in _figures(cost, floor_us)),
        *_growth(costs),
        _weight(size.engine_waiting[-1]),
        _restored(),
    ]


def _cost(cell: CellAtWork, agents: int, waiting: int, cycles: int) -> Cost:
    cell.work(cycles // 10)
    cell.times_s.clear()
    cell.decisions = 0
    gc.collect()
    gc.freeze()  # as the process does once it has started
    try:
        cell.work(cycles)
    finally:
        gc.unfreeze()
    times_us = [took_s * _US for took_s in cell.times_s]
    count = len(times_us)
    return Cost(
        agents,
        waiting,
        sum(times_us) / count,
        quantile(times_us, 0.5),
        quantile(times_us, 0.99),
        cell.decisions / count,
    )


def _figures(cost: Cost, floor_us: float) -> Iterator[Figure]:
    where = f"{cost.agents} agents, {cost.waiting} waiting"
    judged = (cost.agents, cost.waiting) == JUDGED
    yield Figure(
        name=f"engine, {where}: a fact and what follows", value=cost.mean_us, unit="us", floor=floor_us,
        floor_name="a dict entry and the decisions built", value_max=EVENT_US_MAX if judged else None,
    )  # fmt: skip
    yield Figure(name="  facts a second", value=_US / cost.mean_us, unit="/s")
    yield Figure(name="  p50", value=cost.p50_us, unit="us")
    yield Figure(name="  p99", value=cost.p99_us, unit="us")


def _growth(costs: Sequence[Cost]) -> Iterator[Figure]:
    """Yield how a fact's cost grows from a hundred agents to the most, for each number of callers."""
    few = {cost.waiting: cost for cost in costs if cost.agents == 100}
    most = max(cost.agents for cost in costs)
    for cost in (cost for cost in costs if cost.agents == most and few):
        yield Figure(
            name=f"engine, {most} agents, {cost.waiting} waiting, beside 100 agents", value=cost.mean_us, unit="us",
            floor=few[cost.waiting].mean_us, floor_name="the same with 100 agents", ratio_max=GROWTH_MAX,
        )  # fmt: skip


def _floor_us(decisions: float, cycles: int) -> float:
    """Return what the least costs that a fact needs: an entry of a dict, and its share of decisions built."""
    names = [f"c{number}" for number in range(cycles)]

    def build() -> None:
        kept: dict[str, ItemConnected] = {}
        owed = 0.0
        for name in names:
            owed += decisions
            while owed >= 1.0:
                kept[name] = ItemConnected(item_id=name, contact_id=name, reservation_id=name, agent_id=name)
                owed -= 1.0

    return _least(build, runs=5) / len(names) * _US


def _weight(waiting: int) -> Figure:
    """Return how much memory a caller takes who waits, of so many, in an engine that has done nothing else."""
    agents = JUDGED[0]
    cell = CellAtWork(agents)
    cell.fill(agents, waiting // 10)
    had = cell.waiting
    grown = _grown_by(lambda: cell.fill(agents, waiting))
    kept: list[FactEnvelope] = []
    floor = _grown_by(lambda: _keep(kept, waiting))
    return Figure(
        name=f"engine: memory of a caller who waits, {agents} agents", value=grown / (cell.waiting - had) / KIB,
        unit="KiB", floor=floor / waiting / KIB, floor_name="the two facts of one, kept", value_max=WAITING_KIB_MAX,
    )  # fmt: skip


def _grown_by(act: Callable[[], object]) -> int:
    """Return by how many bytes all objects have grown. The process tells little: it uses freed pages anew."""
    gc.collect()
    tracemalloc.start()
    try:
        act()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def _keep(kept: list[FactEnvelope], callers: int) -> None:
    def keep(data: Any) -> None:
        name = data.contact_id
        kept.append(
            FactEnvelope.around(
                data, id=f"{len(kept):032}", source="/b", subject=name, time=START, cell=CELL, tenant="bench"
            )
        )

    for number in range(callers):
        name = f"kept-{number}"
        keep(contacts.ContactArrived(contact_id=name, carrier="twilio", account="A", call=name, number="+15005550100"))
        keep(contacts.HandedOff(contact_id=name, intent="need.1", urgency=Urgency.ROUTINE, reason="intent"))


def _restored() -> Figure:
    """Return how long an engine takes to stand again from its snapshot's text."""
    agents, waiting = RESTORED
    cell = CellAtWork(agents)
    cell.fill(agents, waiting)
    text = json.dumps(cell.engine.image())
    del cell
    gc.collect()
    parsed_s = _least(lambda: json.loads(text))
    took_s = _least(lambda: Engine.restore(json.loads(text)))
    return Figure(
        name=f"engine: restored with {agents} agents, {waiting} waiting", value=took_s, unit="s", floor=parsed_s,
        floor_name=f"its {len(text) / KIB / KIB:.1f} MiB of JSON parsed", value_max=RESTORE_S_MAX,
    )  # fmt: skip


def _least(act: Callable[[], object], runs: int = 3) -> float:
    """Return the shortest of some runs: what disturbs only ever adds."""
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        act()
        took.append(time.perf_counter() - began)
    return min(took)
