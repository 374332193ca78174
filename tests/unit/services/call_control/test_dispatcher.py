import asyncio

import pytest

from services.call_control.dispatcher import Dispatcher
from services.runtime.telemetry import CARRIER_ACTS_PENDING, LIMIT_REACHED, Metrics


class Gate:
    """Work that waits until it is let through, and tells in which order it began."""

    def __init__(self):
        self.begun = []
        self.doors = {}

    def work(self, name):
        self.doors[name] = asyncio.Event()

        async def do():
            self.begun.append(name)
            await self.doors[name].wait()

        return do


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
async def dispatcher(metrics):
    dispatcher = Dispatcher(at_once_max=2, pending_max=3, metrics=metrics)
    yield dispatcher
    await dispatcher.close()


async def test_serial_for_one_and_side_by_side_for_others(dispatcher):
    gate = Gate()
    for offset, (contact, name) in enumerate([("a", "a1"), ("a", "a2"), ("b", "b1")]):
        dispatcher.submit(contact, (0, offset), gate.work(name))
    await settle()
    assert gate.begun == ["a1", "b1"]
    gate.doors["a1"].set()
    await settle()
    assert gate.begun == ["a1", "b1", "a2"]


async def test_no_more_at_once_than_allowed(dispatcher):
    gate = Gate()
    for offset, contact in enumerate("abc"):
        dispatcher.submit(contact, (0, offset), gate.work(contact))
    await settle()
    assert gate.begun == ["a", "b"]
    gate.doors["b"].set()
    await settle()
    assert gate.begun == ["a", "b", "c"]


async def test_an_offset_is_dealt_with_when_all_before_it_are(dispatcher, metrics):
    gate = Gate()
    for offset, name in ((5, "a"), (7, "b"), (7, "c")):
        dispatcher.submit(name, (0, offset), gate.work(name))
    assert dispatcher.low_water(0, 9) == 5
    assert dispatcher.low_water(1, 4) == 4
    gate.doors["b"].set()
    await settle()
    assert dispatcher.low_water(0, 9) == 5
    gate.doors["a"].set()
    await settle()
    assert dispatcher.low_water(0, 9) == 7
    assert metrics.value(CARRIER_ACTS_PENDING) == 1
    gate.doors["c"].set()
    await dispatcher.idle()
    assert dispatcher.low_water(0, 9) == 9
    assert dispatcher.pending == 0


async def test_room_is_waited_for(dispatcher, metrics):
    gate = Gate()
    for offset, name in enumerate("abc"):
        dispatcher.submit(name, (0, offset), gate.work(name))
    waiting = asyncio.ensure_future(dispatcher.room())
    await settle()
    assert not waiting.done()
    assert metrics.value(LIMIT_REACHED, limit="carrier_acts_pending_max") >= 1
    gate.doors["a"].set()
    await waiting


async def test_work_that_raises_is_not_dealt_with_and_is_told(dispatcher):
    async def fail():
        raise ZeroDivisionError

    dispatcher.submit("a", (0, 3), fail)
    with pytest.raises(ZeroDivisionError):
        await dispatcher.idle()
    assert dispatcher.low_water(0, 9) == 3
    with pytest.raises(ZeroDivisionError):
        await dispatcher.room()


async def test_what_is_given_up_stays_open(dispatcher):
    gate = Gate()
    dispatcher.submit("a", (0, 3), gate.work("a"))
    await settle()
    await dispatcher.close()
    assert dispatcher.low_water(0, 9) == 3


async def test_a_contact_may_come_again(dispatcher):
    done = []

    async def work():
        done.append(1)

    for offset in range(2):
        dispatcher.submit("a", (0, offset), work)
        await dispatcher.idle()
    assert done == [1, 1]
