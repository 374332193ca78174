"""Readers of a Kafka bus: by chosen offsets, and as a member of a group."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)

from schemas.errors import BusUnavailable, OffsetGone
from services.runtime.bus import Place, Record
from services.runtime.bus_rules import checked_place

SILENCE_MAX_S: Final = 5.0
"""A partition is fetched every few milliseconds; no answer for so long means that its broker is away."""

_COMMIT_TIMEOUT_S: Final = 5.0


class KafkaReader:
    """A `Reader`. One task at a time may fetch; `consumer` is started, has no group, and belongs to this reader."""

    def __init__(self, consumer: AIOKafkaConsumer, prefix: str, partitions: int) -> None:
        self._consumer = consumer
        self._prefix = prefix
        self._partitions = partitions
        self._positions: dict[Place, int] = {}
        self._assigned_at_s = 0.0
        self._something_to_read = asyncio.Event()

    def add(self, place: Place, offset: int) -> None:
        """Read this partition too, from `offset`; replaces the position if it is read already."""
        checked_place(place, self._partitions)
        self._positions[place] = offset
        self._assign()

    def remove(self, place: Place) -> None:
        """Stop reading this partition. Unknown places are ignored."""
        if self._positions.pop(place, None) is not None:
            self._assign()

    def position(self, place: Place) -> int:
        """Return the next offset of a place that is read; see `Reader.position`."""
        return self._positions[place]

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        """Return the next records; see `Reader.fetch`."""
        if not self._positions:
            await _pass_time(self._something_to_read, wait_s)
            return ()
        try:
            found = await self._consumer.getmany(timeout_ms=int(wait_s * 1000), max_records=records_max)
        except OffsetOutOfRangeError as error:
            raise OffsetGone(f"an offset that is read does not exist any more: {error.args}") from error
        except (KafkaError, ConsumerStoppedError) as error:
            raise BusUnavailable(f"fetch: {type(error).__name__}") from error
        records: list[Record] = []
        for partition, batch in found.items():
            place = _place(self._prefix, partition)
            records += [_record(place, message) for message in batch]
            self._positions[place] = batch[-1].offset + 1
        if not records:
            _check_answers(self._consumer, since_s=self._assigned_at_s)
            await self._pass_gaps()
        return records

    async def _pass_gaps(self) -> None:
        """Take over where the consumer stands: batches that compaction emptied are passed without a record."""
        for place, offset in list(self._positions.items()):
            if self._positions.get(place) == offset:  # not added again, or removed, meanwhile
                position = await self._consumer.position(_partition(self._prefix, place))
                self._positions[place] = max(offset, position)

    def _assign(self) -> None:
        # aiokafka replaces a whole assignment and forgets all positions with it; records that it has fetched for the
        # old one are thrown away and fetched again.
        partitions = {_partition(self._prefix, place): offset for place, offset in self._positions.items()}
        self._consumer.assign(list(partitions))
        for partition, offset in partitions.items():
            self._consumer.seek(partition, offset)
        self._assigned_at_s = time.time()
        if partitions:
            self._something_to_read.set()
        else:
            self._something_to_read.clear()


class Shares(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Counts how often the group was shared out. `given` tells of each partition which of these gave it to us last."""

    def __init__(self) -> None:
        self.given: dict[TopicPartition, int] = {}
        self._count = 0

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing is to be done: offsets are committed by whoever knows what is dealt with."""

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note what this member was given."""
        self._count += 1
        self.given.update(dict.fromkeys(assigned, self._count))


class KafkaMember:
    """A `GroupReader`; `consumer` is started, has a group, and belongs to this member, as `shares` does."""

    def __init__(self, consumer: AIOKafkaConsumer, prefix: str, shares: "Shares") -> None:
        self._consumer = consumer
        self._prefix = prefix
        self._shares = shares
        self._joined_at_s = time.time()

    async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
        """Return the next records of the partitions that this member holds; see `GroupReader.fetch`."""
        deadline = asyncio.get_running_loop().time() + wait_s
        while True:
            remaining_s = max(0.0, deadline - asyncio.get_running_loop().time())
            try:
                found = await self._getmany(remaining_s, records_max)
            except NoOffsetForPartitionError as error:
                await self._begin(error.args[0])  # this group has never committed here
                continue
            except OffsetOutOfRangeError as error:
                raise OffsetGone(f"a committed offset does not exist any more: {error.args}") from error
            except (KafkaError, ConsumerStoppedError) as error:
                raise BusUnavailable(f"fetch: {type(error).__name__}") from error
            break
        if not found:
            _check_answers(self._consumer, since_s=self._joined_at_s)
        places = {partition: _place(self._prefix, partition) for partition in found}
        return [_record(places[partition], message) for partition, batch in found.items() for message in batch]

    async def commit(self, offsets: Mapping[Place, int]) -> None:
        """Store offsets; those of places that moved away are left alone."""
        wanted = {_partition(self._prefix, place): offset for place, offset in offsets.items()}
        held = {partition: wanted[partition] for partition in self._consumer.assignment() & wanted.keys()}
        if not held:
            return
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT_S):
                await self._consumer.commit(held)
        except (CommitFailedError, IllegalStateError):
            return  # the group is being shared out anew: whoever holds these next repeats them
        except (TimeoutError, KafkaError) as error:
            raise BusUnavailable(f"commit: {type(error).__name__}") from error

    def assigned(self) -> frozenset[Place]:
        """Return what this member holds now."""
        return frozenset(_place(self._prefix, partition) for partition in self._consumer.assignment())

    def visit(self, place: Place) -> int:
        """Return in which sharing out this member was last given the place: each gives all partitions anew."""
        return self._shares.given.get(_partition(self._prefix, place), 0)

    async def _getmany(self, wait_s: float, records_max: int) -> Mapping[Any, Sequence[Any]]:
        try:
            # While the group is being shared out, `getmany` waits without an end of its own.
            async with asyncio.timeout(wait_s + 0.1):
                found: Mapping[Any, Sequence[Any]] = await self._consumer.getmany(
                    timeout_ms=int(wait_s * 1000), max_records=records_max
                )
        except TimeoutError:
            self._joined_at_s = time.time()  # fetching stood still for that reason, not because of the broker
            return {}
        return found

    async def _begin(self, partition: TopicPartition) -> None:
        try:
            await self._consumer.seek_to_beginning(partition)
        except IllegalStateError:
            return  # it has just moved to another member
        except KafkaError as error:
            raise BusUnavailable(f"seek: {type(error).__name__}") from error


def _check_answers(consumer: AIOKafkaConsumer, *, since_s: float) -> None:
    """Raise `BusUnavailable` when a partition that is read has not been answered for: aiokafka only logs that."""
    now_s = time.time()
    for partition in _assignment(consumer):
        answered_ms = consumer.last_poll_timestamp(partition) or 0
        if now_s - max(answered_ms / 1000, since_s) > SILENCE_MAX_S:
            raise BusUnavailable(f"{partition.topic}/{partition.partition} has not answered for {SILENCE_MAX_S:g} s")


def _assignment(consumer: AIOKafkaConsumer) -> Iterable[TopicPartition]:
    return list(consumer.assignment())


async def _pass_time(event: asyncio.Event, wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            await event.wait()
    except TimeoutError:
        return


def _partition(prefix: str, place: Place) -> TopicPartition:
    return TopicPartition(prefix + place.topic, place.partition)


def _place(prefix: str, partition: TopicPartition) -> Place:
    return Place(partition.topic.removeprefix(prefix), partition.partition)


def _record(place: Place, message: Any) -> Record:
    return Record(
        place=place,
        offset=message.offset,
        value=message.value or b"",  # a tombstone: whoever decodes it finds out that there is nothing
        key=None if message.key is None else message.key.decode(errors="replace"),  # others may write here too
        appended_at=datetime.fromtimestamp(message.timestamp / 1000, tz=UTC),
    )
