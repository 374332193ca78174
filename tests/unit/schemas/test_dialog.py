"""What the dialog says and hears: strict, and silent about what was said."""

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.dialog import Dial, Gather, HangUp, Heard, Instruction, Pause, Play, Say, Understood
from schemas.routing import Urgency

INSTRUCTION = TypeAdapter(Instruction)


@pytest.mark.parametrize(
    "instruction",
    [
        Say(text="Hello."),
        Play(sound="hold_music"),
        Gather(prompts=(Say(text="Press 1."), Play(sound="hold_music")), hints=("refill",)),
        Pause(seconds=1),
        Dial(number="+15005550101"),
        HangUp(),
    ],
)
def test_an_instruction_is_read_back_as_it_was_written(instruction):
    assert INSTRUCTION.validate_json(INSTRUCTION.dump_json(instruction)) == instruction


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "say", "text": "x" * 4001},
        {"kind": "gather", "timeout_s": 0},
        {"kind": "gather", "digits_max": 21},
        {"kind": "pause", "seconds": 61},
        {"kind": "sing"},
        {"kind": "hang_up", "why": "x"},
    ],
)
def test_what_is_out_of_bounds_or_unknown_is_refused(document):
    with pytest.raises(ValidationError):
        INSTRUCTION.validate_python(document)


def test_no_repr_shows_what_was_said():
    understood = Understood(intent="triage.symptom", confidence=0.9, urgency="emergent", red_flags=("chest_pain",))
    heard = Heard(kind="speech", text="my chest hurts", understood=understood)
    for word in ("chest", "hurts"):
        assert word not in repr(heard)
        assert word not in repr(Say(text="my chest hurts"))
    assert understood.urgency is Urgency.EMERGENT


@pytest.mark.parametrize("confidence", [-0.1, 1.1])
def test_a_confidence_is_between_0_and_1(confidence):
    with pytest.raises(ValidationError):
        Understood(intent="x", confidence=confidence, urgency="routine")
