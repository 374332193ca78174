"""A group's member reads on where it stood, whatever the bus did in between."""

from contextlib import suppress

import pytest

from schemas.decisions import ConfigAdopted
from schemas.errors import BusUnavailable, OffsetGone
from services.runtime.decisions_reader import DecisionsReader, GroupDecisionsReader, place
from services.runtime.embedded_bus import EmbeddedBus
from tests.carrier_cases import DecisionsLog


class Flaky:
    """A bus that does not say where a partition ends while it is `failing`."""

    def __init__(self, bus):
        self._bus = bus
        self.failing = False

    def __getattr__(self, name):
        return getattr(self._bus, name)

    async def bounds(self, where):
        if self.failing:
            raise BusUnavailable("no answer")
        return await self._bus.bounds(where)


@pytest.fixture
async def bus(tmp_path):
    async with EmbeddedBus(tmp_path / "bus.db", 2) as bus:
        yield Flaky(bus)


async def decided(bus, partition, count):
    log = DecisionsLog(bus, partition)
    for version in range(count):
        await log.decide(ConfigAdopted(tenant="demo", version=version))


def versions(steps):
    return [step.step.decisions[0].version for step in steps]


async def test_what_was_fetched_while_the_bus_went_away_is_handed_over_later(bus):
    await decided(bus, 0, 3)
    async with GroupDecisionsReader(bus, "readers") as reader:
        bus.failing = True  # which owner counts is asked for when a partition is new
        with pytest.raises(BusUnavailable):
            await reader.fetch()
        bus.failing = False
        assert versions(await reader.fetch()) == [0, 1, 2]


async def test_what_was_read_before_the_bus_went_away_is_not_lost(bus):
    await decided(bus, 0, 2)
    async with GroupDecisionsReader(bus, "readers") as reader:
        assert versions(await reader.fetch()) == [0, 1]
        log = DecisionsLog(bus, 0)
        await log.decide(ConfigAdopted(tenant="demo", version=7))
        await decided(bus, 1, 1)
        bus.failing = True
        seen = []
        with suppress(BusUnavailable):  # whichever partition comes first
            seen += versions(await reader.fetch())
        bus.failing = False
        seen += versions(await reader.fetch())
        assert sorted(seen) == [0, 7]


async def test_a_start_that_retention_has_passed_is_told_and_nothing_is_left_out_in_silence(bus):
    await decided(bus, 0, 3)
    await bus.trim(place(0), 2)
    with pytest.raises(OffsetGone, match="first is 2"):
        async with DecisionsReader(bus, partitions=[0], starts={0: 1}):
            pass
    for starts in ({0: 2}, {}):
        async with DecisionsReader(bus, partitions=[0], starts=starts) as reader:
            assert reader.next_offset(0) == 2
