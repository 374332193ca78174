"""Both logs of one partition, and a network that repeats, delays and reorders what is written to `intake`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from schemas.ids import fact_id
from schemas.intake import FactEnvelope

START = datetime(2030, 1, 7, 9, 2, tzinfo=UTC)


@dataclass
class Clock:
    """Simulated time: whatever is to happen, in order."""

    second: float = 0.0
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: Any = field(default_factory=count)

    def now(self, skew: float = 0.0) -> datetime:
        return START + timedelta(seconds=self.second + skew)

    def later(self, delay: float, act: Callable[[], None]) -> None:
        heappush(self._due, (self.second + max(delay, 0.0), next(self._number), act))

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            self.second, _, act = heappop(self._due)
            act()
        self.second = until


class Logs:
    """`intake` and `decisions`, each an append-only list; an offset is an index."""

    def __init__(self, random: Random, clock: Clock) -> None:
        self._random, self._clock = random, clock
        self._made = count(1)
        self.intake: list[FactEnvelope] = []
        self.decisions: list[Any] = []
        self.appended_at = 0.0  # when `decisions` last grew
        self.watchers: list[Callable[[], None]] = []
        self.calm = False  # the network behaves: for the end of a run

    def publish(self, data: Any, *, tenant: str | None = "demo") -> None:
        """Send a fact on its way: at once mostly, late sometimes, twice now and then."""
        subject = getattr(data, "contact_id", None) or getattr(data, "agent_id", None) or "demo"
        envelope = FactEnvelope.around(
            data,
            id=fact_id("simulated", str(next(self._made))),
            source="/simulation",
            subject=subject,
            time=self._clock.now(),
            cell="demo",
            tenant=tenant,
        )
        self.send(envelope)

    def send(self, envelope: FactEnvelope) -> None:
        self._clock.later(self._delay(), lambda: self._deliver(envelope))
        if not self.calm and self._random.random() < 0.08:
            self._clock.later(self._delay() + self._random.expovariate(0.1), lambda: self._deliver(envelope))

    def _delay(self) -> float:
        roll = self._random.random()
        if self.calm or roll < 0.75:
            return 0.0
        return self._random.uniform(0, 3) if roll < 0.96 else self._random.uniform(3, 40)

    def _deliver(self, envelope: FactEnvelope) -> None:
        self.intake.append(envelope)
        self._tell()

    def append(self, record: Any) -> None:
        self.decisions.append(record)
        self.appended_at = self._clock.second
        self._tell()

    def _tell(self) -> None:
        for watcher in self.watchers:
            watcher()
