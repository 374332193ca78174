"""The time that the simulation runs on, so that a test can move it by hand."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Protocol

SETTLE_ROUNDS = 50  # turns of the loop that tasks get to react, and to set timers of their own


class Pace(Protocol):
    """Simulated seconds."""

    def now(self) -> datetime:
        """Return the simulated time, in UTC."""
        ...

    def after(self, seconds: float) -> asyncio.Future[None]:
        """Return a future that is done after so many simulated seconds; it is set at once, before any await."""
        ...


async def sleep(pace: Pace, seconds: float) -> None:
    """Sleep simulated seconds; none at all for zero or less."""
    if seconds > 0:
        await pace.after(seconds)


class RealPace:
    """Simulated time that runs `speed` times as fast as the clock on the wall."""

    def __init__(self, speed: float = 1.0) -> None:
        assert speed > 0, "time runs forward"
        self._speed = speed

    def now(self) -> datetime:
        """Return the wall's time; only durations are scaled."""
        return datetime.now(UTC)

    def after(self, seconds: float) -> asyncio.Future[None]:
        """Return a future that the event loop's clock sets."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        handle = loop.call_later(seconds / self._speed, _set, future)
        future.add_done_callback(lambda _: handle.cancel())
        return future


class ManualPace:
    """Simulated time that stands still until a test moves it."""

    def __init__(self, start: datetime = datetime(2030, 1, 7, 14, 2, tzinfo=UTC)) -> None:
        self._now = start
        self._timers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> datetime:
        """Return the time that the test has moved to."""
        return self._now

    def after(self, seconds: float) -> asyncio.Future[None]:
        """Return a future that `advance` sets."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._timers, (self._now + timedelta(seconds=seconds), next(self._order), future))
        return future

    async def advance(self, seconds: float) -> None:
        """Move time; timers fire one by one, and what they wake runs before the next one fires."""
        target = self._now + timedelta(seconds=seconds)
        await settle()
        while self._timers and self._timers[0][0] <= target:
            self._now, _, future = heapq.heappop(self._timers)
            _set(future)
            await settle()
        self._now = target


async def settle() -> None:
    """Let every task run until all of them wait for something outside the loop, or for long enough."""
    for _ in range(SETTLE_ROUNDS):
        await asyncio.sleep(0)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
