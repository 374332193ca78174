"""Hold and try again while something outside does not answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import (
    TimeoutError as PoolTimeoutError,
)

from schemas.errors import Transient
from services.runtime.telemetry import RECORDS_RETRIES, Metrics, get_logger

FIRST_PAUSE_S: Final = 0.05
# Errors of ours that no wait mends; every other error of a driver is the server's or the network's.
_OURS: Final = (DataError, IntegrityError, NotSupportedError, ProgrammingError)

T = TypeVar("T")
Sleep = Callable[[float], Awaitable[None]]
_log = get_logger(__name__)


def is_transient(error: BaseException) -> bool:
    """Return whether the same attempt may succeed later."""
    if isinstance(error, DBAPIError):
        return not isinstance(error, _OURS)
    return isinstance(error, Transient | OSError | PoolTimeoutError)


class Patience:
    """Repeats an attempt with pauses that double up to `pause_s_max`. `trouble` names what it waits for, or None."""

    def __init__(self, metrics: Metrics, *, pause_s_max: float, sleep: Sleep = asyncio.sleep) -> None:
        self._metrics = metrics
        self._pause_s_max = pause_s_max
        self._sleep = sleep
        self.trouble: str | None = None

    async def until_done(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what `attempt` returns in the end; it must be harmless to repeat. Other errors pass through."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                result = await attempt()
            except Exception as error:
                if not is_transient(error):
                    raise
                if self.trouble != what:
                    _log.warning("records.waiting", reason=what, error=type(error).__name__)
                self.trouble = what
                self._metrics.count(RECORDS_RETRIES, what=what)
            else:
                self.trouble = None
                return result
            await self._sleep(pause_s)
            pause_s = min(pause_s * 2, self._pause_s_max)
