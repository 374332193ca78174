"""In a rush, callers hear something at once rather than the right thing late."""

import asyncio
from contextlib import suppress
from xml.etree import ElementTree as ET

import pytest

from services.carriers.addresses import STATUS, TURN, VOICE
from services.runtime.limits import Limits
from services.runtime.telemetry import LIMIT_REACHED
from services.webhooks.gate import Busy
from services.webhooks.lateness import Lateness
from tests.carrier_cases import PUBLIC, Carrier


async def measured(keep_measuring, clock, *late_s):
    """Let the loop come round so late, each time."""
    left = list(late_s)

    async def pause(seconds):
        if not left:
            raise asyncio.CancelledError
        clock.advance(seconds + left.pop(0))

    with suppress(asyncio.CancelledError):
        await keep_measuring(pause=pause)


async def test_it_is_too_late_until_the_loop_has_caught_up(world):
    lateness = Lateness(world.clock, limits=Limits(), metrics=world.metrics)
    lateness.require_time()
    await measured(lateness.keep_measuring, world.clock, 0.0, 1.1)
    with pytest.raises(Busy):
        lateness.require_time()
    assert world.metrics.value(LIMIT_REACHED, limit="webhook_late_s") == 1
    await measured(lateness.keep_measuring, world.clock, 0.9)
    lateness.require_time()


@pytest.mark.parametrize("path", [VOICE, f"{TURN}?s=some&h=thing"])
async def test_what_comes_too_late_is_not_read_and_the_caller_is_asked_again(world, path):
    world.limits = Limits(webhook_late_s=0.2)
    process = world.build()
    carrier = Carrier(process)
    await measured(process.loops[0], world.clock, 0.3)
    answer = await carrier.post(path)
    assert answer.status_code == 200
    gather = ET.fromstring(answer.text)[0]
    assert (gather.get("action") or "") == PUBLIC + path
    assert world.bus.records == []
    assert world.counted("voice" if path == VOICE else "turn", "busy") == 1
    assert (await carrier.post(STATUS, CallStatus="completed")).status_code == 204
    await measured(process.loops[0], world.clock, 0.0)
    assert (await carrier.post(VOICE, CallStatus="ringing")).status_code == 200
    assert world.counted("voice", "answered") == 1
