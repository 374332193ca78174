"""Reads `decisions` as every consumer must: only what counts (DESIGN 3.1 item 3), in order, from any place.

A reader that starts in the middle first goes back to the claim that the record before its start names as its epoch,
and reads forward from there without handing anything on, so that it knows which owner counts.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from router.ownership import Lineage
from schemas.decisions import Claim, DecisionRecord, Step
from schemas.errors import BusUnavailable, MalformedInput, OffsetGone
from schemas.topics import DECISIONS
from services.runtime.bus import Bus, GroupReader, Place, Reader, Record
from services.runtime.codec import decode_decision


@dataclass(frozen=True, slots=True)
class Decided:
    """A step that counts. Decision i of it has the position `schemas.decisions.position(offset, i)`."""

    place: Place
    offset: int
    time: datetime
    step: Step


def place(partition: int) -> Place:
    """Return the partition of `decisions` as a place."""
    return Place(DECISIONS.name, partition)


class DecisionsReader:
    """Hands on the steps that count, of some partitions, each from its start or from its beginning.

    An asynchronous context manager: it reads only within its block.
    """

    def __init__(self, bus: Bus, *, partitions: Iterable[int], starts: Mapping[int, int] | None = None) -> None:
        self._bus = bus
        self._starts = {partition: (starts or {}).get(partition) for partition in partitions}
        self._stack = AsyncExitStack()
        self._reader: Reader
        self._lineages: dict[int, Lineage] = {}
        self._next: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        async with self._stack as stack:
            self._reader = await stack.enter_async_context(self._bus.read({}))
            for partition, start in self._starts.items():
                await self.add(partition, start)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._stack.aclose()

    async def add(self, partition: int, start: int | None = None) -> None:
        """Read this partition too, from `start`, or from its beginning if that is None.

        Raises:
            OffsetGone: retention has passed `start`.
        """
        first = (await self._bus.bounds(place(partition))).first
        start = first if start is None else start
        if start < first:
            raise OffsetGone(f"{place(partition)} does not hold offset {start} any more; its first is {first}")
        self._lineages[partition] = await lineage_before(self._bus, partition, start)
        self._next[partition] = start
        self._reader.add(place(partition), start)

    def next_offset(self, partition: int) -> int:
        """Return the offset after the last one that was looked at."""
        return self._next[partition]

    async def fetch(self, *, wait_s: float = 1.0, records_max: int = 500) -> list[Decided]:
        """Return the next steps that count; empty after `wait_s`, or when none of what came counts."""
        records = await self._reader.fetch(records_max=records_max, wait_s=wait_s)
        decided = []
        for record in records:
            self._next[record.place.partition] = record.offset + 1
            step = _admit(self._lineages[record.place.partition], record)
            if step is not None:
                decided.append(Decided(record.place, record.offset, step.decided_at, step))
        return decided


class GroupDecisionsReader:
    """The same for a member of a consumer group, who commits what has been dealt with."""

    def __init__(self, bus: Bus, group: str) -> None:
        self._bus = bus
        self._name = group
        self._stack = AsyncExitStack()
        self._group: GroupReader
        self._lineages: dict[int, tuple[Lineage, int]] = {}
        self._unread: deque[Record] = deque()  # fetched, and not looked at yet

    async def __aenter__(self) -> Self:
        self._group = await self._stack.enter_async_context(self._bus.join(self._name, [DECISIONS.name]))
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._stack.aclose()

    async def fetch(self, *, wait_s: float = 1.0, records_max: int = 500) -> list[Decided]:
        """Return the next steps that count; empty after `wait_s`, or when none of what came counts.

        Raises `BusUnavailable` with nothing lost: the next call goes on where this one stood.
        """
        if not self._unread:
            self._unread.extend(await self._group.fetch(records_max=records_max, wait_s=wait_s))
        decided: list[Decided] = []
        while self._unread:
            record = self._unread[0]
            try:
                lineage = await self._lineage(record)
            except BusUnavailable:
                if decided:
                    break
                raise
            self._unread.popleft()
            self._lineages[record.place.partition] = (lineage, record.offset + 1)
            step = _admit(lineage, record)
            if step is not None:
                decided.append(Decided(record.place, record.offset, step.decided_at, step))
        return decided

    def next_offset(self, partition: int) -> int:
        """Return the offset after the last one that was looked at; to be committed once all before is dealt with."""
        return self._lineages[partition][1]

    def visit(self, partition: int) -> int:
        """Return a number that grows when the partition may have been elsewhere meanwhile; see `GroupReader.visit`."""
        return self._group.visit(place(partition))

    async def _lineage(self, record: Record) -> Lineage:
        """Return the lineage up to a record; sought anew when the partition was elsewhere meanwhile."""
        partition = record.place.partition
        known, follows = self._lineages.get(partition, (None, -1))
        if known is None or follows != record.offset:
            known = await lineage_before(self._bus, partition, record.offset)
            self._lineages[partition] = (known, record.offset)
        return known

    async def commit(self, offsets: Mapping[int, int]) -> None:
        """Store the next offset of each partition."""
        await self._group.commit({place(partition): offset for partition, offset in offsets.items()})


async def lineage_before(bus: Bus, partition: int, start: int) -> Lineage:
    """Return which owner counts just before `start`."""
    lineage = Lineage()
    first = (await bus.bounds(place(partition))).first
    if start <= first:
        return lineage
    epoch = first
    for record in await _range(bus, partition, start - 1, start):
        data = read(record)
        if data is not None:
            epoch = max(first, record.offset if isinstance(data, Claim) else data.epoch)
    for record in await _range(bus, partition, epoch, start):
        _admit(lineage, record)
    return lineage


async def _range(bus: Bus, partition: int, start: int, end: int) -> Sequence[Record]:
    records: list[Record] = []
    position = start
    async with bus.read({place(partition): start}) as reader:
        while position < end:
            fetched = await reader.fetch()
            records += [record for record in fetched if record.offset < end]
            position = max((record.offset + 1 for record in fetched), default=position)
    return records


def read(record: Record) -> DecisionRecord | None:
    """Decode a record of `decisions`; None for what no reader can read."""
    try:
        return decode_decision(record.value).data
    except MalformedInput:
        return None


def _admit(lineage: Lineage, record: Record) -> Step | None:
    data = read(record)
    if data is None or not lineage.admit(record.offset, data):
        return None
    return data if isinstance(data, Step) else None
