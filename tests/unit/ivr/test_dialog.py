import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr import dialog
from ivr.session import ENDED, WAITING, Session
from ivr.steps import Wait
from schemas.dialog import Heard, Understood
from schemas.routing import Urgency

HANDED = "contact.handed_off"
TURNED = "contact.dialog_turned"
SERVED = "contact.self_served"


def handed(call):
    fact = call.fact(HANDED)
    assert fact is not None
    return fact.data


def test_the_emergency_notice_is_the_first_thing_said(call) -> None:
    step = call.starts()
    gather = step.instructions[-1]
    assert len(step.instructions) == 1
    assert gather.kind == "gather"
    assert call.spoken[0] == "NOTICE"
    assert call.spoken[1] == "Para español, oprima 9."
    assert "Riverside Health" in call.spoken[2]
    assert (gather.speech, gather.digits_max) == (True, 1)


def test_the_start_is_a_contact_that_arrived_with_the_number_kept_private(call) -> None:
    call.starts()
    (fact,) = call.last.facts
    assert fact.name == "arrived:0"
    assert fact.data.type == "contact.arrived"
    assert fact.private == {"caller_number": "+15005550123"}
    assert fact.data.answer_by_s > 40
    assert "+15005550123" not in repr(call.last)


def test_a_hidden_number_seals_nothing(call) -> None:
    call.session = call.session.with_(caller=None)
    call.starts()
    assert call.last.facts[0].private == {}
    call.presses("0")
    assert "caller_number" not in call.fact(HANDED).private


def test_a_tenant_with_one_language_offers_no_other(make_call, make_tenant) -> None:
    call = make_call(make_tenant(languages=["en"]))
    call.starts()
    assert "Para español, oprima 9." not in call.spoken
    call.presses("9")
    assert call.session.misunderstood == 1


@pytest.mark.parametrize("how", ["digit", "speech"])
def test_a_caller_may_go_on_in_spanish(call, how) -> None:
    call.starts()
    call.presses("9") if how == "digit" else call.says("en español por favor")
    assert call.session.language == "es"
    assert call.spoken[0] == "AVISO"
    assert call.last.instructions[0].language == "es"
    call.presses("0")
    assert handed(call).language == "es"


def test_back_to_english(call) -> None:
    call.starts()
    call.presses("9")
    call.says("english please")
    assert call.session.language == "en"


def test_zero_is_a_person(call) -> None:
    call.starts()
    call.presses("0")
    assert (handed(call).reason, handed(call).intent) == ("asked", "agent.request")
    assert call.session.node == WAITING
    assert "play" in call.spoken


@pytest.mark.parametrize("said", ["agent", "let me talk to a person", "quiero hablar con una persona"])
def test_asking_for_a_person_is_enough(call, said) -> None:
    call.starts()
    call.says(said)
    assert handed(call).reason == "asked"


def test_a_person_is_asked_for_even_if_a_model_heard_something_else(call) -> None:
    call.starts()
    call.says("agent", Understood(intent="facility.info", confidence=0.99, urgency="routine", source="m1"))
    assert handed(call).reason == "asked"


def test_a_menu_key_names_the_intent_and_may_raise_urgency(call) -> None:
    call.starts()
    call.presses("1")
    data = handed(call)
    assert (data.intent, data.urgency, data.urgency_by, data.reason) == (
        "triage.symptom", Urgency.URGENT, "menu", "intent",
    )  # fmt: skip
    turned = call.fact(TURNED)
    assert (turned.data.understood_by, turned.data.urgency, turned.private) == ("digit", Urgency.URGENT, {"said": "1"})


@pytest.mark.parametrize("said", ["five", "5.", "cinco"])
def test_a_key_may_be_spoken(call, said) -> None:
    call.starts()
    call.says(said)
    assert call.session.node == "facility"


def test_an_administrative_key_is_routine(call) -> None:
    call.starts()
    call.presses("4")
    data = handed(call)
    assert (data.intent, data.urgency, data.urgency_by) == ("billing.question", Urgency.ROUTINE, "default")
    assert data.requirements == ()


def test_spoken_intents_go_to_a_person_with_what_was_said(call) -> None:
    call.starts()
    call.says("I need a refill of lisinopril")
    assert (handed(call).intent, handed(call).reason) == ("refill.request", "intent")
    assert call.fact(HANDED).private == {
        "said": ["I need a refill of lisinopril"], "intent": "refill.request", "red_flags": [],
        "caller_number": "+15005550123",
    }  # fmt: skip
    assert call.fact(TURNED).private == {"said": "I need a refill of lisinopril"}


def test_two_silences_are_a_person(call) -> None:
    call.starts()
    call.is_silent()
    assert call.session.silent == 1
    assert call.spoken[0] == "I didn't hear anything."
    call.is_silent()
    assert handed(call).reason == "silence"


def test_two_misunderstandings_are_a_person(call) -> None:
    call.starts()
    call.says("the purple elephant sings")
    assert call.session.misunderstood == 1
    call.presses("8")
    assert handed(call).reason == "misunderstood"
    assert call.fact(HANDED).private["said"] == ["the purple elephant sings"]


def test_being_understood_in_between_starts_the_count_anew(call) -> None:
    call.starts()
    call.says("the purple elephant sings")
    call.presses("5")
    call.says("the purple elephant sings")
    assert call.fact(HANDED) is None


@pytest.mark.parametrize("place", ["menu", "facility", "anything_else"])
def test_a_red_flag_anywhere_goes_to_a_nurse_at_once(call, place) -> None:
    call.starts()
    call.session = call.session.with_(node=place)
    call.says("my chest hurts")
    data = handed(call)
    assert (data.intent, data.urgency, data.urgency_by, data.reason) == (
        "triage.symptom", Urgency.EMERGENT, "red_flag", "red_flag",
    )  # fmt: skip
    assert data.requirements == ()
    assert call.spoken[0] == "NOTICE"
    assert call.fact(HANDED).private["red_flags"] == ["chest_pain"]
    assert "chest" not in repr(call.last)


def test_an_urgent_flag_goes_to_a_person_without_the_notice(call) -> None:
    call.starts()
    call.says("my eye hurts")
    assert (handed(call).urgency, handed(call).reason) == (Urgency.URGENT, "red_flag")
    assert "NOTICE" not in call.spoken


def test_getting_worse_is_urgent_by_keyword(call) -> None:
    call.starts()
    call.says("it is getting worse")
    data = handed(call)
    assert (data.intent, data.urgency, data.urgency_by, data.reason) == (
        "triage.symptom", Urgency.URGENT, "keyword", "intent",
    )  # fmt: skip


def test_a_model_raises(call) -> None:
    call.starts()
    model = Understood(intent="facility.info", confidence=0.9, urgency="emergent", source="m1")
    call.says("what are your hours", model)
    assert (handed(call).urgency, handed(call).reason, handed(call).intent) == (
        Urgency.EMERGENT, "red_flag", "triage.symptom",
    )  # fmt: skip


def test_a_model_never_lowers(call) -> None:
    call.starts()
    call.says("I have chest pain", Understood(intent="billing.pay", confidence=1.0, urgency="routine", source="m1"))
    assert (handed(call).urgency, handed(call).intent) == (Urgency.EMERGENT, "triage.symptom")


def test_hours_are_served_without_a_person(call) -> None:
    call.starts()
    call.says("what are your hours")
    assert [fact.data.type for fact in call.last.facts] == [TURNED, SERVED]
    assert call.fact(SERVED).data.task == "facility.hours"
    assert call.spoken[0].startswith("We are open now, until 5 p.m.")
    assert call.session.node == "anything_else"
    assert call.last.instructions[0].kind == "gather"


@pytest.mark.parametrize(("key", "task"), [("1", "hours"), ("2", "address"), ("3", "directions")])
def test_the_facility_menu(call, key, task) -> None:
    call.starts()
    call.presses("5")
    assert call.session.node == "facility"
    call.presses(key)
    assert call.fact(SERVED).data.task == f"facility.{task}"
    assert call.session.intent == "facility.info"


@pytest.mark.parametrize("said", ["no", "No, thank you.", "that's all", "no gracias", "bye"])
def test_nothing_else_ends_the_call(call, said) -> None:
    call.starts()
    call.says("what is your address")
    call.says(said)
    assert call.last.instructions[-1].kind == "hang_up"
    assert call.session.node == ENDED
    assert [fact.data.type for fact in call.last.facts] == [TURNED]


def test_a_key_ends_the_call_too(call) -> None:
    call.starts()
    call.says("what is your address")
    call.presses("2")
    assert call.last.instructions[-1].kind == "hang_up"


@pytest.mark.parametrize("said", ["yes", "sí, por favor"])
def test_something_else_goes_back_to_the_menu(call, said) -> None:
    call.starts()
    call.says("where are you located")
    call.says(said)
    assert call.session.node == "menu"


def test_something_else_may_be_said_at_once(call) -> None:
    call.starts()
    call.says("where are you located")
    call.says("I want to pay my bill")
    assert handed(call).intent == "billing.pay"


def test_nothing_at_all_is_not_understood(call) -> None:
    call.starts()
    call.says("where are you located")
    call.says("  ")
    assert call.session.misunderstood == 1
    assert call.fact(TURNED).private == {"said": "  "}


def test_silence_after_a_task_is_still_a_person(call) -> None:
    call.starts()
    call.says("where are you located")
    call.is_silent()
    call.is_silent()
    assert handed(call).reason == "silence"


def test_an_emergent_caller_is_told_no_waiting_time(call) -> None:
    call.wait = Wait(expected_s=240)
    call.starts()
    call.says("I can't breathe")
    assert not any("minutes" in text for text in call.spoken)


@pytest.mark.parametrize(
    ("seconds", "part"), [(20, "about a minute"), (61, "about 2 minutes"), (5000, "half an hour"), (-5, "short")]
)  # fmt: skip
def test_the_expected_wait_is_spoken_if_known(call, seconds, part) -> None:
    call.wait = Wait(expected_s=seconds)
    call.starts()
    call.presses("4")
    assert any(part in text for text in call.spoken)


def test_a_caller_whose_agent_was_lost_comes_back_first(call) -> None:
    call.starts()
    call.presses("4")
    call.hears("returned")
    data = handed(call)
    assert (data.returning, data.reason, data.intent) == (True, "agent_leg_lost", "billing.question")
    assert "sorry" in call.spoken[0]
    assert call.session.ordinal == 1


def test_a_second_return_is_another_fact_than_the_first(call) -> None:
    call.starts()
    call.says("I have chest pain")
    waiting = call.session
    call.hears("returned")
    first = call.fact(HANDED)
    assert first.data.urgency_by == "red_flag"
    assert call.spoken[0] == "NOTICE"
    call.session = waiting.with_(ordinal=1)
    call.hears("returned")
    assert call.fact(HANDED).name != first.name


def test_a_node_that_the_flow_lost_is_its_start(call) -> None:
    call.starts()
    call.session = call.session.with_(node="of_an_older_flow")
    call.presses("5")
    assert call.session.node == "facility"
    call.session = call.session.with_(node="of_an_older_flow")
    call.presses("9")
    assert call.session.node == "menu"


def test_a_lost_session_goes_to_the_notice_and_a_person(prompts, tenant) -> None:
    given_ = {"contact_id": "c1", "tenant": tenant, "prompts": prompts, "account": "AC1", "call": "CA1",
              "number": "+15005550100"}  # fmt: skip
    step = dialog.lost(**given_)
    (gather,) = step.instructions
    assert [prompt.text for prompt in gather.prompts[:2]] == ["NOTICE", "AVISO"]
    fact = step.facts[-1]
    assert (fact.data.reason, fact.data.urgency_by) == ("dialog_lost", "dialog_lost")
    assert fact.data.urgency is Urgency.URGENT
    assert step == dialog.lost(**given_)
    assert step.session.node == WAITING


def test_a_lost_session_tells_of_the_arrival_too_under_its_own_name(call, prompts, tenant) -> None:
    call.starts()
    arrived = call.last.facts[0]
    step = dialog.lost(
        contact_id=call.session.contact_id, tenant=tenant, prompts=prompts, account="AC1", call="CA1",
        number="+15005550100", caller="+15005550123",
    )  # fmt: skip
    told, handed_off = step.facts
    assert (told.name, told.private) == (arrived.name, arrived.private)
    assert told.data.model_copy(update={"answer_by_s": arrived.data.answer_by_s}) == arrived.data
    assert handed_off.data.type == HANDED


@pytest.mark.parametrize(
    "words", ["no", "No, that's all.", "no thanks, bye", "nothing else thank you", "nada más", "I'm good"]
)
def test_who_needs_nothing_else_is_let_go(call, words) -> None:
    call.starts()
    call.says("what are your opening hours")
    call.says(words)
    assert call.session.node == ENDED


@pytest.mark.parametrize("words", [",", "nobody told me", "no that is not all", "nope I"])
def test_other_words_do_not_end_the_call(call, words) -> None:
    call.starts()
    call.says("what are your opening hours")
    call.says(words)
    assert call.session.node != ENDED


def test_a_self_served_intent_of_a_key(call) -> None:
    nodes = dict(call.world["flow"].nodes)
    menu = nodes["menu"]
    keys = {**menu.keys, "6": type(menu.keys["1"])(intent="facility.info")}
    nodes["menu"] = menu.model_copy(update={"keys": keys})
    call.world["flow"] = call.world["flow"].model_copy(update={"nodes": nodes})
    call.starts()
    call.presses("6")
    assert call.fact(SERVED).data.task == "facility.summary"
    assert any("12 River Street" in text for text in call.spoken)


WORDS = st.sampled_from(
    [
        "my chest hurts",
        "agent",
        "no",
        "yes",
        "hours",
        "refill",
        "worse",
        "español",
        "I can't",
        "breathe",
        "9",
        "0",
        "??",
    ]
)
HEARD = st.one_of(
    st.builds(Heard, kind=st.just("start")),
    st.builds(Heard, kind=st.just("silence")),
    st.builds(Heard, kind=st.just("returned")),
    st.builds(Heard, kind=st.just("digits"), text=st.text("0123456789*#", max_size=3)),
    st.builds(Heard, kind=st.just("speech"), text=st.lists(WORDS, max_size=5).map(" ".join) | st.text(max_size=120)),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(inputs=st.lists(HEARD, max_size=6))
def test_the_same_input_gives_the_same_answer_and_no_caller_is_without_one(call, flow, prompts, tenant, inputs) -> None:
    session = call.session
    for heard in inputs:
        first = dialog.step(session, heard, **call.world)
        again = dialog.step(Session.from_bytes(session.to_bytes()), heard, **call.world)
        assert first == again
        assert first.instructions
        assert first.instructions[-1].kind in {"gather", "hang_up"}
        assert first.session.turn == session.turn + 1
        assert first.session.urgency <= session.urgency
        assert len({fact.name for fact in first.facts}) == len(first.facts)
        session = first.session
