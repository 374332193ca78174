import pytest

from ivr.intents import INTENTS, combined, understand
from schemas.dialog import Understood
from schemas.routing import Urgency

SAID = {
    "appointment.book": [
        "I'd like to schedule an appointment",
        "quiero hacer una cita",
        "appointment for my knee pain",
    ],
    "appointment.change": ["reschedule my appointment", "quiero cambiar mi cita"],
    "appointment.cancel": ["cancel my appointment", "cancelar mi cita"],
    "appointment.check": ["when is my appointment", "cuándo es mi cita"],
    "refill.request": ["refill my lisinopril", "necesito resurtir mi receta", "I'm out of insulin, I need a refill"],
    "refill.status": ["is my prescription ready"],
    "results.request": ["I'm calling for my test results", "mis resultados"],
    "billing.pay": ["I want to pay my bill", "quiero pagar mi factura"],
    "billing.question": ["I don't understand my bill", "cuánto debo"],
    "billing.plan": ["can I set up a payment plan"],
    "billing.dispute": ["my account was charged twice", "it's an emergency my bill is wrong"],
    "insurance.verify": ["do you take blue cross insurance"],
    "insurance.prior_auth": ["prior authorization for my MRI"],
    "referral.request": ["I need a referral to cardiology"],
    "triage.symptom": ["I have a sore throat", "me duele la rodilla", "speak to a nurse", "my chest hurts"],
    "medication.question": ["can I take ibuprofen with my blood pressure pills", "I took a double dose"],
    "records.request": ["I need my medical records"],
    "provider.message": ["leave a message for Doctor Smith"],
    "facility.info": ["what time do you open", "dónde están ubicados", "hours"],
    "complaint": ["I want to file a complaint"],
    "agent.request": ["agent", "quiero hablar con una persona"],
    "out_of_scope": ["I want to order a pizza", "yes", ""],
}


@pytest.mark.parametrize(("said", "intent"), [(said, intent) for intent, rows in SAID.items() for said in rows])
def test_the_primary_intent(said, intent) -> None:
    understood = understand(said)
    assert understood.intent == intent
    assert (understood.confidence > 0.5) == (intent != "out_of_scope")


def test_the_table_covers_the_closed_set() -> None:
    assert set(SAID) == INTENTS


def test_clinical_need_goes_before_everything_else() -> None:
    assert understand("I need to pay my bill and my ankle hurts").intent == "triage.symptom"
    assert understand("refill my pills, and I can't breathe").intent == "triage.symptom"


def test_a_missed_dose_keeps_its_name_and_its_urgency() -> None:
    understood = understand("I missed a dose of my insulin")
    assert (understood.intent, understood.urgency) == ("medication.question", Urgency.URGENT)
    assert understand("I forgot my insulin").intent == "triage.symptom"


@pytest.mark.parametrize("said", ["it is getting worse", "I have a really bad headache", "my back hurts, I can't wait"])
def test_words_that_make_it_urgent(said) -> None:
    assert understand(said).urgency is Urgency.URGENT


@pytest.mark.parametrize("said", ["it's not getting worse", "I need an appointment as soon as possible"])
def test_words_that_do_not(said) -> None:
    assert understand(said).urgency is Urgency.ROUTINE


def model(intent="billing.pay", confidence=0.9, urgency="routine", red_flags=()) -> Understood:
    return Understood(intent=intent, confidence=confidence, urgency=urgency, red_flags=red_flags, source="m1")


def test_without_a_model_the_rules_stand() -> None:
    rules = understand("refill my pills")
    assert combined(rules, None) is rules


def test_a_sure_model_names_the_intent() -> None:
    assert combined(understand("hm"), model()).intent == "billing.pay"


@pytest.mark.parametrize("unsure", [model(confidence=0.2), model(intent="no.such")])
def test_an_unsure_or_odd_model_does_not(unsure) -> None:
    assert combined(understand("refill my pills"), unsure).intent == "refill.request"


def test_a_clinical_need_and_a_wish_for_a_person_stand() -> None:
    assert combined(understand("my knee hurts"), model()).intent == "triage.symptom"
    assert combined(understand("agent"), model()).intent == "agent.request"


def test_urgency_is_the_higher_and_flags_are_those_of_both() -> None:
    both = combined(understand("my eye hurts"), model(urgency="emergent", red_flags=("stroke", "eye")))
    assert (both.urgency, both.red_flags, both.intent) == (Urgency.EMERGENT, ("eye", "stroke"), "triage.symptom")
    flagged = combined(understand("hm"), model(red_flags=("wound",)))
    assert (flagged.urgency, flagged.intent) == (Urgency.URGENT, "triage.symptom")
