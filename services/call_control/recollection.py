"""Learns who is on the line from what is on the log: at start, and when a partition comes that was elsewhere.

The router's snapshot tells of everyone who was there when it was written, however long they wait, and the decisions
after it tell the rest. What is read here is followed and not performed.
"""

import asyncio
from collections.abc import Iterator

from router.entities import Contact
from router.ownership import Lineage
from router.partition import Partition
from router.state import CellState
from services.call_control.followed import Followed, Line
from services.routing import snapshots
from services.routing.snapshots import Snapshot
from services.runtime.bus import Bounds, Bus
from services.runtime.decisions_reader import DecisionsReader, place
from services.runtime.limits import Limits
from services.runtime.telemetry import LIMIT_REACHED, Metrics, get_logger

_log = get_logger(__name__)


class Recollection:
    """Brings `followed` up to date, a partition at a time."""

    def __init__(self, bus: Bus, *, followed: Followed, limits: Limits, metrics: Metrics) -> None:
        self._bus = bus
        self._followed = followed
        self._limits = limits
        self._metrics = metrics
        self._next: dict[int, int] = {}

    def followed_to(self, partition: int, offset: int) -> None:
        """Note that everything before `offset` has been followed by whoever reads the partition."""
        self._next[partition] = max(offset, self._next.get(partition, 0))

    async def catch_up(self, partition: int) -> int:
        """Follow what is on the log now and was not followed yet; return where the log ended.

        At most `carrier_catch_up_records` are read; if there are more since the snapshot, the oldest are left out and
        that is counted. Callers whom only those told of are unknown until they are offered to an agent again.

        Raises:
            BusUnavailable: try again; following twice is harmless.
        """
        bounds = await self._bus.bounds(place(partition))
        earliest = max(bounds.first, bounds.end - self._limits.carrier_catch_up_records)
        start = self._next.get(partition, -1)
        if start < earliest:
            start = await self._from_snapshot(partition, bounds)
        if start < earliest:
            self._metrics.count(LIMIT_REACHED, limit="carrier_catch_up_records")
            _log.warning("call_control.catch_up_cut", partition=partition, count=earliest - start)
        await self._read(partition, max(start, earliest), bounds.end)
        self.followed_to(partition, bounds.end)
        return bounds.end

    async def _from_snapshot(self, partition: int, bounds: Bounds) -> int:
        """Follow who is in the newest snapshot; return the offset from which decisions tell the rest."""
        snapshot = await snapshots.load(self._bus, partition)
        if snapshot is None:
            return bounds.first
        try:
            lines = await asyncio.to_thread(lambda: list(_lines(snapshot)))
        except Exception:  # noqa: BLE001  one that another release wrote: the log tells most of it too
            _log.exception("call_control.snapshot_unreadable", partition=partition)
            return bounds.first
        for line in lines:
            self._followed.recall(line)
        return max(snapshot.decisions_next, bounds.first)

    async def _read(self, partition: int, start: int, end: int) -> None:
        if start >= end:
            return
        async with DecisionsReader(self._bus, partitions=[partition], starts={partition: start}) as reader:
            while reader.next_offset(partition) < end:
                for decided in await reader.fetch():
                    for decision in decided.step.decisions:
                        self._followed.follow(decided.step.cell, decision)


def _lines(snapshot: Snapshot) -> Iterator[Line]:
    lineage = Lineage(snapshot.epoch, snapshot.seq)
    partition = Partition.restore("call_control", snapshot.image, lineage=lineage, intake_next=snapshot.intake_next)
    for engine in partition.engines.values():
        fences = _fences(engine.state)
        for contact in engine.state.contacts.values():
            if contact.item_id is not None and not contact.leg_gone:
                yield _line(engine.state, contact, fences.get(contact.contact_id, 0))


def _fences(state: CellState) -> dict[str, int]:
    fences: dict[str, int] = {}
    for reservation in state.reservations.values():
        fences[reservation.contact_id] = max(reservation.fence, fences.get(reservation.contact_id, 0))
    return fences


def _line(state: CellState, contact: Contact, fence: int) -> Line:
    item = state.items.get(contact.item_id) if contact.item_id is not None else None
    held = state.reservations.get(item.reservation_id) if item is not None and item.reservation_id else None
    return Line(
        contact.contact_id,
        state.cell,
        contact.tenant,
        account=contact.account,
        call=contact.call,
        number=contact.number,
        language=item.language if item is not None else contact.language,
        intent=item.intent if item is not None else contact.intent,
        urgency=item.urgency if item is not None else contact.urgency,
        fence=fence,
        connect_by=held.expires_at if held is not None else None,
        joining_again=True,  # perhaps; so the next move of theirs looks first
    )
