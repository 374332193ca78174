"""Time as a port. UTC for whatever outlives a process, monotonic for durations within one."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

_START: Final = datetime(2030, 1, 7, 9, 2, tzinfo=UTC)  # a Monday morning


class Clock(Protocol):
    """Says what time it is."""

    def now(self) -> datetime:
        """Return the time in UTC. It may step back when the machine's clock is set."""

    def monotonic(self) -> float:
        """Return seconds since some moment; never steps back, and means nothing outside this process."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return the machine's monotonic seconds."""
        return time.monotonic()


class ManualClock:
    """A clock for tests that stands still until it is advanced."""

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._elapsed_s = 0.0

    def now(self) -> datetime:
        """Return start plus all advances."""
        return self._start + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Return the sum of all advances, in seconds."""
        return self._elapsed_s

    def advance(self, seconds: float) -> None:
        """Let time pass; `seconds` is not negative."""
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self._elapsed_s += seconds
