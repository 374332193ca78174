"""How many webhooks are under way at once. What comes beyond is answered at once, without work and without a wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Transient
from services.runtime.telemetry import LIMIT_REACHED, Metrics


class Busy(Transient):
    """So many are under way already that this one is not begun."""


class Gate:
    """Lets so many in; `name` is the limit under which those who are turned away are counted."""

    def __init__(self, name: str, places_max: int, metrics: Metrics) -> None:
        self._name = name
        self._free = places_max
        self._metrics = metrics

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place; raises `Busy` if there is none."""
        if self._free <= 0:
            self._metrics.count(LIMIT_REACHED, limit=self._name)
            raise Busy(f"{self._name} are under way")
        self._free -= 1
        try:
            yield
        finally:
            self._free += 1
