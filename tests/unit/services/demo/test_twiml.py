"""The TwiML interpreter."""

import pytest

from schemas import dialog
from services.carriers.twiml import Addresses, join_conference, render
from services.demo.twiml import (
    DialConference,
    DialNumber,
    Digits,
    Gather,
    Hangup,
    Interpreter,
    Pause,
    Play,
    Reject,
    Request,
    Say,
    Speech,
    TwimlError,
    parse,
)

URL = "https://clinic.test/v1/carriers/twilio/voice?x=1"


def script(inner: str) -> Interpreter:
    return Interpreter(f"<Response>{inner}</Response>", url=URL)


def gather(attributes: str = "", inner: str = "") -> tuple[Interpreter, Gather]:
    walk = script(f"<Gather {attributes}>{inner}</Gather><Say>Nothing came.</Say>")
    step = walk.step()
    assert isinstance(step, Gather)
    return walk, step


def test_verbs_come_in_order_and_the_end_is_a_hangup():
    walk = script("<Say language='es-MX'> Hola,\n  buenas </Say><Play loop='2'>/hold.wav</Play><Pause length='3'/>")
    assert walk.step() == Say("Hola, buenas", "es-MX")
    assert walk.step() == Play("https://clinic.test/hold.wav", 2)
    assert walk.step() == Pause(3.0)
    assert walk.step() == Hangup()
    assert walk.step() == Hangup()


@pytest.mark.parametrize(
    ("inner", "request_"),
    [
        ("<Redirect>turn?s=2&amp;n=1</Redirect>", Request("https://clinic.test/v1/carriers/twilio/turn?s=2&n=1")),
        ("<Redirect method='GET'>http://a.test/b</Redirect>", Request("http://a.test/b", "GET")),
    ],
)
def test_a_redirect_is_the_next_request(inner, request_):
    assert script(inner).step() == request_


def test_a_gather_has_the_documented_defaults():
    _, step = gather()
    assert step == Gather((), Request(URL), 5.0, None, "#", digits=True, speech=False, on_empty=False, language="en-US")


def test_a_gather_nests_prompts():
    _, step = gather("input='dtmf speech' numDigits='1' timeout='2'", "<Say>Hi</Say><Pause/><Play>/x.wav</Play>")
    assert step.prompts == (Say("Hi", "en-US"), Pause(1.0), Play("https://clinic.test/x.wav"))
    assert (step.digits, step.speech, step.digits_max, step.timeout_s) == (True, True, 1, 2.0)


def test_digits_and_speech_are_posted_to_the_action():
    walk, step = gather("action='/turn'")
    pressed = walk.gathered(step, Digits("12", "#"))
    assert pressed == Request("https://clinic.test/turn", fields={"Digits": "12", "FinishedOnKey": "#"})
    spoken = walk.gathered(step, Speech("refill please"))
    assert spoken is not None
    assert spoken.fields["SpeechResult"] == "refill please"
    assert 0 < float(spoken.fields["Confidence"]) <= 1


def test_silence_goes_on_behind_the_gather_unless_the_action_wants_empty_results():
    walk, step = gather()
    assert walk.gathered(step, None) is None
    assert walk.step() == Say("Nothing came.", "en-US")
    walk, step = gather("actionOnEmptyResult='true' action='/turn' method='GET'")
    empty = walk.gathered(step, None)
    assert empty is not None
    assert (empty.url, empty.method, empty.fields["Digits"]) == ("https://clinic.test/turn", "GET", "")


def test_a_conference_and_its_action():
    walk = script(
        "<Dial action='/after'><Conference participantLabel='c' startConferenceOnEnter='false'"
        " endConferenceOnExit='true'>room-1</Conference></Dial>"
    )
    step = walk.step()
    assert isinstance(step, DialConference)
    assert (step.name, step.label, step.start_on_enter, step.end_on_exit) == ("room-1", "c", False, True)
    after = walk.dialled(step, status="answered")
    assert after == Request("https://clinic.test/after", fields={"DialCallStatus": "answered"})


def test_a_dial_without_action_goes_on():
    walk = script("<Dial timeout='9'><Number>+15005550199</Number></Dial><Hangup/>")
    step = walk.step()
    assert step == DialNumber("+15005550199", 9.0, None)
    assert walk.dialled(step, status="busy") is None
    assert walk.step() == Hangup()


@pytest.mark.parametrize(
    ("inner", "to"),
    [("<Dial>+15005550199</Dial>", "+15005550199"), ("<Dial><Client>nora</Client></Dial>", "client:nora")],
)
def test_who_is_dialled(inner, to):
    step = script(inner).step()
    assert isinstance(step, DialNumber)
    assert step.to == to


def test_a_number_that_was_dialled_is_told_to_the_action():
    walk = script("<Dial action='/after'>+15005550199</Dial>")
    after = walk.dialled(walk.step(), status="completed", sid="CA2", seconds=7.4)
    assert after.fields == {"DialCallStatus": "completed", "DialCallSid": "CA2", "DialCallDuration": "7"}


def test_reject():
    assert script("<Reject reason='busy'/>").step() == Reject("busy")


@pytest.mark.parametrize(
    "document",
    [
        "",
        "not xml",
        "<Response><Say>cut",
        "<Answer/>",
        "<Response><Shout>Hi</Shout></Response>",
        "<Response><Say loud='true'>Hi</Say></Response>",
        "<Response><Say></Say></Response>",
        f"<Response><Say>{'x' * 5000}</Say></Response>",
        "<Response><Gather><Dial>+15005550199</Dial></Gather></Response>",
        "<Response><Gather input='telepathy'/></Response>",
        "<Response><Gather timeout='soon'/></Response>",
        "<Response><Gather actionOnEmptyResult='yes'/></Response>",
        "<Response><Redirect method='PUT'>/x</Redirect></Response>",
        "<Response><Redirect>ftp://a.test/</Redirect></Response>",
        f"<Response><Redirect>/{'x' * 5000}</Redirect></Response>",
        f"<Response>{' ' * 70_000}</Response>",
        '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/hostname">]><Response><Say>&e;</Say></Response>',
        '<!DOCTYPE r [<!ENTITY a "b">]><Response><Say>&a;</Say></Response>',
    ],
)
def test_what_is_no_twiml(document):
    with pytest.raises(TwimlError):
        parse(document, url=URL)


def test_what_people_say_is_not_shown():
    assert "chest" not in repr(
        (Speech("chest"), Digits("911"), Say("chest", "en"), Request(URL, fields={"a": "chest"}))
    )
    assert "911" not in repr(Digits("911"))


def test_what_the_system_writes_is_understood():
    language = {"language": "en"}
    asked = dialog.Gather(prompts=(dialog.Say(text="Fish & chips?", **language), dialog.Play(sound="hold_music")))
    instructions = [dialog.Pause(seconds=1), asked, dialog.Dial(number="+15005550199"), dialog.HangUp()]
    addresses = Addresses(turn="https://clinic.test/turn?s=a", hold_music="https://clinic.test/hold.wav")
    pause, gather_, number, end = parse(render(instructions, addresses).decode(), url=URL)
    assert (pause, end) == (Pause(1.0), Hangup())
    assert gather_.prompts == (Say("Fish & chips?", "en-US"), Play("https://clinic.test/hold.wav"))
    assert (gather_.request.url, gather_.on_empty, gather_.speech) == ("https://clinic.test/turn?s=a", True, True)
    assert number.to == "+15005550199"
    (room,) = parse(join_conference("contact-1", return_url="https://clinic.test/turn?s=b"), url=URL)
    assert (room.name, room.end_on_exit, room.request) == ("contact-1", True, Request("https://clinic.test/turn?s=b"))
