"""The bus port: partitioned, ordered, durable logs.

Two implementations, held to one contract by `tests/contract/test_bus.py`: `embedded_bus` (one process, SQLite) and
`kafka_bus` (any Kafka). Nothing else in the system knows which one it has.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Message:
    """What is published. `key` is an id and never patient data; None in a compacted topic is a defect."""

    value: bytes = field(repr=False)
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """What is read. `repr` leaves the value out: privacy by default."""

    place: Place
    offset: int
    value: bytes = field(repr=False)
    key: str | None = None
    appended_at: datetime | None = None


class Reader(Protocol):
    """Reads chosen partitions in order, from chosen offsets, without a group."""

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        """Return the next records, in order within each partition; empty after `wait_s` without any.

        Raises `BusUnavailable` when the bus does not answer; the position is kept, so that calling again is safe. An
        offset that retention has passed is an error (`OffsetGone`), never a silent jump.
        """

    def position(self, place: Place) -> int:
        """Return the next offset of a place that is read: after what was handed over, and after a compaction's gap.

        So a fetch that returns nothing is told from a partition that is at its end. A gap is passed at the latest by
        the next fetch. Raises `KeyError` for a place that is not read.
        """

    def add(self, place: Place, offset: int) -> None:
        """Read this partition too, from `offset`; replaces the position if it is read already."""

    def remove(self, place: Place) -> None:
        """Stop reading this partition. Unknown places are ignored."""


class GroupReader(Protocol):
    """Reads a share of the partitions of some topics, with other members of its group."""

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        """Return the next records of the partitions that this member holds.

        A partition starts at its committed offset, or at its beginning. After a partition moved here, its records may
        repeat from the last commit: handlers are idempotent.
        """

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Store the next offset to read of each place. A place that this member no longer holds is left alone."""

    def assigned(self) -> frozenset[Place]:
        """Return what this member holds now."""

    def visit(self, place: Place) -> int:
        """Return a number that grows whenever this member may have been given the place anew; 0 before the first time.

        While it stays the same, no other member has read the place. It may grow without that, never the other way.
        """


class Bounds(NamedTuple):
    """The first offset that is still there, and the offset that the next record will get."""

    first: int
    end: int


class Bus(Protocol):
    """Ordered, durable logs."""

    partitions: int
    """How many partitions the per-cell topics have."""

    async def publish(self, topic: str, partition: int, messages: Sequence[Message]) -> Sequence[int]:
        """Append in order; return each record's offset once all of them are durable.

        Calls from one process to one partition are appended in the order they were made. Raises `BusUnavailable` on
        any indefinite outcome: a record may or may not be there, and a later copy of it may still arrive.
        """

    async def bounds(self, place: Place) -> Bounds:
        """Return where a partition begins and ends, as of some instant after the call was made."""

    def read(self, starts: Mapping[Place, int]) -> AbstractAsyncContextManager[Reader]:
        """Open a reader at the given offsets."""

    def join(self, group: str, topics: Sequence[str]) -> AbstractAsyncContextManager[GroupReader]:
        """Join a consumer group."""


__all__ = ["Bounds", "Bus", "GroupReader", "Message", "Place", "Reader", "Record"]
