"""A phone, a leg's orders, and how prompts take time."""

import httpx
import pytest

from services.demo.carrier import SimulatedCarrier
from services.demo.legs import Document, Leg
from services.demo.pace import ManualPace, settle
from services.demo.phone import INPUTS_HELD_MAX, CallEnded, Key, Phone, PhoneEvent, Words
from tests.unit.services.demo.fake_system import BASE, GREETING, NUMBER, SECRET


@pytest.fixture
async def slow_carrier(system):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(system)) as client:
        carrier = SimulatedCarrier(
            base_url=BASE, account="AC1", secret=SECRET, client=client, pace=ManualPace(), say_chars_per_s=1.0
        )
        yield carrier
        await carrier.close()


async def test_prompts_take_time_and_then_it_listens(system, slow_carrier):
    phone = await slow_carrier.place_call(to=NUMBER)
    await slow_carrier.pace.advance(5)
    assert phone.state == "speaking"
    await slow_carrier.pace.advance(1)
    assert phone.state == "listening"


async def test_a_key_stops_the_prompt(system, slow_carrier):
    phone = await slow_carrier.place_call(to=NUMBER)
    await phone.wait_until("speaking")
    phone.press("3")
    assert phone.state == "thinking"
    await system.until(lambda it: len(it.requests) == 2)
    assert system.requests[1][1]["Digits"] == "3"


async def test_words_before_a_gather_are_held_for_it_and_silence_is_a_pause(system, slow_carrier):
    system.answers["/v1/carriers/twilio/voice"] = [
        GREETING.replace("<Response>", "<Response><Say>Welcome.</Say><Pause length='2'/>")
    ]
    phone = await slow_carrier.place_call(to=NUMBER)
    await phone.wait_to_hear("welcome")
    phone.say("a refill")
    await slow_carrier.pace.advance(9)
    assert len(system.requests) == 1
    await slow_carrier.pace.advance(7)
    assert system.requests[1][1]["SpeechResult"] == "a refill"


async def test_a_gather_of_digits_does_not_hear_words(system, carrier):
    keys_only = GREETING.replace("dtmf speech", "dtmf")
    system.answers["/v1/carriers/twilio/voice"] = [keys_only]
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    phone.say("a refill")
    await settle()
    assert (phone.state, len(system.requests)) == ("listening", 1)
    phone.press("1")
    await phone.wait_until("music")
    assert system.requests[1][1]["Digits"] == "1"


async def test_an_action_by_get_is_signed_too(system, carrier):
    system.answers["/v1/carriers/twilio/voice"] = [GREETING.replace("action=", "method='GET' action=")]
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    phone.press("1")
    await phone.wait_until("music")
    assert system.requests[1][0].startswith("/turn?s=1&CallSid=CA")
    assert system.forged == 0


async def test_a_lost_connection_is_tried_once_more(carrier):
    tries = []

    def fail(request: httpx.Request) -> httpx.Response:
        tries.append(request.headers["I-Twilio-Idempotency-Token"])
        raise httpx.ConnectError("refused")

    carrier.webhooks._client = httpx.AsyncClient(transport=httpx.MockTransport(fail))
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("ended")
    await carrier.webhooks.drained()
    assert len(tries) == 4  # the voice webhook twice, and the status twice
    assert len(set(tries)) == 2
    assert carrier.webhooks.failures == [None, None]


async def test_waiting_for_what_will_not_come():
    phone = Phone("CA1", end=lambda _: None)
    phone.tell(PhoneEvent("ended", reason="completed"), "ended")
    with pytest.raises(CallEnded, match="completed"):
        await phone.wait_to_hear("anything")
    await phone.hang_up()


async def test_a_phone_holds_so_much_and_no_more():
    phone = Phone("CA1", end=lambda _: None)
    phone.press("1" * (INPUTS_HELD_MAX + 5))
    assert len(phone._inputs) == INPUTS_HELD_MAX
    phone.forget_inputs()
    phone.tell(PhoneEvent("connected"), "connected")
    phone.say("between us")
    assert not phone.has_input


async def test_what_people_say_is_not_shown():
    assert "911" not in repr((Words("911"), Key("911"), PhoneEvent("say", text="911")))


async def test_orders_to_a_leg_the_last_move_counts_and_an_end_stands():
    leg = Leg("CA1", "AC1", "inbound", "+15005550006", NUMBER, ManualPace().now())
    assert "5550006" not in repr(leg)
    leg.move(Document("a", BASE))
    leg.move(Document("b", BASE))
    assert leg.take_order() == Document("b", BASE)
    leg.move(Document("c", BASE))
    leg.end("hung_up")
    leg.move(Document("d", BASE))
    leg.end("later")
    assert (leg.take_order(), leg.why) == (None, "hung_up")
