from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dialog import Dial, Gather, HangUp, Pause, Play, Say
from services.carriers.twiml import Addresses, join_conference, render
from services.demo import twiml as carrier

ADDRESSES = Addresses(turn="https://x.example/v1/carriers/twilio/turn?s=A&h=B", hold_music="https://x.example/hold.wav")


def verbs(instructions):
    return list(ET.fromstring(render(instructions, ADDRESSES)))


def test_a_question_with_everything():
    gather = Gather(
        prompts=(Say(text="Hi <&>", language="es"), Play(sound="hold_music")),
        timeout_s=5.2,
        language="es",
        hints=("refill", "nurse"),
    )
    (element,) = verbs([gather])
    assert element.tag == "Gather"
    assert element.attrib == {
        "input": "dtmf speech",
        "action": ADDRESSES.turn,
        "method": "POST",
        "actionOnEmptyResult": "true",
        "timeout": "6",
        "numDigits": "1",
        "language": "es-US",
        "speechTimeout": "auto",
        "hints": "refill,nurse",
    }
    assert [(child.tag, child.text, child.get("language")) for child in element] == [
        ("Say", "Hi <&>", "es-US"),
        ("Play", ADDRESSES.hold_music, None),
    ]


def test_digits_only():
    (element,) = verbs([Gather(speech=False, digits_max=4)])
    assert element.get("input") == "dtmf"
    assert element.get("numDigits") == "4"
    assert "speechTimeout" not in element.attrib


@pytest.mark.parametrize(
    "last", [Say(text="a"), Play(sound="https://x.example/a.wav"), Pause(seconds=2), Dial(number="+15005550199")]
)
def test_what_does_not_end_the_call_goes_on_at_the_next_turn(last):
    *_, redirect = verbs([last])
    assert (redirect.tag, redirect.text, redirect.get("method")) == ("Redirect", ADDRESSES.turn, "POST")


@pytest.mark.parametrize("last", [HangUp(), Gather()])
def test_what_ends_the_call_or_asks_stands_last(last):
    assert verbs([Say(text="a"), last])[-1].tag in {"Hangup", "Gather"}


def test_nothing_to_say_goes_on():
    assert [verb.tag for verb in verbs([])] == ["Redirect"]


def test_other_verbs():
    say, pause, dial, _ = verbs([Say(text="Hello"), Pause(seconds=1.5), Dial(number="+15005550199")])
    assert (say.text, say.get("language")) == ("Hello", "en-US")
    assert pause.get("length") == "2"
    assert dial.text == "+15005550199"


def test_a_sound_by_address_is_played_as_it_is():
    play, _ = verbs([Play(sound="https://y.example/a.wav?x=1&y=2")])
    assert play.text == "https://y.example/a.wav?x=1&y=2"


def test_joining_a_conference():
    root = ET.fromstring(join_conference("c-1", return_url="https://x.example/turn?s=A"))
    (dial,) = root
    (conference,) = dial
    assert dial.attrib == {"action": "https://x.example/turn?s=A", "method": "POST"}
    assert conference.text == "c-1"
    assert conference.attrib == {"beep": "false", "startConferenceOnEnter": "true", "endConferenceOnExit": "true"}


says = st.builds(Say, text=st.text(min_size=1, max_size=50), language=st.sampled_from(["en", "es"]))
plays = st.just(Play(sound="hold_music"))
gathers = st.builds(
    Gather, prompts=st.lists(says | plays, max_size=3).map(tuple), hints=st.lists(st.text(max_size=9), max_size=3)
)
instructions = st.lists(says | plays | gathers | st.builds(Pause, seconds=st.floats(0.1, 60)) | st.just(HangUp()))


@given(instructions)
def test_any_words_make_a_document_that_can_be_read_and_twice_the_same(given_instructions):
    document = render(given_instructions, ADDRESSES)
    assert document == render(given_instructions, ADDRESSES)
    root = ET.fromstring(document)
    assert [verb.tag for verb in root][-1] in {"Gather", "Hangup", "Redirect"}


@given(instructions)
def test_the_carrier_understands_every_verb_and_attribute(given_instructions):
    spoken = [one for one in given_instructions if not (isinstance(one, Say) and not _audible(one.text))]
    spoken = [one for one in spoken if not isinstance(one, Gather) or all(map(_speaks, one.prompts))]
    assert carrier.parse(render(spoken, ADDRESSES).decode(), url="https://x.example/")


def _speaks(prompt):
    return isinstance(prompt, Play) or _audible(prompt.text)


def _audible(text):
    return bool("".join(character for character in text if character.isprintable()).strip())
