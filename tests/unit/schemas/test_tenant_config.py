"""A tenant's document: what is refused, and in which words."""

import pytest
from pydantic import ValidationError

from schemas.hours import Hours, Interval
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


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc"])
def test_a_zone_is_one_of_the_known(zone):
    with pytest.raises(ValidationError, match="no time zone is called"):
        Hours(zone=zone, week={})


def test_a_known_zone_is_kept():
    assert Hours(zone="America/New_York", week={"mon": [{"opens": "09:00", "closes": "17:00"}]}).zone


@pytest.mark.parametrize("closes", ["09:00", "08:59"])
def test_a_day_runs_forward(closes):
    with pytest.raises(ValidationError, match=r"is not after opens \(09:00\)"):
        Interval(opens="09:00", closes=closes)


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
