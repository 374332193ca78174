"""How late this process is with its work: in a rush, what has come waits for its turn before we even know of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from services.runtime.clock import Clock
from services.runtime.limits import Limits
from services.runtime.telemetry import LIMIT_REACHED, Metrics
from services.webhooks.gate import Busy

_LOOK_S: Final = 0.05


class Lateness:
    """Measures how late the event loop comes round to what it was asked to do, which is how long requests wait too."""

    def __init__(self, clock: Clock, *, limits: Limits, metrics: Metrics) -> None:
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._late_s = 0.0

    def require_time(self) -> None:
        """Raise `Busy` if there is none for anything but the shortest answer."""
        if self._late_s > self._limits.webhook_late_s:
            self._metrics.count(LIMIT_REACHED, limit="webhook_late_s")
            raise Busy("requests wait too long before they are begun")

    async def keep_measuring(self, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Look at the clock at every other moment, until cancelled."""
        while True:
            asked = self._clock.monotonic()
            await pause(_LOOK_S)
            self._late_s = self._clock.monotonic() - asked - _LOOK_S
