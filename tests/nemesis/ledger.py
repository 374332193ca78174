"""What the load did, written down before it was done: JSON lines, each synced to the disk before the act itself.

So an act that happened is in the ledger even if the load is killed in the next moment. What came of it follows in a
line of its own; without one, its outcome is unknown, and the checker demands nothing of it.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self


class Ledger:
    """An append-only file of intents, outcomes and notes. Used from one event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        _end_torn_line(path)
        self._file = path.open("ab", buffering=0)
        self._next = sum(1 for _ in read(path))

    def intend(self, kind: str, **fields: Any) -> int:
        """Write down what is about to be done, durably; return its number, for `settle`."""
        number = self._append({"kind": kind, "at": time.time(), **fields})
        os.fdatasync(self._file.fileno())
        return number

    def settle(self, number: int, **fields: Any) -> None:
        """Write down what came of it."""
        self._append({"kind": "outcome", "of": number, "at": time.time(), **fields})

    def note(self, kind: str, **fields: Any) -> None:
        """Write down something that was seen."""
        self._append({"kind": kind, "at": time.time(), **fields})

    def _append(self, entry: dict[str, Any]) -> int:
        number, self._next = self._next, self._next + 1
        self._file.write(json.dumps({"n": number, **entry}, separators=(",", ":")).encode() + b"\n")
        return number

    def close(self) -> None:
        """Close the file, synced. Again is harmless."""
        if not self._file.closed:
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the entries of a ledger; a last line that a crash tore is left out."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            try:
                yield json.loads(line)
            except ValueError:
                continue  # the remains of a torn line, which a later start has ended


def _end_torn_line(path: Path) -> None:
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        with path.open("ab") as file:
            file.write(b"\n")


class Act(NamedTuple):
    """An intent with its outcome; None: unknown."""

    intent: Mapping[str, Any]
    outcome: Mapping[str, Any] | None


def acts(entries: Sequence[Mapping[str, Any]], kind: str) -> list[Act]:
    """Pair the intents of a kind with what came of them."""
    outcomes = {entry["of"]: entry for entry in entries if entry["kind"] == "outcome"}
    return [Act(entry, outcomes.get(entry["n"])) for entry in entries if entry["kind"] == kind]
