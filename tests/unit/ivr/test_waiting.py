import pytest

from ivr.session import WAITING
from ivr.steps import Wait
from schemas.dialog import Understood
from schemas.routing import Urgency

RAISED = "contact.urgency_raised"


@pytest.fixture
def waiting(call):
    call.starts()
    call.presses("4")
    assert call.session.node == WAITING
    return call


def test_silence_plays_on_and_makes_no_fact(waiting) -> None:
    for _ in range(4):
        step = waiting.is_silent()
        assert step.facts == ()
        assert [instruction.kind for instruction in step.instructions] == ["gather"]
        assert waiting.spoken[-1] == "play"
    assert waiting.session.waits == 4


def test_every_second_time_a_few_words_and_the_wait(waiting) -> None:
    waiting.wait = Wait(expected_s=170)
    waiting.is_silent()
    assert waiting.spoken == ["play"]
    waiting.is_silent()
    assert "about 3 minutes" in waiting.spoken[1]


@pytest.mark.parametrize(
    "said", ["it is getting worse", "it's getting worse", "estoy peor", "my knee feels a lot worse"]
)
def test_worse_raises_by_one_class(waiting, said) -> None:
    waiting.says(said)
    fact = waiting.fact(RAISED)
    assert (fact.data.urgency, fact.data.intent) == (Urgency.URGENT, "triage.symptom")
    assert fact.private["said"] == [said]


def test_the_key_for_worse_does_too_up_to_emergent_and_then_changes_nothing(waiting) -> None:
    waiting.presses("1")
    assert waiting.fact(RAISED).data.urgency is Urgency.URGENT
    assert "NOTICE" not in waiting.spoken
    waiting.presses("1")
    assert waiting.fact(RAISED).data.urgency is Urgency.EMERGENT
    assert waiting.spoken[0] == "NOTICE"
    waiting.presses("1")
    assert waiting.last.facts == ()
    assert waiting.spoken[0] == "NOTICE"


def test_a_red_flag_while_waiting_is_emergent_at_once(waiting) -> None:
    waiting.says("now my chest hurts")
    fact = waiting.fact(RAISED)
    assert (fact.data.urgency, fact.private["red_flags"]) == (Urgency.EMERGENT, ["chest_pain"])
    assert waiting.spoken[0] == "NOTICE"


def test_the_same_flag_again_is_no_news_and_another_one_is(waiting) -> None:
    waiting.says("my chest hurts")
    waiting.says("my chest hurts")
    assert waiting.last.facts == ()
    waiting.says("and I can't breathe")
    assert waiting.fact(RAISED).private["red_flags"] == ["chest_pain", "breathing"]


def test_an_urgent_flag_raises_too(waiting) -> None:
    waiting.says("my eye hurts")
    assert waiting.fact(RAISED).data.urgency is Urgency.URGENT
    assert "moved your call up" in waiting.spoken[0]


def test_a_model_may_raise(waiting) -> None:
    waiting.says("I feel strange", Understood(intent="triage.symptom", confidence=0.8, urgency="urgent", source="m1"))
    assert waiting.fact(RAISED).data.urgency is Urgency.URGENT
    waiting.says("odd", Understood(intent="triage.symptom", confidence=0.8, urgency="emergent", source="m1"))
    assert waiting.fact(RAISED).data.urgency is Urgency.EMERGENT


@pytest.mark.parametrize(("said", "part"), [("agent", "Thank you for waiting"), ("the weather is nice", "Thank you.")])
def test_other_words_keep_the_place(waiting, said, part) -> None:
    waiting.says(said)
    assert waiting.last.facts == ()
    assert waiting.spoken[0].startswith(part)
    assert waiting.session.said == (said,)


def test_other_keys_keep_the_place(waiting) -> None:
    waiting.presses("0")
    assert waiting.last.facts == ()


def test_an_emergent_caller_is_never_told_how_long(waiting) -> None:
    waiting.wait = Wait(expected_s=600)
    waiting.says("my chest hurts")
    waiting.is_silent()
    waiting.is_silent()
    assert not any("minutes" in text for text in waiting.spoken)
