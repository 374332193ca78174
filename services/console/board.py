"""The live wall board: one producer computes it once a second, however many listen."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.console.access import Scope
from services.console.queries import board
from services.runtime.clock import Clock
from services.runtime.limits import Limits
from services.runtime.telemetry import BOARD_LISTENERS, LIMIT_REACHED, Metrics
from services.runtime.tenants import Tenants


@dataclass
class _Channel:
    """Those who listen to one scope. Only the newest board is kept, so a slow listener skips some."""

    listeners: int = 0
    latest: bytes = field(default=b"", repr=False)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(self, text: bytes) -> None:
        self.latest = text
        self.wake()

    def wake(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Board:
    """Computes boards for the scopes that someone listens to."""

    def __init__(
        self,
        *,
        engine: AsyncEngine,
        tenants: Tenants,
        clock: Clock,
        metrics: Metrics,
        limits: Limits,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._engine = engine
        self._tenants = tenants
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._sleep = sleep
        self._channels: dict[Scope, _Channel] = {}
        self._closed = False

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return sum(channel.listeners for channel in self._channels.values())

    def is_full(self) -> bool:
        """Return whether one more listener would be too many, and count it if so."""
        full = self.listeners >= self._limits.board_listeners_max
        if full:
            self._metrics.count(LIMIT_REACHED, limit="board_listeners_max")
        return full

    async def run(self) -> None:
        """Compute and hand out until cancelled."""
        while True:
            await self.tick()
            await self._sleep(self._limits.board_interval_s)

    async def tick(self) -> None:
        """Compute one board per scope that has listeners."""
        for scope, channel in list(self._channels.items()):
            channel.publish(await self._event(scope))

    async def listen(self, scope: Scope) -> AsyncIterator[bytes]:
        """Yield server-sent events until the board is closed or the listener goes away."""
        channel = self._channels.setdefault(scope, _Channel())
        channel.listeners += 1
        self._metrics.set(BOARD_LISTENERS, self.listeners)
        try:
            yield b"retry: 2000\n\n" + channel.latest
            while not self._closed:
                await channel.changed.wait()
                yield b"" if self._closed else channel.latest
        finally:
            channel.listeners -= 1
            if channel.listeners == 0:
                self._channels.pop(scope, None)
            self._metrics.set(BOARD_LISTENERS, self.listeners)

    async def close(self) -> None:
        """End all streams; listeners come back to whoever serves next."""
        self._closed = True
        for channel in self._channels.values():
            channel.wake()

    async def _event(self, scope: Scope) -> bytes:
        now = self._clock.now()
        try:
            async with self._engine.connect() as connection:
                data: dict[str, Any] = await board(connection, scope.configs(self._tenants), now)
        except (SQLAlchemyError, OSError):
            # The page keeps what it shows and says that it is old.
            return f"event: stale\ndata: {json.dumps({'at': now.isoformat()})}\n\n".encode()
        return f"data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
