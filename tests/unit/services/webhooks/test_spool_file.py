"""The file under the spool: what is durable, who may take it over, and what a power cut does to it."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from schemas.errors import ConfigurationError, Transient
from services.webhooks import spool_file
from services.webhooks.spool_file import Spooled, SpoolFile, leftovers


def rows(*numbers, lane=0, value=b"{}"):
    return [Spooled(number, lane, "pool", "contact.dialog_turned", value, 1000) for number in numbers]


def left(folder):
    return [row.seq for batch in leftovers(folder) for row in batch]


def image(folder, target):
    """Return what the disk would hold if the power went now."""
    return shutil.copytree(folder, target)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def file(folder):
    file = SpoolFile.create(folder / "a.db")
    yield file
    file._connection.close()
    file._lock.close()


def test_facts_come_back_in_order_and_lane_by_lane(file):
    file.append(rows(5, 3))
    file.append(rows(4, lane=1))
    assert file.first(0) == rows(3, 5)
    assert file.first(1) == rows(4, lane=1)
    assert file.first(0, before=5) == rows(3)
    file.delete(rows(3))
    assert file.first(0) == rows(5)


def test_a_batch_is_bounded_by_number_and_by_size(file):
    file.append(rows(*range(501)))
    file.append(rows(*range(600, 603), lane=1, value=b"x" * 3 * 1024 * 1024))
    assert len(file.first(0)) == 500
    assert len(file.first(1)) == 2


def test_an_append_is_all_or_nothing(file):
    file.append(rows(2))
    with pytest.raises(Exception, match="UNIQUE"):
        file.append(rows(1, 2))
    assert file.first(0) == rows(2)


def test_what_is_told_of_a_fact_does_not_hold_its_record():
    assert "secret" not in repr(rows(1, value=b"secret"))


def test_only_we_may_read_it(file, folder):
    assert (folder.stat().st_mode & 0o777, file.path.stat().st_mode & 0o777) == (0o700, 0o600)


def test_an_empty_file_leaves_nothing_and_any_other_stays(file, folder):
    file.append(rows(1))
    SpoolFile.create(folder / "b.db").close()
    assert [path.name for path in folder.glob("b*")] == []
    file.close()
    assert left(folder) == [1]


def test_what_a_process_has_open_is_not_left(file, folder):
    file.append(rows(1))
    assert left(folder) == []
    file.close()
    assert left(folder) == [1]
    assert list(folder.iterdir()) == []


def test_a_name_in_use_or_a_folder_that_is_none_is_told(file, tmp_path):
    with pytest.raises(ConfigurationError, match="FRONTDOOR_DATA_DIR"):
        SpoolFile.create(file.path)
    (tmp_path / "taken").touch()
    with pytest.raises(ConfigurationError, match="taken"):
        SpoolFile.create(tmp_path / "taken" / "a.db")


def test_files_of_several_processes_are_taken_one_after_the_other(folder):
    for name, numbers in (("b", (1, 2)), ("a", (7,))):
        file = SpoolFile.create(folder / f"{name}.db")
        file.append(rows(*numbers))
        file.close()
    assert left(folder) == [7, 1, 2]


def test_a_file_is_kept_until_its_last_batch_was_taken(file, folder):
    file.append(rows(*range(501)))
    file.close()
    with closing(leftovers(folder)) as found:
        assert len(next(found)) == 500
        assert left(folder) == [], "it is locked meanwhile"
    assert len(left(folder)) == 501


def test_one_that_is_emptied_by_another_at_this_moment_is_nothing(file, folder, monkeypatch):
    file.append(rows(1))
    file.close()
    monkeypatch.setattr("pathlib.Path.exists", lambda _: False)
    assert left(folder) == []


@pytest.mark.parametrize("torn", range(1, 4000, 397))
@pytest.mark.parametrize("how", ["cut", "garbled"])
def test_a_power_cut_takes_only_what_nobody_was_told_of(file, folder, tmp_path, torn, how):
    file.append(rows(1, 2))
    durable = len(file.path.with_suffix(".db-wal").read_bytes())
    file.append(rows(3))
    disk = image(folder, tmp_path / "disk")
    log = disk / "a.db-wal"
    written = log.read_bytes()
    end = max(durable, len(written) - torn)  # only the newest transaction's pages are still on their way
    log.write_bytes(written[:end] + (b"\xa5" * (len(written) - end) if how == "garbled" else b""))
    assert left(disk) == [1, 2]


def test_a_broken_file_is_kept_for_people_and_hinders_nobody(file, folder):
    file.append(rows(1))
    file.close()
    (folder / "a0.db").write_bytes(b"no database" * 1000)
    assert left(folder) == [1]
    assert [path.name for path in folder.iterdir()] == ["a0.broken"]


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_BUSY, None])
def test_a_disk_that_fails_is_no_broken_file(folder, monkeypatch, code):
    for name, number in (("a", 1), ("b", 2)):
        file = SpoolFile.create(folder / f"{name}.db")
        file.append(rows(number))
        file.close()
    connected = spool_file._connected

    def failing(path):
        if path.name == "b.db":
            return connected(path)
        error = sqlite3.OperationalError("the disk failed")
        if code is not None:
            error.sqlite_errorcode = code
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(spool_file, "_connected", failing)
        with closing(leftovers(folder)) as found:
            assert next(found) == rows(2), "it hinders no other file"
            with pytest.raises(Transient):
                next(found)
    assert left(folder) == [1], "the file is there, and nobody holds it"
    assert list(folder.iterdir()) == []
