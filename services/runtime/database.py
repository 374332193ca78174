"""The database: opened once, brought up to date, and bounded in every wait.

SQLite on one machine and PostgreSQL for more; nothing above `services/records` and `services/console` knows which.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from asyncpg import PostgresError  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from schemas.errors import ConfigurationError
from services.runtime.secrets_store import private_folder

T = TypeVar("T")

MIGRATIONS: Final = Path(__file__).parent / "migrations"
BUSY_MS_MAX: Final = 5_000  # SQLite waits this long for another writer
CONNECT_S_MAX: Final = 5.0
CLOSE_S_MAX: Final = 1.0
STATEMENT_S_MAX: Final = 10.0  # PostgreSQL; a server that froze is an error and not a hang
OPEN_ATTEMPTS_MAX: Final = 40
OPEN_PAUSE_S: Final = 0.05
POOL_WAIT_S_MAX: Final = 5.0
POOL_CONNECTIONS: Final = 5
_PRIVATE_MODE: Final = 0o600
_OTHERS: Final = 0o077
_SQLITE_SUFFIXES: Final = ("-wal", "-shm")
_MIGRATION_LOCK: Final = 7_306_501_823  # any fixed number: one process migrates, the others wait for it

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "postgres": "postgresql+asyncpg"}


@asynccontextmanager
async def open_database(url: str, *, migrate: bool = True) -> AsyncIterator[AsyncEngine]:
    """Open the database at `url`, apply the migrations that it lacks, and close it at the end.

    `url` is SQLAlchemy's, such as `sqlite+aiosqlite:///data/records.db` or `postgresql+asyncpg://user:secret@host/db`;
    an asynchronous driver is filled in where it is missing. Several processes may open it at once.

    Raises:
        ConfigurationError: the address is wrong, the server does not answer, or a newer release changed the schema in
            a way that this one does not know. The message never holds the address, which may hold a password.
    """
    engine = _engine(_address(url))
    try:
        await _require_answer(engine)
        if migrate:
            await _migrate(engine)
        yield engine
    finally:
        with suppress(TimeoutError):  # a server that froze does not answer a goodbye
            async with asyncio.timeout(CLOSE_S_MAX):
                await engine.dispose()


def writing(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for transactions that write: SQLite then takes its one write lock at their beginning."""
    return engine.execution_options(immediate=True)


class Writing:
    """Transactions that write, each a function of a connection; by one user at a time.

    On SQLite the whole transaction runs in another thread: the asynchronous driver would go there and back several
    times for each statement, and the event loop paid more for that than for the statement.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = writing(engine)
        self._blocking = _blocking_twin(engine) if engine.dialect.name == "sqlite" else None

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` returns once it is committed; it blocks, and is not to touch what the loop changes.

        On SQLite a caller that is cancelled leaves the transaction on its way.
        """
        if self._blocking is not None:
            return await asyncio.to_thread(self._transact, self._blocking, work)
        async with self._engine.begin() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Close the connection that SQLite's transactions have; the next one would open it again."""
        if self._blocking is not None:
            await asyncio.to_thread(self._blocking.dispose)

    @staticmethod
    def _transact(engine: Engine, work: Callable[[Connection], T]) -> T:
        with engine.begin() as connection:
            return work(connection)


def _blocking_twin(engine: AsyncEngine) -> Engine:
    """Return an engine for the same file whose connections block whoever uses them."""
    twin = create_engine(engine.url.set(drivername="sqlite"), pool_size=1).execution_options(immediate=True)
    event.listen(twin, "connect", _configure_sqlite)
    event.listen(twin, "begin", _begin_sqlite)
    return twin


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ArgumentError:
        raise ConfigurationError(
            "the database address cannot be read",
            remedy="Set FRONTDOOR_DATABASE_URL to something like postgresql+asyncpg://user:secret@host/name.",
        ) from None
    return address.set(drivername=_DRIVERS.get(address.drivername, address.drivername))


def _engine(address: URL) -> AsyncEngine:
    match address.get_backend_name():
        case "sqlite":
            return _sqlite(address)
        case "postgresql":
            return create_async_engine(
                address,
                pool_pre_ping=True,
                pool_size=POOL_CONNECTIONS,
                max_overflow=0,
                pool_timeout=POOL_WAIT_S_MAX,
                connect_args={"timeout": CONNECT_S_MAX, "command_timeout": STATEMENT_S_MAX},
            )
        case other:
            raise ConfigurationError(
                f"{other} is not a database that Frontdoor knows",
                remedy="Set FRONTDOOR_DATABASE_URL to a sqlite or postgresql address.",
            )


def _sqlite(address: URL) -> AsyncEngine:
    if address.database and address.database != ":memory:":
        _keep_private(Path(address.database))
    engine = create_async_engine(address)
    event.listen(engine.sync_engine, "connect", _configure_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _keep_private(path: Path) -> None:
    """Make the file before SQLite does, which would let everyone read it; its other files get the same mode."""
    try:
        private_folder(path.parent)
        path.touch(mode=_PRIVATE_MODE)
        for file in (path, *(path.with_name(path.name + suffix) for suffix in _SQLITE_SUFFIXES)):
            if file.exists() and file.stat().st_mode & _OTHERS and file.stat().st_uid == os.geteuid():
                file.chmod(_PRIVATE_MODE)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be made or opened ({error.strerror})",
            remedy="Set FRONTDOOR_DATA_DIR or FRONTDOOR_DATABASE_URL to a folder that belongs to this user.",
        ) from None


def _configure_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions late, and none for a change of the schema; `_begin_sqlite` does it instead.
    connection.isolation_level = None
    cursor = connection.cursor()
    # NORMAL may lose the last commits in a power cut, positions included: they are then folded from the log again.
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_MS_MAX}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


async def _require_answer(engine: AsyncEngine) -> None:
    for attempt in range(1, OPEN_ATTEMPTS_MAX + 1):
        try:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (OSError, SQLAlchemyError, PostgresError) as error:
            if _is_busy(error) and attempt < OPEN_ATTEMPTS_MAX:
                await asyncio.sleep(OPEN_PAUSE_S)
                continue
            raise ConfigurationError(
                f"the {engine.dialect.name} database cannot be opened ({type(error).__name__})",
                remedy="Start it, or mend FRONTDOOR_DATABASE_URL.",
            ) from None
        return


def _is_busy(error: Exception) -> bool:
    """Tell whether another process is just turning a fresh file to WAL: SQLite does not wait for that by itself."""
    return getattr(getattr(error, "orig", None), "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


async def _migrate(engine: AsyncEngine) -> None:
    try:
        async with writing(engine).begin() as connection:
            if engine.dialect.name == "postgresql":
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
            await connection.run_sync(_upgrade)
    except CommandError:
        raise ConfigurationError(
            "the database was changed by a newer release", remedy="Start that release, or restore a backup."
        ) from None


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
