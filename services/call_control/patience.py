"""How often and how fast a carrier's API is asked again, and when it is given a rest."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from schemas.errors import CarrierUnavailable
from services.carriers.port import CarrierRefused
from services.runtime.clock import Clock
from services.runtime.limits import Limits
from services.runtime.telemetry import CARRIER_BREAKER, CARRIER_FAILURES, Metrics, get_logger

Pause = Callable[[float], Awaitable[None]]
T = TypeVar("T")
_log = get_logger(__name__)


class Unwanted(Exception):
    """What was to be done is not wanted any more."""


@dataclass(slots=True)
class _Breaker:
    failures: int = 0
    rests_until: float = 0.0


def always() -> bool:
    """Tell that what is to be done stays wanted."""
    return True


class Patience:
    """Bounded attempts with a growing pause, and one breaker for each account.

    After `breaker_failures_max` failures in a row an account is left alone for `breaker_rest_s`; attempts wait for the
    end of the rest, unless their deadline is before it. A refusal is an answer and no failure.
    """

    def __init__(self, clock: Clock, limits: Limits, metrics: Metrics, *, pause: Pause = asyncio.sleep) -> None:
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._pause = pause
        self._breakers: dict[str, _Breaker] = {}

    async def attempt(
        self,
        account: str,
        act: Callable[[], Awaitable[T]],
        *,
        attempts_max: int,
        until: datetime | None = None,
        wanted: Callable[[], bool] = always,
    ) -> T:
        """Do `act` until it succeeds, at most `attempts_max` times and not after `until`.

        Raises:
            CarrierUnavailable: the last attempt's failure, or the rest outlasts the deadline. `CarrierRefused` at once.
            Unwanted: `wanted` said no before an attempt.
        """
        attempt = 0
        while True:
            await self._rested(account, until)
            if not wanted():
                raise Unwanted
            attempt += 1
            try:
                result = await act()
            except CarrierRefused:
                self._answered(account)
                raise
            except CarrierUnavailable as failure:
                self._failed(account, failure, attempt)
                wait_s = self._limits.carrier_backoff_s * 2 ** (attempt - 1)
                if attempt >= attempts_max or self._too_late(wait_s, until):
                    raise
                await self._pause(wait_s)
            else:
                self._answered(account)
                return result

    async def _rested(self, account: str, until: datetime | None) -> None:
        while (wait_s := self._breaker(account).rests_until - self._clock.monotonic()) > 0:
            if self._too_late(wait_s, until):
                raise CarrierUnavailable("the carrier's API is given a rest")
            await self._pause(wait_s)

    def _too_late(self, wait_s: float, until: datetime | None) -> bool:
        return until is not None and self._clock.now() + timedelta(seconds=wait_s) >= until

    def _breaker(self, account: str) -> _Breaker:
        return self._breakers.setdefault(account, _Breaker())

    def _answered(self, account: str) -> None:
        if self._breaker(account).failures:
            self._breakers[account] = _Breaker()
            self._metrics.set(CARRIER_BREAKER, 0, account=account)

    def _failed(self, account: str, failure: CarrierUnavailable, attempt: int) -> None:
        status = str(failure.status or "none")
        self._metrics.count(CARRIER_FAILURES, account=account, status=status)
        _log.warning("carrier.failed", account=account, status=status, attempt=attempt)
        breaker = self._breaker(account)
        breaker.failures += 1
        if breaker.failures >= self._limits.breaker_failures_max:
            breaker.rests_until = self._clock.monotonic() + self._limits.breaker_rest_s
            self._metrics.set(CARRIER_BREAKER, 1, account=account)
