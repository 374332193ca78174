"""A file on this machine, read as a stream, into calls and changes of agents."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import tzinfo
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Final, Literal, cast

from schemas.errors import ConfigurationError
from services.whatif.callers import CallerKeys
from services.whatif.exports import read_export
from services.whatif.headings import EXAMPLE
from services.whatif.queue_log import read_queue_log
from services.whatif.records import AgentChange, Call, Record
from services.whatif.tally import Tally

Kind = Literal["queue_log", "csv"]
CALLS_MAX: Final = 5_000_000
LINE_CHARS_MAX: Final = 1 << 20  # what is longer comes in pieces, which are no lines
_GZIP: Final = b"\x1f\x8b"
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_LOOKS_LIKE: Final = {
    "queue_log": "Lines should look like 1770000000|1770000000.12|triage|NONE|ENTERQUEUE||15005550100|1; "
    "for a table use --from csv",
    "csv": f"The first line should name the columns, such as {EXAMPLE}; for Asterisk's log use --from queue_log",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file told. `calls` in the order of arrival, `changes` in the order of time."""

    calls: tuple[Call, ...]
    changes: tuple[AgentChange, ...]
    tally: Tally


def load(path: Path, kind: Kind, *, zone: tzinfo | None, keys: CallerKeys) -> Imported:
    """Read a file, plain or gzipped. Lines that make no sense are counted in the tally, not fatal.

    Raises:
        ConfigurationError: the file can't be read, holds no call at all or too many, or its header or zone won't do.
    """
    tally = Tally()
    calls: list[Call] = []
    changes: list[AgentChange] = []
    try:
        with _lines(path) as lines:
            for record in _records(lines, kind, zone=zone, keys=keys, tally=tally):
                if isinstance(record, Call):
                    calls.append(record)
                else:
                    changes.append(record)
                _check_size(calls)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error.problem}", remedy=error.remedy) from None
    if not calls:
        raise ConfigurationError(f"{path}: it holds no call{_why(tally)}", remedy=f"{_LOOKS_LIKE[kind]}.")
    calls.sort(key=lambda call: call.arrived_at)
    changes.sort(key=lambda change: change.at)
    return Imported(tuple(calls), tuple(changes), tally)


def _check_size(calls: Sequence[Call]) -> None:
    if len(calls) > CALLS_MAX:
        raise ConfigurationError(f"it holds over {CALLS_MAX:,} calls", remedy="Cut it to fewer days.")


def _records(
    lines: Iterator[str], kind: Kind, *, zone: tzinfo | None, keys: CallerKeys, tally: Tally
) -> Iterator[Record]:
    if kind == "queue_log":
        return read_queue_log(lines, keys=keys, tally=tally)
    return read_export(lines, zone=zone, keys=keys, tally=tally)


def _why(tally: Tally) -> str:
    if not tally.read:
        return ", it is empty"
    found = {**tally.bad, **tally.passed}
    if not found:
        return f" in its {tally.read:,} lines"
    reason, most = max(found.items(), key=lambda item: item[1].count)
    return f"; of its {tally.read:,} lines, {most.count:,} are: {reason}"


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """Open a file for reading by lines; whatever keeps it from being read becomes one clear error."""
    try:
        with (
            path.open("rb") as raw,
            _unpacked(raw) as file,
            TextIOWrapper(file, encoding=_encoding(path), errors="replace", newline=None) as text,
        ):
            yield iter(lambda: text.readline(LINE_CHARS_MAX), "")
    except (OSError, EOFError, zlib.error) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else "it is cut short or damaged"
        raise ConfigurationError(
            f"it can't be read: {said}", remedy="Check the name, the rights and the file."
        ) from None


def _unpacked(raw: BinaryIO) -> BinaryIO:
    packed = raw.read(len(_GZIP)) == _GZIP
    raw.seek(0)
    return cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw


def _encoding(path: Path) -> str:
    with path.open("rb") as raw:
        first = _unpacked(raw).read(2)
    return "utf-16" if first in _UTF_16 else "utf-8-sig"
