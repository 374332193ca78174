"""How far a process is behind the logs that it reads, in records and in seconds.

`FollowedBus` is the bus that it is given, and notes how far each reader has come. `LogLag` asks every few seconds where
the logs end. What was there at an earlier look and is still unread has waited at least since then: so the age of the
oldest unread record is known without reading it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from schemas.errors import BusUnavailable
from schemas.topics import DECISIONS, INTAKE
from services.runtime.bus import Bounds, Bus, GroupReader, Message, Place, Reader, Record
from services.runtime.clock import Clock
from services.runtime.telemetry import LOG_BEHIND_RECORDS, LOG_BEHIND_SECONDS, Metrics

LOOK_S: Final = 5.0  # each look is one question to the bus for each partition that is read
LOOKS_MAX: Final = 1000  # remembered of a partition that is not read on; beyond: the newest gives way
_FOLLOWED: Final = frozenset({INTAKE.name, DECISIONS.name})

Sleep = Callable[[float], Awaitable[None]]
Positions = dict[Place, int | None]


class FollowedBus:
    """A `Bus` that knows how far its readers have come."""

    def __init__(self, bus: Bus) -> None:
        self.partitions = bus.partitions
        self._bus = bus
        self._open: list[Positions] = []

    def positions(self) -> Positions:
        """Return the next offset of each place that is read now, of the reader that is furthest.

        None for a place that a member of a group was given and has read nothing of yet.
        """
        found: Positions = {}
        for positions in self._open:
            for place, offset in positions.items():
                known = found.get(place)
                found[place] = offset if known is None else max(known, offset or 0)
        return found

    async def publish(self, topic: str, partition: int, messages: Sequence[Message]) -> Sequence[int]:
        """Append; see `Bus.publish`."""
        return await self._bus.publish(topic, partition, messages)

    async def bounds(self, place: Place) -> Bounds:
        """Return where a partition begins and ends; see `Bus.bounds`."""
        return await self._bus.bounds(place)

    @asynccontextmanager
    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator[Reader]:
        """Open a reader; see `Bus.read`."""
        async with self._bus.read(starts) as reader:
            with self._noted(dict(starts)) as positions:
                yield _FollowedReader(reader, positions)

    @asynccontextmanager
    async def join(self, group: str, topics: Sequence[str]) -> AsyncIterator[GroupReader]:
        """Join a group; see `Bus.join`."""
        async with self._bus.join(group, topics) as member:
            with self._noted({}) as positions:
                yield _FollowedMember(member, positions)

    @contextmanager
    def _noted(self, positions: Positions) -> Iterator[Positions]:
        self._open.append(positions)
        try:
            yield positions
        finally:
            self._open = [other for other in self._open if other is not positions]


class _FollowedReader:
    def __init__(self, reader: Reader, positions: Positions) -> None:
        self._reader = reader
        self._positions = positions

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        records = await self._reader.fetch(records_max=records_max, wait_s=wait_s)
        for record in records:
            self._positions[record.place] = record.offset + 1
        return records

    def position(self, place: Place) -> int:
        return self._reader.position(place)

    def add(self, place: Place, offset: int) -> None:
        self._reader.add(place, offset)
        self._positions[place] = offset

    def remove(self, place: Place) -> None:
        self._reader.remove(place)
        self._positions.pop(place, None)


class _FollowedMember:
    def __init__(self, member: GroupReader, positions: Positions) -> None:
        self._member = member
        self._positions = positions

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        records = await self._member.fetch(records_max=records_max, wait_s=wait_s)
        held = self._member.assigned()
        for place in self._positions.keys() - held:
            del self._positions[place]
        for place in held - self._positions.keys():
            self._positions[place] = None
        for record in records:
            if record.place in held:
                self._positions[record.place] = record.offset + 1
        return records

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        await self._member.commit(offsets)

    def assigned(self) -> frozenset[Place]:
        return self._member.assigned()

    def visit(self, place: Place) -> int:
        return self._member.visit(place)


class LogLag:
    """The lag of one process, which reads through `bus`."""

    def __init__(self, bus: FollowedBus, *, process: str, metrics: Metrics, clock: Clock) -> None:
        self._bus = bus
        self._process = process
        self._metrics = metrics
        self._clock = clock
        self._looks: dict[Place, deque[tuple[float, int]]] = {}  # when, and where the log ended then; unread ones
        self._ends: dict[Place, int] = {}
        self._begun: dict[Place, int] = {}  # where the log ended when a member was given the place
        self._shown: set[Place] = set()

    async def keep(self, *, sleep: Sleep = asyncio.sleep) -> None:
        """Look again and again until cancelled."""
        while True:
            await sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Measure once. While the bus does not answer, what is known to be unread grows older."""
        try:
            for place in sorted(self._positions()):
                self._note(place, (await self._bus.bounds(place)).end)
        except BusUnavailable:
            pass  # whoever needs the bus says so
        positions = self._positions()
        for place in self._shown - positions.keys():
            self._forget(place)
        for place, position in positions.items():
            if place in self._ends:
                self._show(place, position)

    def _positions(self) -> Mapping[Place, int | None]:
        return {place: offset for place, offset in self._bus.positions().items() if place.topic in _FOLLOWED}

    def _note(self, place: Place, end: int) -> None:
        looks = self._looks.setdefault(place, deque())
        self._ends[place] = end
        if looks and looks[-1][1] >= end:
            return
        if len(looks) >= LOOKS_MAX:
            looks.pop()
        looks.append((self._clock.monotonic(), end))

    def _show(self, place: Place, position: int | None) -> None:
        looks = self._looks[place]
        end = self._ends[place]
        if position is None:  # not known before its first record: take it for the end as it was at the first look
            position = self._begun.setdefault(place, end)
        else:
            self._begun.pop(place, None)
        while looks and looks[0][1] <= position:
            looks.popleft()
        behind_s = self._clock.monotonic() - looks[0][0] if looks else 0.0
        labels = self._labels(place)
        self._metrics.set(LOG_BEHIND_SECONDS, behind_s, **labels)
        self._metrics.set(LOG_BEHIND_RECORDS, max(0, end - position), **labels)
        self._shown.add(place)

    def _forget(self, place: Place) -> None:
        self._shown.remove(place)
        self._looks.pop(place, None)
        self._ends.pop(place, None)
        self._begun.pop(place, None)
        for metric in (LOG_BEHIND_SECONDS, LOG_BEHIND_RECORDS):
            self._metrics.remove(metric, **self._labels(place))

    def _labels(self, place: Place) -> dict[str, str]:
        return {"process": self._process, "topic": place.topic, "partition": str(place.partition)}
