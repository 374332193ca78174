"""The records process: no routes of its own, one loop that folds and one that exports."""

from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncEngine

from services.records.export import keep_exporting
from services.records.store import Store
from services.records.worker import RecordsWorker
from services.runtime.bus import Bus
from services.runtime.decisions_reader import DecisionsReader
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.telemetry import Metrics


def build(
    *,
    bus: Bus,
    engine: AsyncEngine,
    metrics: Metrics,
    limits: Limits | None = None,
    partitions: Iterable[int] | None = None,
) -> Process:
    """Return the process that folds `partitions` (None: all of them) into the database behind `engine`.

    Every partition must be given to exactly one process. The one with partition 0 exports the business counters, so
    that their sum over all processes is right.
    """
    limits = limits or Limits()
    mine = tuple(range(bus.partitions)) if partitions is None else tuple(partitions)
    store = Store(engine)
    worker = RecordsWorker(
        bus=bus,
        store=store,
        open_steps=lambda starts: DecisionsReader(bus, partitions=mine, starts=starts),
        partitions=mine,
        metrics=metrics,
        limits=limits,
    )

    async def export() -> None:
        await keep_exporting(engine, metrics)

    def not_ready() -> str | None:
        return None if worker.trouble is None else f"the {worker.trouble} does not answer"

    loops = (worker.run, export) if 0 in mine else (worker.run,)
    return Process(name="records", vital=False, loops=loops, not_ready=not_ready, finish=store.close)
