"""What routing shows of the present: who waits and for how long, who is there, and who stays apart without a reason.

Only an owner speaks for a partition, so that over all routers each caller is counted once. A loop of its own looks once
a second, whatever the worker waits for: a gauge that stands still while callers wait would be worse than none.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar

from router import survey
from router.entities import Item
from router.partition import Partition
from router.state import CellState
from schemas.ids import ItemId, QueueName, TenantId
from schemas.routing import Urgency
from services.runtime.clock import Clock
from services.runtime.telemetry import (
    AGENTS,
    CONTACTS_IN_DIALOG,
    ITEMS,
    ITEMS_UNMATCHED,
    LONGEST_WAIT_SECONDS,
    OWNED,
    Metrics,
)

LOOK_EVERY: Final = timedelta(seconds=1)
A_MOMENT: Final = timedelta(seconds=2)  # between an agent's becoming free and the step that says so, on a bad day

Sleep = Callable[[float], Awaitable[None]]
Partitions = Callable[[], Mapping[int, Partition]]
PlaceT = TypeVar("PlaceT")


class Gauges:
    """The gauges of one routing process."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._looked_at: datetime | None = None
        self._apart_since: dict[ItemId, datetime] = {}
        self._urgent_since: dict[ItemId, tuple[Urgency, datetime]] = {}

    async def keep(self, partitions: Partitions, clock: Clock, *, sleep: Sleep = asyncio.sleep) -> None:
        """Observe what `partitions` returns, again and again until cancelled."""
        while True:
            self.observe(partitions(), clock.now())
            await sleep(LOOK_EVERY.total_seconds())

    def observe(self, partitions: Mapping[int, Partition], now: datetime) -> None:
        """Set every gauge to how things stand at `now`; does nothing if it did so less than a second ago.

        `partitions` are all that this process follows. Those that it does not own are shown as such and not looked at.
        """
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < LOOK_EVERY:
            return
        self._looked_at = now
        for number, partition in partitions.items():
            self._metrics.set(OWNED, float(partition.owning), partition=str(number))
        owned = [partition for partition in partitions.values() if partition.owning]
        cells = [engine.state for partition in owned for engine in partition.engines.values()]
        self._count_items(cells)
        self._count_people(cells)
        self._find_unmatched(cells, now)
        self._measure_waits(cells, now)

    def _count_items(self, cells: Iterable[CellState]) -> None:
        self._metrics.clear(ITEMS)
        for (tenant, queue, urgency, state), count in _sum(survey.items_by_place(cell) for cell in cells).items():
            self._metrics.set(ITEMS, count, tenant=tenant, queue=queue, urgency=urgency.word, state=state.value)

    def _count_people(self, cells: Iterable[CellState]) -> None:
        self._metrics.clear(AGENTS)
        for (tenant, status, state), count in _sum(survey.agents_by_place(cell) for cell in cells).items():
            self._metrics.set(AGENTS, count, tenant=tenant, status=status.value, state=state.value)
        self._metrics.clear(CONTACTS_IN_DIALOG)
        for tenant, count in _sum(survey.in_dialog(cell) for cell in cells).items():
            self._metrics.set(CONTACTS_IN_DIALOG, count, tenant=tenant)

    def _find_unmatched(self, cells: Iterable[CellState], now: datetime) -> None:
        apart = [item for cell in cells for item in survey.unmatched(cell, now)]
        self._apart_since = {item.item_id: self._apart_since.get(item.item_id, now) for item in apart}
        self._metrics.clear(ITEMS_UNMATCHED)
        late = Counter((item.tenant, item.queue) for item in apart if now - self._apart_since[item.item_id] >= A_MOMENT)
        for (tenant, queue), count in late.items():
            self._metrics.set(ITEMS_UNMATCHED, count, tenant=tenant, queue=queue)

    def _measure_waits(self, cells: Iterable[CellState], now: datetime) -> None:
        items = [item for cell in cells for item in survey.waiting(cell)]
        self._urgent_since = {item.item_id: self._since(item, now) for item in items}
        longest: dict[tuple[TenantId, QueueName, Urgency], float] = {}
        for item in items:
            place = (item.tenant, item.queue, item.urgency)
            wait_s = (now - self._urgent_since[item.item_id][1]).total_seconds()
            longest[place] = max(wait_s, longest.get(place, 0.0))
        self._metrics.clear(LONGEST_WAIT_SECONDS)
        for (tenant, queue, urgency), wait_s in longest.items():
            self._metrics.set(LONGEST_WAIT_SECONDS, wait_s, tenant=tenant, queue=queue, urgency=urgency.word)

    def _since(self, item: Item, now: datetime) -> tuple[Urgency, datetime]:
        """Return since when the item has waited at its urgency; since it was queued, unless a raise was seen here."""
        urgency, since = self._urgent_since.get(item.item_id, (item.urgency, item.queued_at))
        return (item.urgency, since if urgency is item.urgency else now)


def _sum(counts: Iterable[Counter[PlaceT]]) -> Counter[PlaceT]:
    return sum(counts, Counter[PlaceT]())
