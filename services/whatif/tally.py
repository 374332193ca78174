"""What a reader could not use, and what it took for granted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

_SHOWN: Final = 5


@dataclass(slots=True)
class Found:
    """How often something was found, and in which lines first. Never what stood there: it may be a caller's number."""

    count: int = 0
    lines: list[int] = field(default_factory=list)

    def add(self, line: int) -> None:
        """Count one more; `line` counts from 1."""
        self.count += 1
        if len(self.lines) < _SHOWN:
            self.lines.append(line)


class Tally:
    """Lines by what became of them. Reasons are constants of the readers."""

    def __init__(self) -> None:
        self.read = 0
        self._bad: dict[str, Found] = {}
        self._passed: dict[str, Found] = {}
        self._assumed: dict[str, None] = {}

    @property
    def bad(self) -> Mapping[str, Found]:
        """Lines that should have told something and could not be understood, by reason."""
        return self._bad

    @property
    def passed(self) -> Mapping[str, Found]:
        """Lines that are in order but say nothing of callers who waited for a person, by kind."""
        return self._passed

    @property
    def assumed(self) -> Sequence[str]:
        """What the reader took for granted, one sentence each."""
        return tuple(self._assumed)

    @property
    def bad_lines(self) -> int:
        """How many lines could not be understood."""
        return sum(found.count for found in self._bad.values())

    def note_bad(self, reason: str, line: int) -> None:
        """Count a line that could not be understood."""
        self._bad.setdefault(reason, Found()).add(line)

    def note_passed(self, kind: str, line: int) -> None:
        """Count a line that is none of ours."""
        self._passed.setdefault(kind, Found()).add(line)

    def assume(self, sentence: str) -> None:
        """Remember what is taken for granted; saying it twice is harmless."""
        self._assumed[sentence] = None
