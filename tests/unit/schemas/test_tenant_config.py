"""A tenant's document: what is refused, and in which words."""

import pytest
from pydantic import ValidationError

from schemas.errors import Inconsistent
from schemas.tenant_config import Agent, CarrierAccount, Queue, TenantConfig, Timers
from tests.world import tenant


def document(**changes):
    return tenant().model_dump(mode="json") | changes


def refused(**changes):
    with pytest.raises(ValidationError) as caught:
        TenantConfig.model_validate(document(**changes))
    return str(caught.value)


def test_a_document_is_read_back_as_it_was_written():
    config = tenant()
    assert TenantConfig.model_validate_json(config.model_dump_json()) == config


def test_an_intent_has_its_queue_or_the_default():
    config = tenant()
    assert config.queue_for("triage.symptom") == "nurses"
    assert config.queue_for("unheard.of") == "desk"


def test_the_skills_are_those_of_the_agents():
    assert tenant().skills == {"nurse", "desk"}


def test_an_unknown_field_is_refused():
    assert "extra" in refused(colour="blue")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"default_queue": "attic"}, "default_queue 'attic' is not among the queues nurses, desk"),
        ({"emergency": {"notice": {"en": "x"}, "queue": "attic"}}, "emergency.queue 'attic' is not among the queues"),
        ({"languages": ["en", "es"]}, "emergency.notice has no text in 'es'"),
        (
            {"languages": ["en", "es"], "emergency": {"notice": {"en": "x", "es": "x"}, "queue": "desk"}},
            "facility.name has no text in 'es'",
        ),
        ({"numbers": ["5550100"]}, "String should match pattern"),
        ({"tenant": "Demo Clinic"}, "String should match pattern"),
        ({"version": 0}, "greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_refused_in_words_that_help(changes, words):
    assert words in refused(**changes)


def test_a_queue_that_nobody_can_serve_is_refused():
    queues = [*document()["queues"], {"name": "doctors", "requires": [{"skill": "physician"}]}]
    assert "queue 'doctors' requires skill 'physician', which no agent has" in refused(queues=queues)


def test_a_document_without_agents_may_require_what_it_likes():
    assert TenantConfig.model_validate(document(agents=[])).skills == frozenset()


@pytest.mark.parametrize("what", ["queues", "agents"])
def test_a_name_is_given_once(what):
    entries = document()[what]
    assert f"{what[:-1]} " in refused(**{what: [*entries, entries[0]]})
    assert "is listed twice" in refused(**{what: [*entries, entries[0]]})


def test_an_intent_has_one_queue():
    queues = document()["queues"]
    queues[0]["intents"] = queues[1]["intents"] = ["billing"]
    assert "intent 'billing' is listed twice" in refused(queues=queues)


OFFICE = {"zone": "UTC", "week": {"mon": [{"opens": "08:00", "closes": "17:00"}]}}


def test_a_queue_may_have_hours_and_a_way_after_them():
    queues = document()["queues"]
    queues[1] |= {"hours": "office", "after_hours": {"then": "on_call", "queue": "nurses"}}
    config = TenantConfig.model_validate(document(queues=queues, calendars={"office": OFFICE}))
    assert config.queues[1].after_hours.queue == "nurses"
    assert TenantConfig.model_validate_json(config.model_dump_json(exclude_none=True)) == config


def test_a_document_of_before_there_were_calendars_is_always_open():
    old = document()
    del old["calendars"]
    for queue in old["queues"]:
        del queue["hours"], queue["after_hours"]
    assert [queue.hours for queue in TenantConfig.model_validate(old).queues] == [None, None]


@pytest.mark.parametrize(
    ("calendars", "words"),
    [
        ({}, "the hours 'office' of queue 'desk' is no calendar; there is none"),
        ({"night": OFFICE}, "the hours 'office' of queue 'desk' is not among the calendars night"),
        ({"Night Shift": OFFICE}, "String should match pattern"),
    ],
)
def test_hours_name_a_calendar(calendars, words):
    queues = document()["queues"]
    queues[1]["hours"] = "office"
    assert words in refused(queues=queues, calendars=calendars)


def test_what_does_not_fit_says_where_and_how_to_mend_it():
    queues = document()["queues"]
    queues[1] |= {"hours": "office"}
    with pytest.raises(ValidationError) as caught:
        TenantConfig.model_validate(document(queues=queues))
    (detail,) = caught.value.errors()
    cause = detail["ctx"]["error"]
    assert isinstance(cause, Inconsistent)
    assert (cause.at, cause.remedy) == (("queues", 1, "hours"), "Add office: under calendars.")


def test_after_hours_leads_to_a_queue():
    queues = document()["queues"]
    queues[1]["after_hours"] = {"then": "message", "queue": "attic"}
    assert "queues.1.after_hours.queue 'attic' is not among the queues nurses, desk" in refused(queues=queues)


@pytest.mark.parametrize("timer", ["offer_s", "connecting_s", "wrap_up_s", "exclusion_s", "reconnect_s"])
def test_every_timer_has_its_bounds(timer):
    with pytest.raises(ValidationError):
        Timers(**{timer: -1})
    with pytest.raises(ValidationError):
        Timers(**{timer: 1e9})


def test_a_carrier_has_one_secret_or_two():
    for secrets in ((), ("a", "b", "c")):
        with pytest.raises(ValidationError):
            CarrierAccount(carrier="twilio", account="AC1", secrets=secrets)


@pytest.mark.parametrize("endpoint", ["nora", "tel:+15005550101", "client:", "+1 500"])
def test_an_endpoint_is_a_client_a_sip_address_or_a_number(endpoint):
    with pytest.raises(ValidationError):
        Agent(agent_id="nora", name="Nora", endpoint=endpoint, skills=[{"skill": "nurse", "level": 1}])


def test_a_queue_asks_for_something():
    with pytest.raises(ValidationError):
        Queue(name="desk", requires=())
