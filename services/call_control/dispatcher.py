"""Runs work serially per contact and side by side across contacts, and knows which offsets are dealt with."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from services.runtime.telemetry import CARRIER_ACTS_PENDING, LIMIT_REACHED, Metrics

Work = Callable[[], Awaitable[None]]
_Place = tuple[int, int]  # partition and offset


class Dispatcher:
    """At most `at_once_max` contacts are served at a time; `room` waits while `pending_max` pieces of work wait.

    Work does not raise; if it does all the same, its offset counts as not dealt with and `run` of the worker ends.
    """

    def __init__(self, *, at_once_max: int, pending_max: int, metrics: Metrics) -> None:
        self._at_once = asyncio.Semaphore(at_once_max)
        self._pending_max: Final = pending_max
        self._metrics = metrics
        self._queues: dict[str, deque[tuple[_Place, Work]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: dict[_Place, int] = {}  # how many pieces of work each record still has
        self._pending = 0  # their sum, which is wanted twice for each piece
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def pending(self) -> int:
        """How many pieces of work are not done."""
        return self._pending

    def submit(self, contact: str, place: _Place, work: Work) -> None:
        """Do `work` after all that was submitted for the contact before."""
        self._open[place] = self._open.get(place, 0) + 1
        self._pending += 1
        self._metrics.set(CARRIER_ACTS_PENDING, self._pending)
        queue = self._queues.get(contact)
        if queue is not None:
            queue.append((place, work))
            return
        self._queues[contact] = deque([(place, work)])
        task = asyncio.create_task(self._serve(contact))
        self._tasks.add(task)
        task.add_done_callback(self._served)

    def low_water(self, partition: int, read_to: int) -> int:
        """Return the offset before which everything is dealt with; `read_to` is the next one to be read."""
        return min((offset for where, offset in self._open if where == partition), default=read_to)

    async def room(self) -> None:
        """Return when there is room for more work; raises what a piece of work raised."""
        while self._failure is None and self.pending >= self._pending_max:
            self._metrics.count(LIMIT_REACHED, limit="carrier_acts_pending_max")
            await self._change()
        self._raise_failure()

    async def idle(self) -> None:
        """Return when all work is done; raises what a piece of work raised."""
        while self._failure is None and self._open:
            await self._change()
        self._raise_failure()

    async def close(self) -> None:
        """Give up what is not done; its offsets stay open."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, contact: str) -> None:
        queue = self._queues[contact]
        try:
            async with self._at_once:
                while queue:
                    place, work = queue[0]
                    await work()
                    queue.popleft()
                    self._done(place)
        finally:
            del self._queues[contact]

    def _done(self, place: _Place) -> None:
        self._open[place] -= 1
        if not self._open[place]:
            del self._open[place]
        self._pending -= 1
        self._metrics.set(CARRIER_ACTS_PENDING, self._pending)
        self._changed.set()

    def _served(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._failure = task.exception()
            self._changed.set()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure
