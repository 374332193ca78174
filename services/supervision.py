"""What becomes of a loop that fails.

A loop that calls depend on ends the process, in order, so that another pod or the next start takes over. One that they
do not depend on, such as the read model's, is started again after a pause: callers shall not notice that it failed.
What an error says is not shown: it might quote a caller.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from schemas.errors import FrontdoorError
from services.runtime.process import Process
from services.runtime.telemetry import LOOPS_FAILED, Metrics, get_logger

AGAIN_S: Final = 5.0
log = get_logger(__name__)

Loop = Callable[[], Coroutine[Any, Any, None]]
Sleep = Callable[[float], Coroutine[Any, Any, None]]


class ProcessFailed(FrontdoorError):
    """A loop that calls depend on has failed; the log says where."""


class Supervisor:
    """Runs the loops of processes. `failed` tells which process cannot go on."""

    def __init__(self, metrics: Metrics, *, sleep: Sleep = asyncio.sleep) -> None:
        self._metrics = metrics
        self._sleep = sleep
        self.failed: str | None = None
        self.failure = asyncio.Event()

    async def run(self, process: Process, loop: Loop) -> None:
        """Run one loop until cancelled, or until it has failed for good."""
        while True:
            try:
                return await loop()
            except Exception:
                log.exception("process.loop_failed", process=process.name)
                self._metrics.count(LOOPS_FAILED, process=process.name)
            if process.vital:
                self.failed = process.name
                self.failure.set()
                return None
            await self._sleep(AGAIN_S)
