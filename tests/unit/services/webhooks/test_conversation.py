"""Calls from arrival to hand-off over real ASGI: signed forms in, TwiML and facts out."""

import asyncio
from xml.etree import ElementTree as ET

import pytest

from schemas import ids
from schemas.dialog import Understood
from schemas.routing import Urgency
from services.carriers.addresses import HOLD_MUSIC, TURN, VOICE, Returning
from services.demo import twiml as interpreter
from tests.carrier_cases import ACCOUNT, CALL, CALLER, NOW, NUMBER, PUBLIC, tenant

CONTACT = ids.contact_id("twilio", ACCOUNT, CALL)
NEVER = asyncio.Event


def following(answer):
    """Return the address that the carrier asks next."""
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert interpreter.parse(answer.text, url=PUBLIC), "the carrier understands it"
    root = ET.fromstring(answer.text)
    element = root[-1]
    return element.text if element.tag == "Redirect" else element.get("action")


def spoken(answer):
    return " ".join(say.text for say in ET.fromstring(answer.text).iter("Say"))


async def arrived(world, **fields):
    return following(await world.carrier.post(VOICE, CallStatus="ringing", **fields))


# ---- a call


async def test_a_call_is_greeted_and_its_arrival_is_on_the_log(world):
    answer = await world.carrier.post(VOICE, CallStatus="ringing")
    assert following(answer).startswith(f"{PUBLIC}{TURN}?s=")
    assert spoken(answer).startswith("Dial 911.")
    assert answer.headers["cache-control"] == "no-store"
    (fact,) = world.bus.facts
    assert (fact.type, fact.subject, fact.data.contact_id) == ("contact.arrived", CONTACT, CONTACT)
    assert (fact.cell, fact.tenant, fact.source, fact.time) == ("pool", "demo", "/carriers/twilio", NOW)
    assert (fact.data.account, fact.data.call, fact.data.number) == (ACCOUNT, CALL, NUMBER)
    assert world.vault.open("demo", CONTACT, fact.data.sealed) == {"caller_number": CALLER}
    assert world.counted("voice", "answered") == 1


async def test_the_log_shows_no_number_of_a_caller(world):
    url = await arrived(world)
    await world.carrier.post(url, SpeechResult="my chest hurts")
    for _, _, message in world.bus.records:
        for private in (b"5550006", b"chest"):
            assert private not in message.value


async def test_the_address_of_the_next_turn_is_short_and_tells_nothing(world):
    url = await arrived(world)
    for text in ("Ñandú " * 400, "a" * 2000, "my chest hurts", "😀" * 500):
        answer = await world.carrier.post(url, SpeechResult=text)
        token = following(answer).partition("?s=")[2]
        assert len(token) <= world.limits.session_chars_max
        assert "chest" not in token


async def test_a_digit_leads_to_a_person(world):
    url = await arrived(world)
    answer = await world.carrier.post(url, Digits="2")
    assert [fact.type for fact in world.bus.facts[1:]] == ["contact.dialog_turned", "contact.handed_off"]
    handed = world.bus.facts[-1].data
    assert (handed.intent, handed.urgency, handed.returning) == ("refill.request", Urgency.ROUTINE, False)
    gather = ET.fromstring(answer.text)[0]
    assert gather.get("actionOnEmptyResult") == "true"
    assert gather.get("input") == "dtmf speech"
    assert gather.find("Play").text == f"{PUBLIC}{HOLD_MUSIC}"


async def test_a_red_flag_in_any_turn_goes_first(world):
    url = await arrived(world)
    url = following(await world.carrier.post(url, Digits="2"))  # waiting by now
    await world.carrier.post(url, SpeechResult="now I have chest pain")
    assert world.bus.facts[-1].type == "contact.urgency_raised"
    assert world.bus.facts[-1].data.urgency is Urgency.EMERGENT


async def test_silence_while_waiting_needs_no_bus(world):
    url = following(await world.carrier.post(await arrived(world), Digits="2"))
    world.bus.broken = True
    answer = await world.carrier.post(url, Digits="", msg="Gather End")
    assert following(answer) != url
    assert world.counted("turn", "safe") == 0


async def test_an_address_is_served_without_an_agent(world):
    url = following(await world.carrier.post(await arrived(world), Digits="5"))
    answer = await world.carrier.post(url, Digits="2")
    assert "1 Road" in spoken(answer)
    assert "contact.self_served" in world.bus.kinds()


async def test_the_second_language(world):
    answer = await world.carrier.post(await arrived(world), Digits="9")
    assert {say.get("language") for say in ET.fromstring(answer.text).iter("Say")} == {"es-US"}


# ---- again, late, and from elsewhere


async def test_the_same_webhook_five_times_is_one_effect_and_one_answer(world):
    voices = [await world.carrier.post(VOICE, CallStatus="ringing") for _ in range(5)]
    assert len({answer.content for answer in voices}) == 1
    turns = [await world.carrier.post(following(voices[0]), SpeechResult="refill") for _ in range(5)]
    assert len({answer.content for answer in turns}) == 1
    assert len({fact.id for fact in world.bus.facts}) == 3


@pytest.mark.parametrize("secret", ["forged", ""])
async def test_a_forged_webhook_is_refused_and_leaves_nothing(world, secret):
    answer = await world.carrier.post(VOICE, secret=secret)
    assert (answer.status_code, answer.content) == (403, b"")
    assert world.bus.records == []
    assert world.counted("voice", "forged") == 1


async def test_an_unknown_number_is_refused_politely(world):
    answer = await world.carrier.post(VOICE, to="+15005550999")
    assert answer.status_code == 200
    assert ET.fromstring(answer.text)[-1].tag == "Hangup"
    assert world.bus.records == []
    assert world.counted("voice", "unknown_number") == 1


async def test_a_number_of_another_tenants_account_is_unknown(world):
    other = [{"carrier": "twilio", "account": "AC2", "secrets": ["twilio"]}]
    world.tenants.apply(tenant(tenant="other", numbers=["+15005550101"], carriers=other))
    await world.carrier.post(VOICE, to="+15005550101")
    assert world.counted("voice", "unknown_number") == 1
    assert world.bus.records == []


# ---- a session that cannot be used


@pytest.mark.parametrize("change", [
    lambda url: url[:-1],
    lambda url: url[: url.index("=") + 5],
    lambda url: url.replace("?s=", "?s=A"),
    lambda url: url.partition("?")[0],
    lambda url: url.partition("=")[0] + "=",
    lambda url: url + "&s=AAAA",
    lambda url: url + "A" * 8000,
])  # fmt: skip
async def test_a_session_that_was_cut_or_changed_leads_to_a_person(world, change):
    answer = await world.carrier.post(change(await arrived(world)), Digits="2")
    assert spoken(answer).startswith("Dial 911. Marque el 911.")
    handed = world.bus.facts[-1].data
    assert (handed.type, handed.reason, handed.urgency) == ("contact.handed_off", "dialog_lost", Urgency.URGENT)
    assert handed.contact_id == CONTACT
    assert world.counted("turn", "lost_dialog") == 1
    await world.carrier.post(following(answer))  # and the call goes on
    assert world.counted("turn", "answered") == 1


async def test_a_session_of_another_call_leads_to_a_person(world):
    url = await arrived(world, call="CA2")
    await world.carrier.post(url, Digits="2")
    assert world.bus.facts[-1].data.reason == "dialog_lost"
    assert world.bus.facts[-1].data.contact_id == CONTACT


async def test_a_session_whose_tenant_is_gone(world):
    url = world.addresses.turn(b'{"c":"c","t":"gone","p":"p","a":"AC1","l":"CA1","n":"+1"}', account=ACCOUNT, call=CALL)
    await world.carrier.post(url)
    assert world.bus.facts[-1].data.reason == "dialog_lost"


async def test_what_is_said_into_a_lost_session_is_heard(world):
    url = (await arrived(world))[:-1]
    await world.carrier.post(url, SpeechResult="chest pain")
    kinds = ["contact.arrived", "contact.handed_off", "contact.urgency_raised"]
    assert [fact.type for fact in world.bus.facts[1:]] == kinds
    assert world.bus.facts[-1].data.urgency is Urgency.EMERGENT


async def test_a_lost_session_lost_again_is_the_same_fact(world):
    url = (await arrived(world))[:-1]
    answers = {(await world.carrier.post(url)).content for _ in range(3)}
    assert len(answers) == 1
    assert len({fact.id for fact in world.bus.facts}) == 2


async def test_a_lost_session_names_the_leg_even_if_its_arrival_was_never_told(world):
    await world.carrier.post(f"{TURN}?s=lost", Digits="2")
    told, handed = world.bus.facts
    assert (told.type, handed.type) == ("contact.arrived", "contact.handed_off")
    assert (told.data.carrier, told.data.account, told.data.call) == ("twilio", ACCOUNT, CALL)
    await arrived(world)
    assert world.bus.facts[-1].id == told.id


async def test_a_lost_session_of_an_unknown_number(world):
    await world.carrier.post(TURN, to="+15005550999")
    assert world.counted("turn", "unknown_number") == 1


# ---- something behind the dialog fails


async def test_a_bus_that_refuses_means_a_safe_instruction_and_the_same_turn_again(world):
    world.bus.broken = True
    answer = await world.carrier.post(VOICE)
    assert spoken(answer).startswith("Dial 911.")
    assert following(answer) == PUBLIC + VOICE
    world.bus.broken = False
    await world.carrier.post(following(answer))
    assert world.bus.kinds() == ["contact.arrived"]
    assert world.counted("voice", "safe") == 1


async def test_what_was_said_survives_a_bus_that_refuses(world):
    url = await arrived(world)
    world.bus.broken = True
    answer = await world.carrier.post(url, SpeechResult="chest pain")
    answer = await world.carrier.post(following(answer))  # still broken
    world.bus.broken = False
    await world.carrier.post(following(answer))
    assert world.bus.facts[-1].data.urgency is Urgency.EMERGENT


async def test_what_is_said_during_a_failure_is_added_to_what_was_said_before(world):
    url = await arrived(world)
    world.bus.broken = True
    answer = await world.carrier.post(url, SpeechResult="I need a refill")
    answer = await world.carrier.post(following(answer), SpeechResult="and I have chest pain")
    world.bus.broken = False
    await world.carrier.post(following(answer))
    assert [fact.type for fact in world.bus.facts[1:]] == [
        "contact.dialog_turned", "contact.handed_off", "contact.urgency_raised",
    ]  # fmt: skip


async def test_words_into_the_safe_instruction_of_an_arrival_count(world):
    world.bus.broken = True
    answer = await world.carrier.post(VOICE)
    world.bus.broken = False
    await world.carrier.post(following(answer), SpeechResult="chest pain")
    assert world.bus.kinds() == ["contact.arrived", "contact.dialog_turned", "contact.handed_off"]


async def test_a_key_without_a_menu_means_nothing_but_zero_means_a_person(world):
    await world.carrier.post(VOICE, Digits="2")
    assert world.bus.kinds() == ["contact.arrived"]
    await world.carrier.post(VOICE, Digits="0", call="CA2")
    assert world.bus.facts[-1].data.reason == "asked"


async def test_what_was_kept_is_not_taken_from_another_call(world):
    url = await arrived(world)
    foreign = world.addresses.again(url, b'[{"kind":"speech","text":"chest pain"}]', account=ACCOUNT, call="CA9")
    await world.carrier.post(foreign)
    assert world.bus.kinds() == ["contact.arrived", "contact.dialog_turned"]


async def test_a_bus_that_does_not_answer_is_not_waited_for(world):
    world.bus.hook = asyncio.Event().wait
    answer = await asyncio.wait_for(world.carrier.post(VOICE), 10)
    assert spoken(answer).startswith("Dial 911.")
    assert world.counted("voice", "safe") == 1


async def test_a_tenants_fallback_number_is_dialled_and_then_the_turn_is_tried_again(world):
    emergency = {"notice": {"en": "Dial 911.", "es": "911"}, "queue": "nurses", "fallback_number": "+15005550199"}
    world.tenants.apply(tenant(version=2, emergency=emergency))
    world.bus.broken = True
    answer = await world.carrier.post(VOICE)
    assert ET.fromstring(answer.text).find("Dial").text == "+15005550199"
    assert following(answer) == PUBLIC + VOICE


async def test_any_defect_means_a_safe_instruction(world, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("ivr.dialog.step", fail)
    answer = await world.carrier.post(VOICE)
    assert spoken(answer).startswith("Dial 911.")
    assert world.counted("voice", "safe") == 1


# ---- models


class Model:
    def __init__(self, answer):
        self.answer = answer

    async def understand(self, text, *, language):
        return await self.answer(text, language)


async def test_a_model_may_raise_what_the_rules_do_not_see(world):
    async def grave(text, language):
        assert (text, language) == ("my elbow feels odd", "en")
        return Understood(intent="triage.symptom", confidence=0.9, urgency=Urgency.EMERGENT, source="m1")

    world.carrier = world.rebuild(understanding=Model(grave))
    await world.carrier.post(await arrived(world), SpeechResult="my elbow feels odd")
    assert world.bus.facts[-1].data.urgency is Urgency.EMERGENT


async def test_a_broken_model_leaves_it_to_the_rules(world):
    async def broken(*_):
        raise RuntimeError

    world.carrier = world.rebuild(understanding=Model(broken))
    await world.carrier.post(await arrived(world), SpeechResult="chest pain")
    assert world.bus.facts[-1].data.urgency is Urgency.EMERGENT


async def test_a_slow_model_leaves_it_to_the_rules(world):
    async def slow(*_):
        await asyncio.Event().wait()

    world.carrier = world.rebuild(understanding=Model(slow))
    await world.carrier.post(await arrived(world), SpeechResult="chest pain")
    assert world.bus.facts[-1].data.urgency is Urgency.EMERGENT


# ---- out of the conference, and the end


def back(**changes):
    leg = {"contact": CONTACT, "tenant": "demo", "cell": "pool", "account": ACCOUNT, "call": CALL, "number": NUMBER}
    return Returning.model_validate(leg | {"ordinal": 7} | changes)


async def test_a_caller_whose_agent_was_lost_is_handed_off_again(world):
    url = world.addresses.returning(back(language="es", intent="refill.request", urgency="urgent"))
    answer = await world.carrier.post(url, DialCallStatus="completed")
    handed = world.bus.facts[-1].data
    assert (handed.type, handed.reason, handed.returning) == ("contact.handed_off", "agent_leg_lost", True)
    assert (handed.language, handed.intent, handed.urgency) == ("es", "refill.request", Urgency.URGENT)
    assert world.counted("turn", "returned") == 1
    await world.carrier.post(following(answer), SpeechResult="chest pain")
    assert world.bus.facts[-1].data.urgency is Urgency.EMERGENT


async def test_a_second_return_is_another_fact_and_the_same_one_is_not(world):
    for ordinal in (7, 7, 9):
        await world.carrier.post(world.addresses.returning(back(ordinal=ordinal)), DialCallStatus="completed")
    assert len({fact.id for fact in world.bus.facts}) == 2


async def test_a_returning_caller_of_whom_nothing_is_known(world):
    await world.carrier.post(world.addresses.returning(back()), DialCallStatus="answered")
    assert world.bus.facts[-1].data.intent == "agent.request"


async def test_a_return_that_met_a_failure_is_tried_again(world):
    url = world.addresses.returning(back())
    world.bus.broken = True
    again = following(await world.carrier.post(url, DialCallStatus="completed"))
    world.bus.broken = False
    await world.carrier.post(again, SpeechResult="chest pain")
    assert world.bus.kinds() == ["contact.handed_off", "contact.urgency_raised"]


@pytest.mark.parametrize("status", ["completed", "canceled", "no-answer", "busy", "failed"])
async def test_a_question_of_a_caller_who_is_gone_tells_the_end(world, status):
    url = world.addresses.returning(back())
    answer = await world.carrier.post(url, DialCallStatus="completed", CallStatus=status)
    assert list(ET.fromstring(answer.text)) == []
    assert world.bus.kinds() == ["leg.caller_ended"]
