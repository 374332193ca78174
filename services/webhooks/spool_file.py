"""The spool's file: facts on this machine's disk, durable when `append` returns.

Each process has a file of its own, `NAME.db` beside `NAME.lock`. The kernel gives the lock up with the process, so a
file that nobody locks was left by one that ended: whoever finds it first empties it into its own. SQLite's write-ahead
log has a checksum on every frame, so what a power cut tears off the end is only what nobody was told to be durable.

Everything here blocks and belongs to one thread at a time.
"""

import fcntl
import os
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, NamedTuple

from schemas.errors import ConfigurationError, Transient
from services.runtime.telemetry import get_logger

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS facts (seq INTEGER PRIMARY KEY, lane INTEGER NOT NULL, cell TEXT NOT NULL,
    type TEXT NOT NULL, value BLOB NOT NULL, spooled_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS by_lane ON facts (lane, seq);
"""
_BATCH_FACTS_MAX: Final = 500
_BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
_END: Final = 2**62
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})  # anything else may pass
_log = get_logger(__name__)


class Spooled(NamedTuple):
    """A fact that waits: its place in line, the partition of `intake` it waits for, and its record."""

    seq: int
    lane: int
    cell: str
    type: str
    value: bytes
    spooled_ms: int  # UTC, since it may outlive the process

    def __repr__(self) -> str:
        return f"Spooled(seq={self.seq}, lane={self.lane}, cell={self.cell!r}, type={self.type!r})"


@dataclass(slots=True)
class SpoolFile:
    """One file, locked. Make it with `create`."""

    path: Path
    _lock: IO[bytes] = field(repr=False)
    _connection: sqlite3.Connection = field(repr=False)

    @classmethod
    def create(cls, path: Path) -> "SpoolFile":
        """Make the file and its folder, readable by us alone.

        Raises:
            ConfigurationError: the folder cannot be written to, or the name is in use.
        """
        lock: IO[bytes] | None = None
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = _locked(path)
            if lock is None:
                raise FileExistsError(path.name)
            path.touch(mode=0o600)
            return cls(path, lock, _connected(path))
        except (OSError, sqlite3.Error) as error:
            if lock is not None:
                lock.close()
            raise ConfigurationError(
                f"facts cannot be kept in {path.parent} while the bus is away ({type(error).__name__})",
                remedy="Give FRONTDOOR_DATA_DIR a local disk that this process may write to.",
            ) from None

    def append(self, facts: Sequence[Spooled]) -> None:
        """Write all of them or none; durable on return. Raises `sqlite3.Error`, such as for a full disk."""
        with self._connection as transaction:
            transaction.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?)", facts)

    def first(self, lane: int, *, before: int | None = None) -> list[Spooled]:
        """Return a lane's next facts in order, those with a place below `before` only."""
        return _first(self._connection, "lane = ? AND seq < ?", lane, _END if before is None else before)

    def delete(self, facts: Sequence[Spooled]) -> None:
        """Forget facts that are on the bus."""
        with self._connection as transaction:
            transaction.executemany("DELETE FROM facts WHERE seq = ?", [(fact.seq,) for fact in facts])

    def put_aside(self, fact: Spooled) -> None:
        """Copy a record into a file of its own, readable by us alone."""
        path = self.path.with_name(f"refused-{self.path.stem}-{fact.seq}.json")
        path.touch(mode=0o600)
        path.write_bytes(fact.value)

    def close(self) -> None:
        """Close the file and give up the lock. One that is empty is deleted, any other left for the next start."""
        try:
            (count,) = self._connection.execute("SELECT count(*) FROM facts").fetchone()
            self._connection.close()
            if count == 0:
                _delete(self.path)
        finally:
            self._lock.close()


def leftovers(folder: Path) -> Generator[list[Spooled], None, None]:
    """Yield what processes that ended have left, batch by batch, each file in its order.

    A batch counts as taken once the next one is asked for; a file is deleted after its last. One that is broken is put
    aside as `NAME.broken`, for people, after what could be read of it.

    Raises:
        Transient: the disk failed at some files, such as because it is full. They stay as they are, the others were
            emptied; look again later. What of such a file was yielded already comes again then.
    """
    failed = 0
    for path in sorted(folder.glob("*.db")):
        lock = _locked(path)
        if lock is None:
            continue
        with lock:
            try:
                yield from _emptied(path)
            except sqlite3.Error as error:
                if not _is_broken(error):
                    _log.warning("spool.file_unreadable", error=_name(error))
                    failed += 1
                    continue
                _log.error("spool.file_broken", error=_name(error))
                _put_aside(path)
            _delete(path)
    if failed:
        raise Transient(f"{failed} files of ended processes cannot be read now")


def _is_broken(error: sqlite3.Error) -> bool:
    """Whether the file is at fault for good, rather than the disk for a while."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says in which way
    return primary in _BROKEN


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", type(error).__name__)


def _emptied(path: Path) -> Iterator[list[Spooled]]:
    if not path.exists():
        return  # another process has just emptied it
    connection = _connected(path)
    try:
        after = -1
        while batch := _first(connection, "seq > ?", after):
            yield batch
            after = batch[-1].seq
    finally:
        connection.close()


def _first(connection: sqlite3.Connection, which: str, *values: int) -> list[Spooled]:
    found: list[Spooled] = []
    size = 0
    query = f"SELECT * FROM facts WHERE {which} ORDER BY seq LIMIT {_BATCH_FACTS_MAX}"  # noqa: S608  our own words
    for row in connection.execute(query, values):
        found.append(Spooled(*row))
        size += len(found[-1].value)
        if size >= _BATCH_BYTES_MAX:
            break
    return found


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _locked(path: Path) -> IO[bytes] | None:
    """Lock a file of that name beside it; None if another holds it, or deletes it at this moment."""
    name = path.with_suffix(".lock")
    lock = name.open("ab")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if name.stat().st_ino == os.fstat(lock.fileno()).st_ino:
            return lock
    except OSError:
        pass
    lock.close()
    return None


def _put_aside(path: Path) -> None:
    for ending in ("", "-wal"):  # named so that SQLite's own tools still find what belongs together
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(path.with_name(f"{path.stem}.broken{ending}"))


def _delete(path: Path) -> None:
    # The lock last: as long as it is there and held, nobody else looks at the rest.
    for suffix in (".db", ".db-wal", ".db-shm", ".lock"):
        path.with_suffix(suffix).unlink(missing_ok=True)
