import asyncio
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect, text

from schemas.errors import ConfigurationError
from services.runtime.database import Writing, open_database, writing


def url(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


async def tables(address: str) -> set[str]:
    async with open_database(address) as engine, engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def test_a_fresh_database_gets_the_schema_and_its_folder(tmp_path: Path) -> None:
    found = await tables(url(tmp_path / "new" / "records.db"))
    assert "alembic_version" in found
    assert len(found) > 1


async def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "records.db"
    async with open_database(url(path)):
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in [path.parent, *path.parent.iterdir()]}
    assert modes == {"data": 0o700, "records.db": 0o600, "records.db-wal": 0o600, "records.db-shm": 0o600}


async def test_one_that_an_earlier_release_made_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.touch()
    path.chmod(0o644)
    async with open_database(url(path)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    address = url(tmp_path / "records.db")
    assert await tables(address) == await tables(address)


async def test_several_may_open_a_fresh_one_at_once(tmp_path: Path) -> None:
    address = url(tmp_path / "records.db")
    first, *others = await asyncio.gather(*(tables(address) for _ in range(4)))
    assert all(other == first for other in others)


async def test_sqlite_waits_for_locks_and_writes_ahead(tmp_path: Path) -> None:
    async with open_database(url(tmp_path / "records.db"), migrate=False) as engine, engine.connect() as connection:
        assert (await connection.execute(text("PRAGMA journal_mode"))).scalar() == "wal"
        assert (await connection.execute(text("PRAGMA busy_timeout"))).scalar() == 5000


async def test_a_database_that_does_not_answer_is_told_without_its_password(unused_tcp_port: int) -> None:
    address = f"postgresql+asyncpg://frontdoor:hunter2@127.0.0.1:{unused_tcp_port}/frontdoor"
    with pytest.raises(ConfigurationError, match="cannot be opened") as caught:
        async with open_database(address):
            raise AssertionError
    assert "hunter2" not in str(caught.value)


async def test_a_schema_of_a_newer_release_is_left_alone(tmp_path: Path) -> None:
    address = url(tmp_path / "records.db")
    async with open_database(address) as engine, writing(engine).begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="newer release"):
        async with open_database(address):
            raise AssertionError


@pytest.mark.parametrize("address", ["no address", "mysql://root@127.0.0.1/x"])
async def test_an_address_that_cannot_be_used_is_told(address: str) -> None:
    with pytest.raises(ConfigurationError, match="database"):
        async with open_database(address):
            raise AssertionError


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"this is no database, though it is long enough to be looked at" * 20)
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        async with open_database(url(path)):
            raise AssertionError


def make(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE note (word TEXT)"))


def note(connection: Connection) -> threading.Thread:
    connection.execute(text("INSERT INTO note VALUES ('kept')"))
    return threading.current_thread()


def note_and_fail(connection: Connection) -> None:
    note(connection)
    raise LookupError


async def notes(address: str) -> int:
    async with open_database(address, migrate=False) as engine, engine.connect() as connection:
        return len((await connection.execute(text("SELECT word FROM note"))).all())


async def test_a_transaction_on_sqlite_runs_elsewhere_and_is_there_when_it_returns(tmp_path: Path) -> None:
    address = url(tmp_path / "records.db")
    async with open_database(address, migrate=False) as engine:
        writes = Writing(engine)
        await writes.transact(make)
        assert await writes.transact(note) is not threading.current_thread()
        assert await notes(address) == 1
        await writes.close()


async def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    address = url(tmp_path / "records.db")
    async with open_database(address, migrate=False) as engine:
        writes = Writing(engine)
        await writes.transact(make)
        with pytest.raises(LookupError):
            await writes.transact(note_and_fail)
        assert await notes(address) == 0
        await writes.close()
        await writes.transact(note)  # opened again
        assert await notes(address) == 1
        await writes.close()


async def test_sqlite_takes_its_write_lock_at_the_beginning(tmp_path: Path) -> None:
    async with open_database(url(tmp_path / "records.db"), migrate=False) as engine:
        first, second = Writing(engine), Writing(engine)
        await first.transact(make)
        await asyncio.gather(*(writes.transact(note) for writes in (first, second)))
        assert await notes(url(tmp_path / "records.db")) == 2
        await first.close()
        await second.close()
