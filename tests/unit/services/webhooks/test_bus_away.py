"""Callers while the bus is away: they hear what they would hear, and what they say reaches the log afterwards."""

import asyncio
from types import SimpleNamespace

import pytest

from services.carriers.addresses import STATUS, TURN, VOICE
from services.runtime.limits import Limits
from tests.carrier_cases import PUBLIC, Carrier
from tests.spool_cases import PATIENCE_S
from tests.unit.services.webhooks.test_conversation import following, spoken

RED_FLAG = ["contact.arrived", "contact.dialog_turned", "contact.handed_off"]


@pytest.fixture
async def away(world, tmp_path):
    """The process with a spool, its loops at work, and a bus that is away."""
    world.limits = Limits(webhook_answer_s=5.0, spool_after_s=0.02, status_pause_s=0.0, spool_facts_max=4)
    process = world.build(spool=tmp_path / "spool")
    away = SimpleNamespace(world=world, process=process, carrier=Carrier(process))
    loops = [asyncio.create_task(loop()) for loop in process.loops]
    world.bus.broken = True
    yield away
    for loop in loops:
        loop.cancel()
    await asyncio.wait(loops)
    await process.finish()


async def forwarded(away, count):
    """Bring the bus back; return what is on the log once so many facts are."""
    away.world.bus.broken = False
    async with asyncio.timeout(PATIENCE_S):
        while len(away.world.bus.records) < count:
            await away.process.settle()
    return away.world.bus.kinds()


async def test_a_call_goes_on_as_if_nothing_were_wrong(away):
    arrival = await away.carrier.post(VOICE, CallStatus="ringing")
    assert following(arrival).startswith(f"{PUBLIC}{TURN}?s=")
    answer = await away.carrier.post(following(arrival), SpeechResult="my chest hurts")
    assert following(answer).startswith(f"{PUBLIC}{TURN}?s=")
    assert (await away.carrier.post(STATUS, CallStatus="completed")).status_code == 204
    counted = away.world.counted
    assert (counted("voice", "answered"), counted("turn", "answered"), counted("status", "published")) == (1, 1, 1)
    assert away.world.bus.records == []
    assert await forwarded(away, 4) == [*RED_FLAG, "leg.caller_ended"]


async def test_the_same_answers_as_with_the_bus(away):
    here, there = [], []
    for answers, broken in ((here, True), (there, False)):
        away.world.bus.broken = broken
        await away.process.settle()
        answers.append(await away.carrier.post(VOICE, CallStatus="ringing"))
        answers.append(await away.carrier.post(following(answers[0]), Digits="2"))
    assert [spoken(answer) for answer in here] == [spoken(answer) for answer in there]
    await forwarded(away, 6)
    assert len({fact.id for fact in away.world.bus.facts}) == 3, "the same facts, whichever way they came"


async def test_no_patient_data_is_on_the_disk(away, tmp_path):
    arrival = await away.carrier.post(VOICE, CallStatus="ringing")
    await away.carrier.post(following(arrival), SpeechResult="my chest hurts")
    held = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
    assert b"contact.handed_off" in held
    assert b"chest" not in held
    assert b"5550006" not in held


async def test_when_no_more_fits_callers_hear_the_safe_instruction(away):
    for number in range(4):
        await away.carrier.post(VOICE, call=f"CA{number}")
    answer = await away.carrier.post(VOICE, call="CA9")
    assert following(answer) == PUBLIC + VOICE
    assert away.world.counted("voice", "safe") == 1
    assert (await away.carrier.post(STATUS, call="CA9", CallStatus="completed")).status_code == 503


async def test_the_process_wants_traffic_all_the_while(away):
    await away.carrier.post(VOICE)
    assert away.process.not_ready() is None
