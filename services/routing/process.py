"""The routing process."""

from services.routing.worker import RoutingWorker
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.process import Process
from services.runtime.telemetry import Metrics


def build(bus: Bus, *, clock: Clock, metrics: Metrics, name: str) -> Process:
    """Build the process; `name` is unique to it and its incarnation."""
    worker = RoutingWorker(bus, clock=clock, metrics=metrics, name=name)
    return Process(
        name="routing",
        loops=(worker.run,),
        not_ready=lambda: None if worker.owns_all else "not every partition is owned",
        finish=worker.save_snapshots,
    )
