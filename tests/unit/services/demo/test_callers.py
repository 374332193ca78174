"""Simulated callers."""

import asyncio
import random
from collections import Counter

import pytest

from services.demo.callers import CallerPart, CallerPopulation, Person, digit_for, draw_person
from services.demo.utterances import NEEDS, Need
from tests.unit.services.demo.fake_system import BASE, GREETING, NUMBER, conference, invite

MENU = "For refills, press 1. For an appointment press 2, or press 3 for billing. Para español, oprima el 9."
NEED = Need("refill.request", 1, {"en": ("I need a refill",), "es": ("una receta",)}, menu=("refill",))


def person(**changes: object) -> Person:
    plain = {
        "need": NEED, "language": "en", "says": ("I need a refill", "agent"), "uses_keys": False,
        "thinking_s": 1.0, "patience_s": 60.0, "talk_s": 10.0, "gets_worse": False,
    }  # fmt: skip
    return Person(**(plain | changes))


@pytest.mark.parametrize(
    ("words", "digit"),
    [(("refill",), "1"), (("appointment",), "2"), (("bill",), "3"), (("español",), "9"), (("nurse",), None)],
)
def test_a_menu_is_understood(words, digit):
    assert digit_for(MENU, words) == digit


def test_the_population_is_mixed_and_seeded():
    rng = random.Random(5)
    people = [draw_person(rng) for _ in range(2000)]
    assert {each.need.intent for each in people} == {need.intent for need in NEEDS}
    shares = Counter(each.language for each in people)
    assert 0.1 < shares["es"] / 2000 < 0.3
    assert any(each.need.red_flag for each in people)
    assert any(each.patience_s < 30 for each in people)
    again = random.Random(5)
    assert people[:20] == [draw_person(again) for _ in range(20)]


def test_every_need_is_told_in_both_languages_and_nothing_is_shown():
    assert all(need.says["en"] and need.says["es"] for need in NEEDS)
    assert "refill" not in repr(person())


async def test_a_caller_speaks_after_thinking(system, carrier, pace):
    phone = await carrier.place_call(to=NUMBER, caller=CallerPart(person(), pace))
    await phone.wait_until("listening")
    await pace.advance(1)
    assert system.requests[1][1]["SpeechResult"] == "I need a refill"


async def test_a_caller_who_uses_keys_presses_what_the_menu_says(system, carrier, pace):
    system.answers["/v1/carriers/twilio/voice"] = [GREETING.replace("Hello.", MENU)]
    await carrier.place_call(to=NUMBER, caller=CallerPart(person(uses_keys=True), pace))
    await pace.advance(1)
    assert system.requests[1][1]["Digits"] == "1"


async def test_a_caller_who_speaks_spanish_chooses_it_first(system, carrier, pace):
    system.answers["/v1/carriers/twilio/voice"] = [GREETING.replace("Hello.", MENU)]
    system.answers["/turn?s=1"] = [GREETING]
    part = CallerPart(person(language="es", says=("una receta",)), pace)
    await carrier.place_call(to=NUMBER, caller=part)
    await pace.advance(2)
    assert [request[1].get("Digits") or request[1].get("SpeechResult") for request in system.requests[1:]] == [
        "9",
        "una receta",
    ]


async def test_patience_ends(system, carrier, pace):
    phone = await carrier.place_call(to=NUMBER, caller=CallerPart(person(patience_s=30), pace))
    await pace.advance(31)
    assert phone.ended_reason == "hung_up"


async def test_a_caller_talks_and_hangs_up(system, carrier, rest, pace):
    phone = await carrier.place_call(to=NUMBER, caller=CallerPart(person(), pace))
    await pace.advance(1)
    await invite(rest)
    await rest.post(f"/Calls/{phone.sid}.json", data={"Twiml": conference("room-1"), "Url": BASE})
    await pace.advance(9)
    assert phone.state == "connected"
    await pace.advance(2)
    assert phone.ended_reason == "hung_up"


async def test_a_caller_who_gets_worse_says_so_while_waiting(system, carrier, pace):
    await carrier.place_call(to=NUMBER, caller=CallerPart(person(gets_worse=True), pace))
    await pace.advance(1)
    assert system.requests[-1][1]["SpeechResult"] == "I need a refill"
    await pace.advance(3)
    assert "chest pain" in system.requests[-1][1]["SpeechResult"]


async def test_a_caller_who_waits_says_no_more(system, carrier, pace):
    await carrier.place_call(to=NUMBER, caller=CallerPart(person(), pace))
    await pace.advance(50)
    assert [fields["SpeechResult"] for _, fields in system.requests if "SpeechResult" in fields] == ["I need a refill"]


async def test_who_is_served_by_the_machine_says_goodbye_and_hangs_up(system, carrier, pace):
    system.answers["/turn?s=1"] = [GREETING]
    served = Need("facility.info", 1, {"en": ("what are your hours",)}, self_service=True)
    phone = await carrier.place_call(to=NUMBER, caller=CallerPart(person(need=served, says=("your hours",)), pace))
    await pace.advance(4)
    assert [fields.get("SpeechResult") for _, fields in system.requests[1:3]] == ["your hours", "no thank you, goodbye"]
    assert phone.ended_reason == "hung_up"


async def test_people_call_at_the_rate(system, carrier, pace):
    population = CallerPopulation(carrier, number=NUMBER, rate=30.0, rng=random.Random(3))
    running = asyncio.create_task(population.run())
    await pace.advance(60)
    arrived = sum(target.endswith("/voice") for target, _ in system.requests)
    assert 15 <= arrived <= 50
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_full_lines_drop_an_arrival(carrier, monkeypatch):
    monkeypatch.setattr("services.demo.callers.CALLS_MAX", 0)
    population = CallerPopulation(carrier, number=NUMBER, rate=1.0, rng=random.Random(3))
    assert await population.call() is None
    assert population.dropped == 1
