"""The routing process."""

from functools import partial

from services.routing.gauges import Gauges
from services.routing.worker import Post, RoutingWorker
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.telemetry import Metrics


def build(bus: Bus, *, clock: Clock, metrics: Metrics, limits: Limits, name: str, post: Post) -> Process:
    """Build the process; `name` is unique to it and its incarnation."""
    worker = RoutingWorker(bus, clock=clock, metrics=metrics, name=name, post=post, limits=limits)
    return Process(
        name="routing",
        loops=(worker.run, partial(Gauges(metrics).keep, worker.partitions, clock)),
        not_ready=worker.not_ready,
        drain=worker.leave,
        finish=worker.save_snapshots,
    )
