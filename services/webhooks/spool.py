"""Facts that wait on this machine's disk while the bus is away, in lanes: one for each partition of `intake`.

A fact takes its place in line before anything is tried with it. Those of a lane leave in the order of their places, and
none passes one whose outcome is still open. What many webhooks want to write at the same time is one transaction, so
that they share the cost of an fsync.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from schemas.errors import BusUnavailable, Transient
from schemas.ids import CellId
from schemas.topics import partition_of
from services.runtime.clock import Clock
from services.runtime.ids import new_id
from services.runtime.limits import Limits
from services.runtime.telemetry import LIMIT_REACHED, SPOOL_AGE, SPOOL_FACTS, SPOOLED, Metrics, get_logger
from services.webhooks.spool_file import Spooled, SpoolFile, leftovers

_FIRST_PLACE: Final = 2**40  # of our own facts; below are those that we adopt, which are older
T = TypeVar("T")
_log = get_logger(__name__)


@dataclass(slots=True)
class Lane:
    """What waits for one partition."""

    number: int
    waiting: int = 0  # facts that have not reached the bus; while there are any, later ones queue behind them
    oldest_ms: int = 0  # since when the first of them waits
    open: set[int] = field(default_factory=set)  # places whose facts are on their way to the bus or to the disk
    news: asyncio.Event = field(default_factory=asyncio.Event)  # there may be something to forward

    def release(self, place: int) -> None:
        """Say that the outcome of a place is known."""
        self.open.discard(place)
        if self.waiting:
            self.news.set()


class Spool:
    """The facts that wait, in a file of this process's own in `folder`. All methods belong to one event loop.

    Making one adopts what ended processes have left in the folder; it blocks, and belongs to the start.

    Raises:
        ConfigurationError: the folder cannot be written to.
    """

    def __init__(self, folder: Path, lanes: int, *, clock: Clock, limits: Limits, metrics: Metrics) -> None:
        self.lanes = [Lane(number) for number in range(lanes)]
        self.empty = asyncio.Event()
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._folder = folder
        self._count = self._bytes = 0
        self._next_place = _FIRST_PLACE
        self._next_adopted = 0
        self._pending: list[tuple[Sequence[Spooled], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._file = SpoolFile.create(folder / f"{new_id()}.db")
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._adopt_at_the_start()
        self._show()

    def reserve(self, lane: Lane, count: int) -> int:
        """Return the first of `count` places in line; `lane.release` gives it back once the outcome is known."""
        place = self._next_place
        self._next_place += count
        lane.open.add(place)
        return place

    async def put(self, lane: Lane, place: int, facts: Sequence[tuple[str, str, bytes]]) -> None:
        """Write facts (cell, type, record) to the disk, at their place. From this call on the lane has waiting facts.

        A caller that is cancelled leaves them on their way. Raises `BusUnavailable` when the spool is full or the disk
        fails; nothing of them is there then.
        """
        size = sum(len(value) for _, _, value in facts)
        self._require_room(len(facts), size)
        now_ms = int(self._clock.now().timestamp() * 1000)
        rows = [
            Spooled(place + index, lane.number, cell, kind, value, now_ms)
            for index, (cell, kind, value) in enumerate(facts)
        ]
        self._enter(lane, rows)
        written = asyncio.get_running_loop().create_future()
        self._pending.append((rows, written))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await written

    async def first(self, lane: Lane) -> list[Spooled]:
        """Return what is to be forwarded next, up to a batch; empty while the outcome of an earlier place is open.

        This and whatever else goes to the disk raises `Transient` when the disk fails.
        """
        before = min(lane.open, default=None)
        found = await self._in_thread(lambda: self._file.first(lane.number, before=before))
        if found:
            lane.oldest_ms = found[0].spooled_ms
        return found

    async def forget(self, lane: Lane, facts: Sequence[Spooled]) -> None:
        """Delete facts that are on the bus, durably."""
        await self._in_thread(lambda: self._file.delete(facts))
        self._leave(lane, facts)

    async def adopt(self) -> None:
        """Take over what processes that ended meanwhile have left in the folder."""
        found = leftovers(self._folder)
        try:
            while rows := await self._in_thread(lambda: self._adopt(next(found, []))):
                self._adopted(rows)
        finally:
            self._thread.submit(found.close)  # it may be at work there at this moment

    async def put_aside(self, fact: Spooled) -> None:
        """Keep a record that the bus does not take in a file of its own, for people."""
        await self._in_thread(lambda: self._file.put_aside(fact))
        self._metrics.count(SPOOL_FACTS, outcome="put_aside")
        _log.error("spool.put_aside", cell=fact.cell, type=fact.type, seq=fact.seq)

    def show_age(self) -> None:
        """Set the gauge of the oldest fact's age."""
        oldest_ms = min((lane.oldest_ms for lane in self.lanes if lane.waiting), default=None)
        age_s = 0.0 if oldest_ms is None else self._clock.now().timestamp() - oldest_ms / 1000
        self._metrics.set(SPOOL_AGE, max(0.0, age_s))

    async def close(self) -> None:
        """Write what is on its way, and close the file: empty, it is deleted; else the next start adopts it."""
        if self._writing is not None:
            await self._writing
        await self._in_thread(self._file.close)
        self._thread.shutdown(wait=False)

    async def _write(self) -> None:
        while self._pending:
            batch, self._pending = self._pending, []
            problem = await self._written([row for rows, _ in batch for row in rows])
            for rows, written in batch:
                self._settle(self.lanes[rows[0].lane], rows, written, problem)
        self._writing = None

    def _settle(
        self, lane: Lane, rows: Sequence[Spooled], written: asyncio.Future[None], problem: BusUnavailable | None
    ) -> None:
        self._metrics.count(SPOOL_FACTS, len(rows), outcome="refused" if problem else "spooled")
        if problem is not None:
            self._leave(lane, rows)
        lane.news.set()
        if written.done():
            return  # its caller was cancelled
        if problem is None:
            written.set_result(None)
        else:
            written.set_exception(problem)

    async def _written(self, rows: Sequence[Spooled]) -> BusUnavailable | None:
        try:
            await self._in_thread(lambda: self._file.append(rows))
        except Exception as error:  # noqa: BLE001  whatever it is, those who wait are told
            _log.exception("spool.not_written", count=len(rows))
            return BusUnavailable(f"neither the bus nor the disk took it: {type(error).__name__}")
        return None

    def _require_room(self, count: int, size: int) -> None:
        for name, value in (("spool_facts_max", self._count + count), ("spool_bytes_max", self._bytes + size)):
            if value > getattr(self._limits, name):
                self._metrics.count(LIMIT_REACHED, limit=name)
                self._metrics.count(SPOOL_FACTS, count, outcome="refused")
                raise BusUnavailable("the bus is away and the spool is full")

    def _adopt_at_the_start(self) -> None:
        try:
            with closing(leftovers(self._folder)) as found:
                for batch in found:
                    self._adopted(self._adopt(batch))
        except (Transient, sqlite3.Error, OSError) as error:
            # Callers need us all the same; what is left is looked for again while we run.
            _log.warning("spool.not_adopted", error=type(error).__name__)

    def _adopt(self, batch: Sequence[Spooled]) -> list[Spooled]:
        # Places below all of our own: these are older. Whatever a cut-short adoption adopts again is a repeat.
        if not batch:
            return []
        rows = [
            row._replace(seq=self._next_adopted + index, lane=partition_of(CellId(row.cell), len(self.lanes)))
            for index, row in enumerate(batch)
        ]
        self._file.append(rows)
        self._next_adopted += len(rows)
        return rows

    def _adopted(self, rows: Sequence[Spooled]) -> None:
        for lane in self.lanes:
            if own := [row for row in rows if row.lane == lane.number]:
                self._enter(lane, own)
                lane.news.set()
        self._metrics.count(SPOOL_FACTS, len(rows), outcome="adopted")

    def _enter(self, lane: Lane, rows: Sequence[Spooled]) -> None:
        lane.oldest_ms = min(lane.oldest_ms, rows[0].spooled_ms) if lane.waiting else rows[0].spooled_ms
        lane.waiting += len(rows)
        self._count += len(rows)
        self._bytes += sum(len(row.value) for row in rows)
        self._show()

    def _leave(self, lane: Lane, rows: Sequence[Spooled]) -> None:
        lane.waiting -= len(rows)
        self._count -= len(rows)
        self._bytes -= sum(len(row.value) for row in rows)
        self._show()

    def _show(self) -> None:
        (self.empty.clear if self._count else self.empty.set)()
        self._metrics.set(SPOOLED, self._count)
        self.show_age()

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, call)
        except (sqlite3.Error, OSError) as error:
            raise Transient(f"the disk under the spool failed: {type(error).__name__}") from error
