import gzip
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigurationError
from services.whatif import sources
from services.whatif.sources import Imported, Kind, load
from tests.unit.services.whatif.examples import KEYS, NINE, QUEUE_LOG

TABLE = f"arrived_at,queue,wait_s,answered_by\n{NINE.isoformat()},triage,4,Ann\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "queue_log"


def read(path: Path, kind: Kind = "queue_log") -> Imported:
    return load(path, kind, zone=UTC, keys=KEYS)


def told(path: Path, kind: Kind = "queue_log") -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(path, kind)
    return str(caught.value)


def test_calls_and_changes_come_in_the_order_of_time(file: Path) -> None:
    file.write_text("".join(reversed(QUEUE_LOG.splitlines(keepends=True)[:6])) + QUEUE_LOG)
    found = read(file)
    arrivals = [call.arrived_at for call in found.calls]
    assert arrivals == sorted(arrivals)
    assert [change.at for change in found.changes] == sorted(change.at for change in found.changes)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("packed", [False, True])
def test_plain_or_gzipped_with_or_without_a_mark_of_its_encoding(file: Path, encoding: str, packed: bool) -> None:
    content = TABLE.replace("triage", "naïve").encode(encoding)
    file.write_bytes(gzip.compress(content) if packed else content)
    assert [call.queue for call in read(file, "csv").calls] == ["naïve"]


def test_bytes_that_are_no_text_spoil_a_line_and_not_the_file(file: Path) -> None:
    file.write_bytes(b"\xff\x00\xfe|\n" + QUEUE_LOG.encode())
    found = read(file)
    assert len(found.calls) == 5
    assert found.tally.bad_lines == 1


def test_a_line_without_an_end_is_read_in_pieces(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LINE_CHARS_MAX", 100)
    file.write_text("x" * 1000 + "\n" + QUEUE_LOG)
    found = read(file)
    assert len(found.calls) == 5
    assert found.tally.bad_lines == 10


def test_an_empty_file(file: Path) -> None:
    file.write_text("")
    assert told(file) == (
        f"{file}: it holds no call, it is empty. Lines should look like "
        "1770000000|1770000000.12|triage|NONE|ENTERQUEUE||15005550100|1; for a table use --from csv."
    )
    assert "holds no call, it is empty. The first line should name" in told(file, "csv")


def test_a_hopeless_file_says_what_its_lines_are(file: Path) -> None:
    file.write_text(TABLE * 3)
    assert "of its 6 lines, 6 are: not epoch|call|queue|agent|event" in told(file)
    file.write_text(QUEUE_LOG)
    assert (
        f"{file}: no column tells when a caller arrived. The first line must name the columns, such as arrived_at"
        in told(file, "csv")
    )
    file.write_text(TABLE.replace(NINE.isoformat(), "soon"))
    assert "of its 2 lines, 1 are: no time of arrival" in told(file, "csv")
    file.write_text("\n\n")
    assert "holds no call in its 2 lines" in told(file)


def test_a_file_that_cannot_be_read(file: Path, tmp_path: Path) -> None:
    assert "No such file" in told(file)
    assert "Is a directory" in told(tmp_path)
    packed = gzip.compress(QUEUE_LOG.encode() * 50)
    for broken in (packed[:-20], packed[:40] + b"\x00" * 9 + packed[49:], b"\x1f\x8b and no more"):
        file.write_bytes(broken)
        assert "can't be read" in told(file)
    file.write_bytes("time".encode("utf-16") + b"\x00")
    assert "utf" not in told(file, "csv").lower()


def test_more_calls_than_we_hold_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "CALLS_MAX", 4)
    file.write_text(QUEUE_LOG)
    assert "over 4 calls. Cut it to fewer days" in told(file)


def test_a_number_is_in_nothing_that_is_kept(file: Path) -> None:
    file.write_text(QUEUE_LOG + "garbage with 15005550109 in it\n")
    kept: Any = read(file)
    assert "5005550" not in repr((kept.calls, kept.changes, kept.tally.bad, kept.tally.passed, kept.tally.assumed))
