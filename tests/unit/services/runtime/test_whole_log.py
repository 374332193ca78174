"""The snapshots' reader and the tenants' go by this one: a slow broker is no end, and a gap is no more to come."""

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import BusUnavailable
from services.routing import snapshots
from services.routing.snapshots import Snapshot
from services.runtime.bus import Message, Place, Record
from services.runtime.clock import ManualClock
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.whole_log import SILENT_FETCHES_MAX, read_whole

PLACE = Place("snapshots", 1)


async def test_everything_is_handed_over_in_order(bus: Any) -> None:
    await bus.publish(*PLACE, [Message(str(number).encode(), key=str(number)) for number in range(3)])
    bus.fetched = [None]
    taken: list[Record] = []
    await read_whole(bus, PLACE, taken.append)
    assert [record.offset for record in taken] == [0, 1, 2]


async def test_an_empty_partition_is_not_waited_for(bus: Any) -> None:
    bus.fetched = [AssertionError("fetched")]
    await read_whole(bus, PLACE, lambda _: None)


async def test_silence_has_an_end(bus: Any) -> None:
    await bus.publish(*PLACE, [Message(b"x", key="k")])
    bus.fetched = [None] * SILENT_FETCHES_MAX
    with pytest.raises(BusUnavailable):
        await read_whole(bus, PLACE, lambda _: None)


async def test_a_real_gap_is_passed(tmp_path: Path) -> None:
    taken: list[Record] = []
    async with EmbeddedBus(tmp_path / "bus.db", 2) as bus:
        for number in range(4):
            await bus.publish(*PLACE, [Message(str(number).encode(), key="k")])
        await read_whole(bus, PLACE, taken.append)
    assert [record.value for record in taken] == [b"3"]


async def test_a_slow_broker_has_its_snapshot_all_the_same(bus: Any, clock: ManualClock) -> None:
    snapshot = Snapshot(epoch=1, seq=2, intake_next=3, decisions_next=4, image={"cells": {}})
    await snapshots.save(bus, 1, snapshot, slot=0, at=clock.now())
    bus.fetched = [None]
    assert await snapshots.load(bus, 1) == snapshot


async def test_a_part_of_the_snapshots_is_not_taken_for_none(bus: Any, clock: ManualClock) -> None:
    await snapshots.save(bus, 1, Snapshot(1, 2, 3, 4, {}), slot=0, at=clock.now())
    bus.fetched = [None] * SILENT_FETCHES_MAX
    with pytest.raises(BusUnavailable):
        await snapshots.load(bus, 1)
