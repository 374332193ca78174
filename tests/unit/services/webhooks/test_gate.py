"""What comes beyond the number that is served at once is answered without work."""

import asyncio
from xml.etree import ElementTree as ET

import httpx
import pytest

from services.carriers.addresses import STATUS, TURN, VOICE
from services.runtime.limits import Limits
from services.runtime.telemetry import LIMIT_REACHED
from services.webhooks.gate import Busy, Gate
from tests.carrier_cases import PUBLIC


@pytest.fixture
def limited(world):
    """Build the process anew with limits of one."""

    def rebuild(**changes):
        world.limits = Limits(publish_timeout_s=1.0, webhook_answer_s=20.0, status_pause_s=0.0, **changes)
        world.carrier = world.rebuild()

    world.go, world.reached = asyncio.Event(), asyncio.Event()

    async def wait():
        world.reached.set()
        await world.go.wait()

    world.bus.hook = wait
    return rebuild


def asks_again(answer, url):
    assert answer.status_code == 200
    gather = ET.fromstring(answer.text)[0]
    return (gather.get("action") or "").startswith(url) and "911" in answer.text.replace("9 1 1", "911")


def reached(world, limit):
    return world.metrics.value(LIMIT_REACHED, limit=limit)


def test_a_gate_lets_so_many_in_and_counts_who_is_turned_away(world):
    gate = Gate("webhook_turns_max", 2, world.metrics)
    with gate.place(), gate.place():
        with pytest.raises(Busy), gate.place():
            pass
        assert reached(world, "webhook_turns_max") == 1
    with gate.place():
        pass


def test_a_place_is_free_again_after_a_failure(world):
    gate = Gate("webhook_turns_max", 1, world.metrics)
    for _ in range(2):
        with pytest.raises(ValueError, match="failed"), gate.place():
            raise ValueError("failed")


async def test_a_turn_too_many_is_asked_again_with_what_was_said(world, limited):
    limited(webhook_turns_max=1)
    first = asyncio.create_task(world.carrier.post(VOICE, CallStatus="ringing"))
    await world.reached.wait()
    answer = await world.carrier.post(VOICE, call="CA2", SpeechResult="my chest hurts")
    assert asks_again(answer, f"{PUBLIC}{VOICE}?h=")
    assert reached(world, "webhook_turns_max") == 1
    assert world.counted("voice", "safe") == 1
    world.go.set()
    assert (await first).status_code == 200
    again = ET.fromstring(answer.text)[0].get("action")
    await world.carrier.post(again, call="CA2")
    assert "contact.handed_off" in world.bus.kinds()
    assert world.counted("voice", "answered") == 2


@pytest.mark.parametrize("path", [VOICE, f"{TURN}?s=some&h=thing"])
async def test_a_body_too_many_is_not_read_and_the_caller_is_asked_again(world, limited, path):
    limited(webhook_bodies_max=1)
    never = asyncio.Event()

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self):
            world.reached.set()
            await never.wait()
            yield b""

    slow = asyncio.create_task(world.carrier.raw(VOICE, Slow()))
    await world.reached.wait()
    answer = await world.carrier.post(path)
    assert asks_again(answer, PUBLIC + path)
    assert reached(world, "webhook_bodies_max") == 1
    assert (await world.carrier.post(STATUS, CallStatus="completed")).status_code == 503
    assert world.counted("status", "busy") == 1
    assert world.bus.records == []
    never.set()
    assert (await slow).status_code == 400


async def test_a_status_too_many_is_refused(world, limited):
    limited(webhook_statuses_max=1)
    first = asyncio.create_task(world.carrier.post(STATUS, CallStatus="completed"))
    await world.reached.wait()
    assert (await world.carrier.post(STATUS, call="CA2", CallStatus="completed")).status_code == 503
    assert world.counted("status", "busy") == 1
    assert reached(world, "webhook_statuses_max") == 1
    world.go.set()
    assert (await first).status_code == 204
    assert (await world.carrier.post(STATUS, call="CA2", CallStatus="completed")).status_code == 204
