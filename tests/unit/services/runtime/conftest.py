"""A bus of lists, a still clock and fresh keys."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from services.runtime.bus import Bounds, Message, Place, Record
from services.runtime.clock import ManualClock
from services.runtime.crypto import RootKeys, load_root_keys


class ListBus:
    """Keeps records in lists; a reader says when it has nothing more by raising what the test asks for."""

    partitions = 4

    def __init__(self) -> None:
        self.logs: dict[Place, list[Record]] = {}
        self.failure: Exception | None = None
        self.failing_topic: str | None = None  # only this one; None: all
        self.end: type[BaseException] | None = None
        self.fetched: list[Exception | None] = []  # what the next fetches meet: an error, or None for a slow broker
        self.gap = 0  # so many offsets at the end of each log were left out by compaction

    async def publish(self, topic: str, partition: int, messages: Sequence[Message]) -> Sequence[int]:
        if self.failure and self.failing_topic in {None, topic}:
            raise self.failure
        place = Place(topic, partition)
        log = self.logs.setdefault(place, [])
        first = len(log)
        log.extend(Record(place, first + index, message.value, message.key) for index, message in enumerate(messages))
        return range(first, len(log))

    async def bounds(self, place: Place) -> Bounds:
        return Bounds(0, len(self.logs.get(place, [])) + self.gap)

    @asynccontextmanager
    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator["ListBus._Reader"]:
        yield ListBus._Reader(self, dict(starts))

    def join(self, group: str, topics: Sequence[str]) -> Any:
        raise NotImplementedError

    class _Reader:
        def __init__(self, bus: "ListBus", positions: dict[Place, int]) -> None:
            self._bus = bus
            self._positions = positions

        async def fetch(self, *, records_max: int = 500, wait_s: float = 1.0) -> Sequence[Record]:
            failure = self._bus.fetched.pop(0) if self._bus.fetched else self
            if isinstance(failure, Exception):
                raise failure
            if failure is None:
                return []
            found: list[Record] = []
            for place, position in self._positions.items():
                records = self._bus.logs.get(place, [])[position:]
                found.extend(records)
                self._positions[place] = position + len(records) if records else position + self._bus.gap
            if not found and self._bus.end:
                raise self._bus.end
            return found

        def position(self, place: Place) -> int:
            return self._positions[place]

        def add(self, place: Place, offset: int) -> None:
            self._positions[place] = offset

        def remove(self, place: Place) -> None:
            self._positions.pop(place, None)


@pytest.fixture
def bus() -> ListBus:
    return ListBus()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def roots(tmp_path: Path) -> RootKeys:
    return load_root_keys(tmp_path)


TENANT_YAML = """\
tenant: north
cell: pool
languages: [en]
carriers:
  - {carrier: twilio, account: AC1, secrets: [twilio-north]}
numbers:
  - +15005550100
facility:
  name: {en: North Clinic}
  address: {en: 1 Main Street}
  hours:
    zone: America/New_York
    week:
      mon:
        - {opens: 08:00, closes: 17:00}
    closed_on: [2030-01-01]
emergency:
  notice: {en: "If this is an emergency, hang up and dial 911."}
  queue: triage
default_queue: triage
queues:
  - name: triage
    requires: [{skill: triage}]
agents:
  - agent_id: nurse-1
    name: Nurse One
    role: nurse
    endpoint: client:nurse-1
    skills: [{skill: triage, level: 0.9}]
"""


@pytest.fixture
def tenant_file(tmp_path: Path) -> Path:
    path = tmp_path / "north.yaml"
    path.write_text(TENANT_YAML)
    return path
