"""The SQLite file of the embedded bus.

A record's rowid is its partition's number and its offset in one integer, so that a partition is one contiguous range of
the table and appending needs no second index.
"""

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from schemas.errors import BusUnavailable, ConfigurationError
from services.runtime.bus import Message, Place, Record
from services.runtime.bus_rules import all_places, topic_named
from services.runtime.embedded_tail import PlaceState

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS places (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    first INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition));
CREATE TABLE IF NOT EXISTS records (id INTEGER PRIMARY KEY, key TEXT, value BLOB NOT NULL,
    appended_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS committed (consumers TEXT NOT NULL, place INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (consumers, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS shape (partitions INTEGER NOT NULL);
DELETE FROM shape;
"""
_OFFSET_BITS: Final = 44  # 17 million million records a partition; leaves room for half a million partitions
_READ_BYTES_MAX: Final = 4 * 1024 * 1024
_CACHE_KIB: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Append:
    """Records for one partition, and their size in bytes."""

    place: Place
    messages: tuple[Message, ...] = field(repr=False)
    size: int


@dataclass(frozen=True, slots=True)
class Commit:
    """The next offsets that a consumer group will read."""

    group: str
    offsets: Mapping[Place, int]


@dataclass(frozen=True, slots=True)
class Trim:
    """Delete what stands below an offset."""

    place: Place
    before: int


Operation = Append | Commit | Trim


@dataclass(slots=True)
class State:
    """What the file held when it was opened."""

    places: dict[Place, PlaceState]
    committed: dict[tuple[str, Place], int]


class Store:
    """The file. `write` belongs to one thread; `read` brings its own."""

    def __init__(self, path: Path, partitions: int) -> None:
        self._path = path
        self._partitions = partitions
        self._numbers: dict[Place, int] = {}
        self._places: dict[Place, PlaceState] = {}
        self._in_doubt = False  # whether `_places` may tell of records that were not written
        self._connection: sqlite3.Connection | None = None
        self._reading: sqlite3.Connection | None = None
        self._read_thread: ThreadPoolExecutor | None = None

    def open(self) -> State:
        """Open or make the file; raises `ConfigurationError` when it is unfit."""
        self._path.touch(mode=0o600)
        try:
            self._connection = self._connect()
            self._reading = self._connect()
            self._prepare(self._connection)
            self._load(self._connection)
            committed = self._load_committed(self._connection)
        except sqlite3.DatabaseError as error:
            self.close()
            raise ConfigurationError(
                f"{self._path} cannot be used as the log: {error}",
                remedy="Restore it from a backup, or move it away to begin with an empty log",
            ) from None
        except ConfigurationError:
            self.close()
            raise
        self._read_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bus-read")
        return State(self._places, committed)

    def close(self) -> None:
        """Close the file; the last one to do so folds the write-ahead log into it."""
        if self._read_thread is not None:
            self._read_thread.shutdown()
        for connection in (self._reading, self._connection):
            if connection is not None:
                connection.close()
        self._reading = self._connection = self._read_thread = None

    def write(self, operations: Sequence[Operation]) -> list[list[Record]]:
        """Perform all operations in one transaction; return the records of each `Append`, durable now."""
        connection = self._connection
        assert connection is not None
        if self._in_doubt:
            self._load(connection)
        changes = _Changes(self._places, self._numbers, now_ms=time.time_ns() // 1_000_000)
        try:
            connection.execute("BEGIN IMMEDIATE")
            outcomes = [changes.add(operation) for operation in operations]
            changes.apply(connection)
            connection.execute("COMMIT")
        except Exception:
            # Settled before the next write by reading back what the file holds, never by trying the same again.
            self._in_doubt = True
            if connection.in_transaction:
                connection.rollback()
            raise
        return outcomes

    async def read(self, place: Place, offset: int, before: int, records_max: int) -> tuple[list[Record], int]:
        """Read from `offset` up to `before`; return the records and the position after them."""
        thread = self._read_thread
        if thread is None:
            raise BusUnavailable("the bus is closed")
        call = asyncio.get_running_loop().run_in_executor(thread, self._read, place, offset, before, records_max)
        try:
            return await call
        except sqlite3.Error as error:
            raise BusUnavailable(f"the log cannot be read: {error}") from error

    async def first_younger(self, place: Place, seconds: int) -> int:
        """Return the offset of the first record that is at most so much older than the newest of its partition."""
        thread = self._read_thread
        if thread is None:
            raise BusUnavailable("the bus is closed")
        return await asyncio.get_running_loop().run_in_executor(thread, self._first_younger, place, seconds)

    def _first_younger(self, place: Place, seconds: int) -> int:
        assert self._reading is not None
        low = self._numbers[place] << _OFFSET_BITS
        within = (low, low + (1 << _OFFSET_BITS))
        newest = "SELECT appended_ms FROM records WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1"
        row = self._reading.execute(newest, within).fetchone()
        if row is None:
            return 0
        # In order of ids, so that only what is to be forgotten is looked at.
        oldest = "SELECT id FROM records WHERE id >= ? AND id < ? AND appended_ms >= ? ORDER BY id LIMIT 1"
        (number,) = self._reading.execute(oldest, (*within, row[0] - seconds * 1000)).fetchone()
        return int(number - low)

    def _read(self, place: Place, offset: int, before: int, records_max: int) -> tuple[list[Record], int]:
        assert self._reading is not None
        low = self._numbers[place] << _OFFSET_BITS
        rows = self._reading.execute(
            "SELECT id - ?, value, key, appended_ms FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            (low, low + offset, low + before, records_max),
        )
        records: list[Record] = []
        size = 0
        for number, value, key, appended_ms in rows:
            records.append(Record(place, number, value, key, _instant(appended_ms)))
            size += len(value)
            if size >= _READ_BYTES_MAX:
                break
        seen_all = len(records) < records_max and size < _READ_BYTES_MAX
        return records, before if seen_all else records[-1].offset + 1

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            connection.close()
            raise ConfigurationError(
                f"{self._path} is on a file system without shared memory, which the log needs",
                remedy="Put FRONTDOOR_DATA_DIR on a local disk",
            )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            # The version is set last: a file whose making was cut short is made anew.
            connection.executescript(_SCHEMA)
            connection.execute("INSERT INTO shape VALUES (?)", (self._partitions,))
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
        elif version != _SCHEMA_VERSION:
            raise ConfigurationError(
                f"{self._path} was written by another release (format {version}, this one reads {_SCHEMA_VERSION})",
                remedy="Start the release that wrote it",
            )
        (partitions,) = connection.execute("SELECT partitions FROM shape").fetchone()
        if partitions != self._partitions:
            raise ConfigurationError(
                f"{self._path} has {partitions} partitions and {self._partitions} were asked for",
                remedy=f"Set FRONTDOOR_PARTITIONS={partitions}, or begin with an empty data directory",
            )
        connection.executemany(
            "INSERT INTO places (topic, partition) VALUES (?, ?) ON CONFLICT DO NOTHING", all_places(partitions)
        )

    def _load(self, connection: sqlite3.Connection) -> None:
        rows = connection.execute("SELECT id, topic, partition, first FROM places").fetchall()
        known = set(all_places(self._partitions))
        for number, topic, partition, first in rows:
            place = Place(topic, partition)
            if place in known:  # a topic that this release no longer has stays in the file, unread
                self._numbers[place] = number
                self._places[place] = self._load_place(connection, place, first)
        self._in_doubt = False

    def _load_place(self, connection: sqlite3.Connection, place: Place, first: int) -> PlaceState:
        low = self._numbers[place] << _OFFSET_BITS
        high = low + (1 << _OFFSET_BITS)
        within = (low, high)
        (last,) = connection.execute("SELECT max(id) FROM records WHERE id >= ? AND id < ?", within).fetchone()
        newest: dict[str, int] = {}
        if topic_named(place.topic).compacted:
            keys = connection.execute("SELECT key, id FROM records WHERE id >= ? AND id < ? ORDER BY id", within)
            newest = {key: number - low for key, number in keys}
        return PlaceState(first, first if last is None else max(first, last - low + 1), newest)

    def _load_committed(self, connection: sqlite3.Connection) -> dict[tuple[str, Place], int]:
        places = {number: place for place, number in self._numbers.items()}
        rows = connection.execute("SELECT consumers, place, next FROM committed").fetchall()
        return {(group, places[number]): offset for group, number, offset in rows if number in places}


class _Changes:
    """The rows of one transaction, gathered first so that SQLite gets them in few calls."""

    def __init__(self, places: Mapping[Place, PlaceState], numbers: Mapping[Place, int], *, now_ms: int) -> None:
        self._places = places
        self._numbers = numbers
        self._now_ms = now_ms
        self._now = _instant(now_ms)
        self._rows: list[tuple[int, str | None, bytes, int]] = []
        self._superseded: list[tuple[int]] = []
        self._committed: list[tuple[str, int, int]] = []
        self._trimmed: list[tuple[int, int]] = []  # partition's number, new first offset

    def add(self, operation: Operation) -> list[Record]:
        """Take an operation on; return its records with the offsets they will have."""
        if isinstance(operation, Append):
            return [self._append(operation.place, message) for message in operation.messages]
        if isinstance(operation, Commit):
            self._committed += [(operation.group, self._numbers[p], offset) for p, offset in operation.offsets.items()]
        else:
            state = self._places[operation.place]
            state.first = max(state.first, min(operation.before, state.end))
            self._trimmed.append((self._numbers[operation.place], state.first))
        return []

    def apply(self, connection: sqlite3.Connection) -> None:
        """Write everything taken on."""
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?)", self._rows)
        connection.executemany("DELETE FROM records WHERE id = ?", self._superseded)
        connection.executemany(
            "INSERT INTO committed VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next", self._committed
        )
        for number, first in self._trimmed:
            low = number << _OFFSET_BITS
            connection.execute("UPDATE places SET first = ? WHERE id = ?", (first, number))
            connection.execute("DELETE FROM records WHERE id >= ? AND id < ?", (low, low + first))

    def _append(self, place: Place, message: Message) -> Record:
        state = self._places[place]
        low = self._numbers[place] << _OFFSET_BITS
        offset = state.end
        state.end += 1
        self._rows.append((low + offset, message.key, message.value, self._now_ms))
        if message.key is not None and topic_named(place.topic).compacted:
            older = state.newest.get(message.key)
            state.newest[message.key] = offset
            if older is not None:
                self._superseded.append((low + older,))
        return Record(place, offset, message.value, message.key, self._now)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
