"""The bus of one machine: the semantics of Kafka in one process, durable in one SQLite file.

How a record travels: `publish` hands it to the one writer thread; everything that waits there becomes one transaction
(group commit, so that the cost of an fsync is shared); after COMMIT the event loop learns of it, resolves the
publishers and wakes the readers. Readers near the end are served from memory, older
positions from SQL on a second thread.

Nothing is visible to a reader before it is durable, so nobody acts on a record that a power cut could take back.
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from schemas.errors import BusUnavailable, ConfigurationError, Defect
from services.runtime.bus import Bounds, GroupReader, Message, Place, Reader, Record
from services.runtime.bus_rules import (
    WAITING_BYTES_MAX,
    all_places,
    checked_messages,
    checked_place,
    partitions_of,
    topic_named,
)
from services.runtime.embedded_groups import Group
from services.runtime.embedded_reader import EmbeddedMember, EmbeddedReader
from services.runtime.embedded_retention import keep_trimming
from services.runtime.embedded_store import Append, Commit, Operation, Store, Trim
from services.runtime.embedded_tail import Tail
from services.runtime.embedded_writer import Writer
from services.runtime.secrets_store import private_folder

_OLDER_RECORDS_MAX = 500  # one visit to the read thread, so that one long history does not hold up other readers


class EmbeddedBus:
    """A `Bus` in one SQLite file; an async context manager.

    Args:
        path: The SQLite file. Its folder is made if missing, and locked while the bus is open.
        partitions: How many partitions per-cell topics have; fixed when the file is made.

    Entering raises `ConfigurationError` when the folder is in use or the file was made with other partitions.
    """

    def __init__(self, path: Path, partitions: int) -> None:
        self.partitions = partitions
        self._path = path
        self._store = Store(path, partitions)
        self._tails: dict[Place, Tail] = {}
        self._groups: dict[str, Group] = {}
        self._committed: dict[tuple[str, Place], int] = {}
        self._waiting_bytes = 0
        self._lock: IO[str] | None = None
        self._writer: Writer | None = None
        self._retention: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._lock = _locked(self._path.parent)
        try:
            state = await asyncio.to_thread(self._store.open)
        except BaseException:
            self._lock.close()
            raise
        self._tails = {place: Tail(place, state.places[place]) for place in all_places(self.partitions)}
        self._committed = dict(state.committed)
        self._writer = Writer(self._store, asyncio.get_running_loop(), self._settled)
        self._retention = asyncio.create_task(
            keep_trimming(self._tails, first_younger=self._store.first_younger, trim=self._trim_older)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._retention is not None:
            self._retention.cancel()
            await asyncio.gather(self._retention, return_exceptions=True)
        writer, self._writer = self._writer, None
        if writer is not None:
            await asyncio.to_thread(writer.close)  # flushes: whatever was accepted is committed and answered
        for tail in self._tails.values():
            tail.wake()  # a waiting reader looks again and finds the bus closed
        await asyncio.to_thread(self._store.close)
        if self._lock is not None:
            self._lock.close()

    async def publish(self, topic: str, partition: int, messages: Sequence[Message]) -> Sequence[int]:
        """Append in order; see `Bus.publish`. A caller that is cancelled leaves the records on their way."""
        place = Place(topic, partition)
        size = checked_messages(checked_place(place, self.partitions), messages)
        if not messages:
            return ()
        writer = self._open_writer()
        if self._waiting_bytes + size > WAITING_BYTES_MAX:
            raise BusUnavailable("the disk does not keep up: too much waits to be written")
        self._waiting_bytes += size
        records = await writer.submit(Append(place, tuple(messages), size))
        return [record.offset for record in records]

    async def bounds(self, place: Place) -> Bounds:
        """Return where a partition begins and ends, durable records only."""
        checked_place(place, self.partitions)
        tail = self._tails[place]
        return Bounds(tail.first, tail.end)

    @asynccontextmanager
    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator[Reader]:
        """Open a reader at the given offsets."""
        reader = EmbeddedReader(self)
        try:
            for place, offset in starts.items():
                reader.add(place, offset)
            yield reader
        finally:
            reader.close()

    @asynccontextmanager
    async def join(self, group: str, topics: Sequence[str]) -> AsyncIterator[GroupReader]:
        """Join a consumer group; partitions move at once, without waiting for the member that loses them."""
        places = [
            Place(name, partition)
            for name in topics
            for partition in range(partitions_of(topic_named(name), self.partitions))
        ]
        member = EmbeddedMember(self, group, EmbeddedReader(self))
        share = self._groups.setdefault(group, Group())
        share.join(member, places)
        try:
            yield member
        finally:
            share.leave(member)
            member.reader.close()

    async def trim(self, place: Place, before: int) -> None:
        """Delete the records of a partition below offset `before`, at most up to its end. Not for compacted topics."""
        if checked_place(place, self.partitions).compacted:
            raise Defect(f"topic {place.topic} is compacted: it is never trimmed")
        await self._open_writer().submit(Trim(place, before))

    async def _trim_older(self, place: Place, before: int) -> None:
        if before > self._tails[place].first:
            await self.trim(place, before)

    async def commit(self, group: str, offsets: Mapping[Place, int]) -> None:
        """Store a group's offsets durably; called by its members."""
        await self._open_writer().submit(Commit(group, dict(offsets)))

    def committed(self, group: str, place: Place) -> int:
        """Return where a group goes on: its committed offset, or the partition's beginning."""
        return self._committed.get((group, place), self._tails[place].first)

    def tail(self, place: Place) -> Tail:
        """Return the newest records of a partition."""
        return self._tails[place]

    async def older(self, place: Place, offset: int, *, records_max: int) -> tuple[list[Record], int]:
        """Read records that are no longer in memory; return them and the position after them."""
        return await self._store.read(place, offset, self._tails[place].base, min(records_max, _OLDER_RECORDS_MAX))

    def check_open(self) -> None:
        """Raise `BusUnavailable` when the bus is closed."""
        self._open_writer()

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise BusUnavailable("the bus is closed")
        return self._writer

    def _settled(self, done: Operation, records: Sequence[Record] | None) -> None:
        # Runs on the event loop, in order of commit; None means that nothing was written.
        if isinstance(done, Append):
            self._waiting_bytes -= done.size
        if records is None:
            return
        if isinstance(done, Append):
            self._tails[done.place].append(records)
        elif isinstance(done, Commit):
            self._committed.update({(done.group, place): offset for place, offset in done.offsets.items()})
        else:
            self._tails[done.place].trim(done.before)


def _locked(folder: Path) -> IO[str]:
    private_folder(folder)
    lock = (folder / "lock").open("a", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise ConfigurationError(
            f"the data directory {folder} is in use by another process",
            remedy="Stop that process, or give this one a directory of its own with FRONTDOOR_DATA_DIR",
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")  # for a person who looks; the lock itself is the kernel's
    lock.flush()
    return lock
