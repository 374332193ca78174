"""Publishing that outlives the bus: what happens when it goes, while it is away, and when it is back."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BusUnavailable, Defect
from services.runtime.telemetry import FACTS_PUBLISHED, SPOOL_FACTS, SPOOLED
from tests.spool_cases import CELLS, PATIENCE_S, House, turned


@pytest.fixture
async def house(tmp_path):
    house = House(tmp_path)
    yield house
    house.bus.mode("up")
    await house.stop()


# ---- the bus is there


async def test_a_fact_goes_to_the_bus_and_nowhere_else(house, monkeypatch):
    monkeypatch.setattr(house.spool, "put", None)
    await house.publish(1, 2)
    await house.publish(3, cell="hill")
    await house.publisher.publish([])
    assert (house.bus.ids(), house.bus.ids("hill")) == (["f1", "f2"], ["f3"])
    assert house.metrics.value(FACTS_PUBLISHED, type="contact.dialog_turned") == 3
    assert not any(lane.news.is_set() or lane.open for lane in house.spool.lanes)


async def test_facts_of_several_cells_in_one_call(house):
    await house.publisher.publish([turned(1), turned(2, "hill"), turned(3, "west"), turned(4)])
    assert [house.bus.ids(cell) for cell in CELLS] == [["f1", "f4"], ["f3"], ["f2"]]


# ---- the bus goes


@pytest.mark.parametrize("mode", ["down", "lost", "silent"])
async def test_whoever_meets_the_outage_goes_on_as_if_published(house, mode):
    house.bus.mode(mode)
    await house.publish(1)
    await house.publish(2)
    assert house.metrics.value(SPOOLED) == 2
    house.bus.mode("up")
    await house.spool.empty.wait() if mode != "silent" else await _restarted(house)
    assert house.bus.ids() == ["f1", "f2"]


async def _restarted(house):
    await house.stop()  # a forwarder that hangs in a silent bus would wait spool_forward_s first
    house.start()
    await house.forwarded()


async def test_a_bus_that_is_known_to_be_away_is_not_tried_first(tmp_path):
    house = House(tmp_path)
    await house._stop_forwarding()
    house.bus.mode("silent")
    for number in range(20):
        await house.publish(number)
    assert house.bus.tries == 1
    await house.publisher.close()


async def test_all_in_flight_when_it_dies_are_kept_in_the_order_of_their_calls(house):
    house.bus.mode("silent")
    calls = [asyncio.create_task(house.publish(number)) for number in range(8)]
    await asyncio.gather(*calls)
    house.bus.mode("up")
    await _restarted(house)
    assert house.bus.ids() == [f"f{number}" for number in range(8)]


async def test_what_is_spooled_does_not_pass_an_earlier_one_that_is_still_in_flight(tmp_path):
    house = House(tmp_path, spool_after_s=PATIENCE_S)
    house.bus.mode("silent")
    first = asyncio.create_task(house.publish(1))
    await house.bus.tried.wait()
    house.bus.mode("down")
    await house.publish(2)
    house.bus.mode("up")
    lane = house.spool.lanes[0]
    assert await house.spool.first(lane) == []
    first.cancel()  # nobody was told that it is durable, so nothing has to wait for it any more
    await house.forwarded()
    assert house.bus.ids() == ["f2"]
    await house.stop()


async def test_a_partition_that_is_away_holds_up_no_other(house):
    house.bus.modes[0] = "down"
    await house.publish(1)
    await house.publish(2, cell="hill")
    assert (house.bus.ids(), house.bus.ids("hill")) == ([], ["f2"])
    assert house.metrics.value(SPOOLED) == 1


async def test_a_caller_that_gives_up_leaves_no_place_behind(house):
    house.bus.mode("silent")
    for _ in range(3):
        call = asyncio.create_task(house.publish(1))
        await house.bus.tried.wait()
        call.cancel()
        await asyncio.wait({call})
        house.bus.tried.clear()
    assert [lane.open for lane in house.spool.lanes] == [set(), set()]


# ---- the bus is back


async def test_new_facts_queue_behind_what_is_being_forwarded(house):
    house.bus.mode("down")
    await house.publish(*range(3))
    at_work, go_on = asyncio.Event(), asyncio.Event()
    publish = house.bus.publish

    async def slowly(*what):
        at_work.set()
        await go_on.wait()
        return await publish(*what)

    house.bus.publish = slowly
    house.bus.mode("up")
    await at_work.wait()
    await house.publish(3)
    await house.publish(4)
    assert house.bus.ids() == []
    go_on.set()
    await house.forwarded()
    await house.publish(5)
    assert house.bus.ids() == [f"f{number}" for number in range(6)]
    assert house.metrics.value(SPOOL_FACTS, outcome="forwarded") == 5
    assert house.metrics.value(FACTS_PUBLISHED, type="contact.dialog_turned") == 6


async def test_a_backlog_of_many_batches_is_forwarded_whole(house):
    house.bus.mode("down")
    for start in range(0, 1200, 100):
        await house.publish(*range(start, start + 100))
    house.bus.mode("up")
    await house.forwarded()
    assert house.bus.ids() == [f"f{number}" for number in range(1200)]


async def test_a_forwarder_whose_answer_was_lost_forwards_again(house):
    house.bus.mode("lost")
    await house.publish(1)
    tries = house.bus.tries
    while house.bus.tries < tries + 3:
        house.bus.tried.clear()
        await house.bus.tried.wait()
    house.bus.mode("up")
    await house.forwarded()
    assert house.bus.ids() == ["f1"]


async def test_a_silent_bus_is_given_up_and_tried_again(tmp_path):
    house = House(tmp_path, spool_forward_s=0.01)
    house.bus.mode("silent")
    await house.publish(1)
    house.bus.tried.clear()
    await house.bus.tried.wait()
    house.bus.mode("up")
    await house.forwarded()
    assert house.bus.ids() == ["f1"]
    await house.stop()


async def test_the_folder_is_looked_through_while_we_run(tmp_path):
    house = House(tmp_path, spool_look_s=0.001)
    neighbour = House(tmp_path, house.bus)
    await neighbour._stop_forwarding()
    house.bus.mode("down")
    await neighbour.publish(1)
    house.bus.mode("up")
    await neighbour.publisher.close()
    async with asyncio.timeout(PATIENCE_S):
        while not house.bus.ids():
            house.bus.tried.clear()
            await house.bus.tried.wait()
    await house.forwarded()
    await house.stop()
    assert house.bus.ids() == ["f1"]
    assert list(house.folder.iterdir()) == []


# ---- what does not fit


async def test_when_the_spool_is_full_the_caller_hears_of_it(tmp_path):
    house = House(tmp_path, spool_facts_max=2)
    house.bus.mode("down")
    await house.publish(1)
    with pytest.raises(BusUnavailable):
        await house.publish(2, 3)
    await house.publish(4)
    house.bus.mode("up")
    await house.forwarded()
    await house.publish(5)
    assert house.bus.ids() == ["f1", "f4", "f5"]
    await house.stop()


async def test_a_fact_that_no_bus_takes_is_a_defect_at_once(house):
    house.bus.mode("down")
    await house.publish(1)
    with pytest.raises(Defect):
        await house.publisher.publish([turned(2, said="x" * 1_000_000)])
    assert house.metrics.value(SPOOLED) == 1


async def test_one_that_the_bus_refuses_is_put_aside_and_holds_up_no_other(house):
    house.bus.mode("down")
    await house.publish(1, 2, 3)
    house.bus.refused = ("f2",)
    house.bus.mode("up")
    await house.forwarded()
    assert house.bus.ids() == ["f1", "f3"]
    (kept,) = house.folder.glob("refused-*.json")
    assert b'"f2"' in kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert house.metrics.value(SPOOL_FACTS, outcome="put_aside") == 1


# ---- the end


async def test_the_end_waits_for_what_can_be_forwarded(tmp_path):
    house = House(tmp_path, spool_drain_s=PATIENCE_S)
    house.bus.mode("down")
    await house.publish(1)
    house.bus.mode("up")
    await house.publisher.drain()
    await house.stop()
    assert house.bus.ids() == ["f1"]
    assert list(house.folder.iterdir()) == []


async def test_the_end_leaves_the_rest_to_the_next_start(house):
    house.bus.mode("down")
    await house.publish(1)
    await house.publisher.drain()
    await house.stop()
    house.bus.mode("up")
    house.start()
    await house.publish(2)
    await house.forwarded()
    assert house.bus.ids() == ["f1", "f2"]


# ---- any interleaving


CELL = st.sampled_from(CELLS)
PUBLISH = st.one_of(
    st.tuples(st.just("publish"), CELL, st.integers(1, 3)),
    st.tuples(st.just("burst"), CELL, st.integers(2, 5)),
    st.tuples(st.just("cut short"), CELL, st.integers(1, 4), st.integers(0, 10)),
)
WORLD = st.one_of(
    st.tuples(
        st.just("mode"), st.sampled_from(["up", "down", "lost", "silent"]), st.sampled_from([(0, 1), (0,), (1,)])
    ),
    st.tuples(st.just("run"), st.integers(1, 30)),
    st.just(("wait",)),
    st.sampled_from([("stop",), ("kill",)]),
)
STEPS = st.lists(st.one_of(PUBLISH, WORLD), min_size=5, max_size=30)


class Ledger:
    """What was acknowledged, with the moments at which its publishing began and ended."""

    def __init__(self, house):
        self.house = house
        self.entries = []
        self._moment = self._number = 0

    async def publish(self, cell, count):
        numbers = range(self._number, self._number + count)
        self._number += count
        begun = self._tick()
        spool = self.house.spool
        await self.house.publish(*numbers, cell=cell)
        if spool is self.house.spool:  # else it was killed meanwhile, and nobody heard of this
            self.entries.append((cell, begun, self._tick(), [f"f{number}" for number in numbers]))

    async def cut_short(self, cell, count, turns):
        """Kill the process while it publishes."""
        calls = [asyncio.create_task(self.publish(cell, 2)) for _ in range(count)]
        for _ in range(turns):
            await asyncio.sleep(0)
        image = self.house.next_image()
        for call in calls:
            call.cancel()
        await asyncio.wait(calls)
        await self.house.stop()
        self.house.folder = image
        self.house.start()

    def check(self):
        for cell in CELLS:
            log = self.house.bus.ids(cell)
            mine = [entry for entry in self.entries if entry[0] == cell]
            assert {name for *_, names in mine for name in names} <= set(log), "none is lost"
            for _, _, ended, names in mine:
                places = [log.index(name) for name in names]
                assert places == sorted(places), "in the order of one call"
                later = [name for _, since, _, others in mine if since > ended for name in others]
                assert all(log.index(name) > max(places) for name in later), "and of one call after the other"

    def _tick(self):
        self._moment += 1
        return self._moment


async def live(house, steps):
    ledger = Ledger(house)
    for step, *what in steps:
        if step == "publish":
            await ledger.publish(*what)
        elif step == "burst":
            cell, count = what
            await asyncio.gather(*(ledger.publish(cell, 1) for _ in range(count)))
        elif step == "cut short":
            await ledger.cut_short(*what)
        elif step == "mode":
            mode, partitions = what
            house.bus.modes |= dict.fromkeys(partitions, mode)
        elif step == "run":
            for _ in range(what[0]):
                await asyncio.sleep(0)
        elif step == "wait":
            if set(house.bus.modes.values()) == {"up"}:
                await house.forwarded()
        else:
            await getattr(house, step)()
            house.start()
    house.bus.mode("up")
    await house.kill()
    house.start()
    await house.forwarded()
    await house.stop()
    ledger.check()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(STEPS)
def test_whatever_happens_each_acknowledged_fact_is_on_the_log_in_order(steps):
    async def alive(folder):
        await live(House(folder, spool_after_s=0.005, spool_forward_s=0.005, spool_look_s=0.005), steps)

    with TemporaryDirectory() as folder:
        asyncio.run(alive(Path(folder)))
