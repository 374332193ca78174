"""The one thread that writes to the embedded bus's file."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Final

from schemas.errors import BusUnavailable
from services.runtime.bus import Record
from services.runtime.embedded_store import Append, Operation, Store

_BATCH_OPERATIONS_MAX: Final = 2_000
_BATCH_BYTES_MAX: Final = 8 * 1024 * 1024

_Waiting = tuple[Operation, "asyncio.Future[list[Record]]"]


class Writer:
    """The one writer thread: whatever waits when it is free becomes one transaction."""

    def __init__(
        self,
        store: Store,
        loop: asyncio.AbstractEventLoop,
        settled: Callable[[Operation, Sequence[Record] | None], None],
    ) -> None:
        self._store = store
        self._loop = loop
        self._settled = settled  # called on the loop, in order of commit; None stands for "not written"
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="bus-write", daemon=True)
        self._thread.start()

    def submit(self, operation: Operation) -> "asyncio.Future[list[Record]]":
        """Queue an operation; the future gets its records once they are durable. It may be cancelled at no harm."""
        future: asyncio.Future[list[Record]] = self._loop.create_future()
        self._waiting.put((operation, future))
        return future

    def close(self) -> None:
        """Write what waits, then end; blocks, so call it from another thread than the loop's."""
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            batch = self._take()
            if batch:
                self._write(batch)

    def _take(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        waiting = self._waiting.get()
        while waiting is not None:
            batch.append(waiting)
            size += waiting[0].size if isinstance(waiting[0], Append) else 0
            if len(batch) >= _BATCH_OPERATIONS_MAX or size >= _BATCH_BYTES_MAX:
                return batch
            try:
                waiting = self._waiting.get_nowait()
            except queue.Empty:
                return batch
        self._closing = True
        return batch

    def _write(self, batch: list[_Waiting]) -> None:
        outcomes: list[list[Record]] | None = None
        problem: Exception | None = None
        try:
            outcomes = self._store.write([operation for operation, _ in batch])
        except Exception as error:  # noqa: BLE001 - the thread must outlive any failure; the publishers are told
            problem = error
        self._loop.call_soon_threadsafe(self._settle, batch, outcomes, problem)

    def _settle(self, batch: list[_Waiting], outcomes: list[list[Record]] | None, problem: Exception | None) -> None:
        for position, (operation, future) in enumerate(batch):
            records = None if outcomes is None else outcomes[position]
            self._settled(operation, records)
            if future.done():
                continue  # its caller was cancelled
            if records is None:
                future.set_exception(BusUnavailable(f"the log could not be written: {problem}"))
            else:
                future.set_result(records)
