"""Readers of the embedded bus: by chosen offsets, and as a member of a group."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from schemas.errors import OffsetGone
from services.runtime.bus import Place, Record
from services.runtime.bus_rules import checked_place
from services.runtime.embedded_groups import Member
from services.runtime.embedded_tail import Tail


class Source(Protocol):
    """What a reader needs of its bus."""

    partitions: int

    def check_open(self) -> None:
        """Raise `BusUnavailable` when the bus is closed."""

    def tail(self, place: Place) -> Tail:
        """Return the newest records of a partition."""

    async def older(self, place: Place, offset: int, *, records_max: int) -> tuple[list[Record], int]:
        """Read records that are no longer in memory; return them and the position after them."""

    def committed(self, group: str, place: Place) -> int:
        """Return where a group goes on."""

    async def commit(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Store a group's offsets durably."""


class EmbeddedReader:
    """A `Reader` of an `EmbeddedBus`. One task at a time may fetch."""

    def __init__(self, bus: Source) -> None:
        self._bus = bus
        self._positions: dict[Place, int] = {}  # the place served last stands last, so that a busy one starves none
        self._waiter: asyncio.Future[None] | None = None

    def add(self, place: Place, offset: int) -> None:
        """Read this partition too, from `offset`; replaces the position if it is read already."""
        checked_place(place, self._bus.partitions)
        self._positions[place] = offset
        self._bus.tail(place).readers[self] = None
        self.wake()

    def remove(self, place: Place) -> None:
        """Stop reading this partition. Unknown places are ignored."""
        if self._positions.pop(place, None) is not None:
            self._bus.tail(place).readers.pop(self, None)

    def position(self, place: Place) -> int:
        """Return the next offset of a place that is read."""
        return self._positions[place]

    def close(self) -> None:
        """Stop listening to the bus."""
        for place in list(self._positions):
            self.remove(place)

    def wake(self) -> None:
        """Let a waiting fetch look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def places(self) -> frozenset[Place]:
        """Return what is read."""
        return frozenset(self._positions)

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        """Return the next records; see `Reader.fetch`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while True:
            records = await self._collect(records_max)
            if records or loop.time() >= deadline:
                return records
            await self._wait(deadline)

    async def _wait(self, deadline: float) -> None:
        # No await between the look at the tails and this future, so no wake-up can fall between them.
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_at(deadline, self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    async def _collect(self, records_max: int) -> list[Record]:
        self._bus.check_open()
        records: list[Record] = []
        for place, offset in list(self._positions.items()):
            tail = self._bus.tail(place)
            if not tail.first <= offset <= tail.end:
                if records:
                    break  # hand these over first; the error comes with the next call
                raise OffsetGone(f"{place.topic}/{place.partition} does not hold offset {offset}")
            if offset < tail.base:
                if records:
                    continue  # it stands first next time, since those served move to the end
                return await self._collect_older(place, records_max)
            found, position = tail.read(offset, records_max - len(records))
            if position > offset:
                self._advance(place, position)
            records.extend(found)
            if len(records) >= records_max:
                break
        return records

    async def _collect_older(self, place: Place, records_max: int) -> list[Record]:
        offset = self._positions[place]
        records, position = await self._bus.older(place, offset, records_max=records_max)
        if self._positions.get(place) == offset and offset >= self._bus.tail(place).first:
            self._advance(place, position)
            if records:
                return records
        return await self._collect(records_max)  # moved, removed, trimmed meanwhile, or compaction left nothing there

    def _advance(self, place: Place, position: int) -> None:
        del self._positions[place]
        self._positions[place] = position


class EmbeddedMember(Member):
    """A `GroupReader` of an `EmbeddedBus`."""

    def __init__(self, bus: Source, group: str, reader: EmbeddedReader) -> None:
        self._bus = bus
        self._group = group
        self._visits: dict[Place, int] = {}
        self.reader = reader

    def hold(self, places: frozenset[Place]) -> None:
        """Take over the member's share; a partition that stays keeps its position."""
        held = self.reader.places()
        for place in held - places:
            self.reader.remove(place)
        for place in sorted(places - held):
            self._visits[place] = self.visit(place) + 1
            self.reader.add(place, self._bus.committed(self._group, place))

    def assigned(self) -> frozenset[Place]:
        """Return what this member holds now."""
        return self.reader.places()

    def visit(self, place: Place) -> int:
        """Return how often this member was given the place."""
        return self._visits.get(place, 0)

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        """Return the next records of the partitions that this member holds."""
        return await self.reader.fetch(records_max=records_max, wait_s=wait_s)

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Store offsets; those of places that moved away are left alone."""
        held = {place: offset for place, offset in offsets.items() if place in self.reader.places()}
        if held:
            await self._bus.commit(self._group, held)
