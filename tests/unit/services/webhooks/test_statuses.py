"""What becomes of legs, as the carrier tells it."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from schemas import ids
from schemas.routing import CallEndCause
from services.carriers.addresses import STATUS, VOICE, AgentLeg
from tests.carrier_cases import ACCOUNT, CALL, NOW, tenant

CONTACT = ids.contact_id("twilio", ACCOUNT, CALL)
CAUSES = [
    ("completed", CallEndCause.COMPLETED),
    ("busy", CallEndCause.BUSY),
    ("no-answer", CallEndCause.NO_ANSWER),
    ("failed", CallEndCause.FAILED),
    ("canceled", CallEndCause.CANCELED),
]


def agents_url(world, **changes):
    leg = {"contact": CONTACT, "tenant": "demo", "cell": "pool", "reservation": "r-1"}
    return world.addresses.agent_status(AgentLeg.model_validate(leg | changes))


@pytest.mark.parametrize(("status", "cause"), CAUSES)
async def test_a_callers_leg_has_ended(world, status, cause):
    answer = await world.carrier.post(STATUS, CallStatus=status)
    assert answer.status_code == 204
    (fact,) = world.bus.facts
    assert (fact.type, fact.subject, fact.data.cause) == ("leg.caller_ended", CONTACT, cause)
    assert (fact.cell, fact.tenant, fact.source, fact.time) == ("pool", "demo", "/carriers/twilio", NOW)
    assert world.counted("status", "published") == 1


@pytest.mark.parametrize("status", ["queued", "initiated", "ringing", "in-progress", "", "strange"])
async def test_what_is_not_the_end_is_no_fact(world, status):
    answer = await world.carrier.post(STATUS, CallStatus=status)
    assert answer.status_code == 204
    assert world.bus.records == []
    assert world.counted("status", "ignored") == 1


@pytest.mark.parametrize(("status", "cause"), CAUSES)
async def test_an_agents_leg_has_ended(world, status, cause):
    await world.carrier.post(agents_url(world), call="CA7", CallStatus=status)
    (fact,) = world.bus.facts
    assert (fact.type, fact.subject, fact.data.cause) == ("leg.agent_ended", CONTACT, cause)
    assert (fact.data.reservation_id, fact.cell, fact.tenant) == ("r-1", "pool", "demo")


async def test_an_agents_leg_was_answered(world):
    url = agents_url(world)
    for status in ("initiated", "ringing", "in-progress"):
        await world.carrier.post(url, call="CA7", to="client:nora", CallStatus=status)
    (fact,) = world.bus.facts
    assert (fact.type, fact.data.reservation_id) == ("leg.agent_answered", "r-1")


async def test_repeats_and_late_ones_are_the_same_facts(world):
    for advance in (0, 0, 3600):
        world.clock.advance(advance)
        await world.carrier.post(STATUS, CallStatus="completed")
        await world.carrier.post(agents_url(world), call="CA7", CallStatus="in-progress")
        await world.carrier.post(agents_url(world), call="CA7", CallStatus="completed")
    assert len({fact.id for fact in world.bus.facts}) == 3


async def test_the_end_may_come_before_the_beginning(world):
    await world.carrier.post(STATUS, CallStatus="completed")
    await world.carrier.post(VOICE, CallStatus="ringing")
    assert world.bus.kinds() == ["leg.caller_ended", "contact.arrived"]
    assert len({fact.subject for fact in world.bus.facts}) == 1


async def test_the_carriers_own_time_counts_unless_it_is_in_the_future(world):
    for shift in (-90, 90):
        await world.carrier.post(
            STATUS, CallStatus="completed", Timestamp=format_datetime(NOW + timedelta(seconds=shift))
        )
    assert [fact.time for fact in world.bus.facts] == [NOW - timedelta(seconds=90), NOW]


async def test_a_number_that_is_not_in_use_any_more(world):
    await world.carrier.post(STATUS, CallStatus="completed", to="+15005550999")
    assert world.bus.facts[0].cell == "pool"


@pytest.mark.parametrize("url", [STATUS, "agent"])
async def test_a_status_that_did_not_become_durable_is_refused(world, url):
    world.bus.broken = True
    answer = await world.carrier.post(agents_url(world) if url == "agent" else url, CallStatus="completed")
    assert answer.status_code == 503
    assert world.counted("status", "unavailable") == 1


async def test_a_bus_that_is_back_in_time_is_waited_for(world):
    tries = []

    async def third_time_lucky():
        tries.append(1)
        world.bus.broken = len(tries) < 3

    world.bus.hook = third_time_lucky
    answer = await world.carrier.post(STATUS, CallStatus="completed")
    assert (answer.status_code, len(tries)) == (204, 3)
    assert world.bus.kinds() == ["leg.caller_ended"]


@pytest.mark.parametrize(
    "change", [lambda url: url[:-1], lambda url: url + "A", lambda url: url.replace("?s=", "?s=A")]
)
async def test_a_token_that_is_not_ours(world, change):
    answer = await world.carrier.post(change(agents_url(world)), CallStatus="completed")
    assert answer.status_code == 400
    assert world.bus.records == []
    assert world.counted("status", "bad_token") == 1


async def test_a_token_of_another_tenants_account(world):
    other = [{"carrier": "twilio", "account": "AC2", "secrets": ["twilio"]}]
    world.tenants.apply(tenant(tenant="other", numbers=["+15005550101"], carriers=other))
    answer = await world.carrier.post(agents_url(world, tenant="other"), CallStatus="completed")
    assert answer.status_code == 400
    assert world.bus.records == []


async def test_a_forged_status_is_refused(world):
    answer = await world.carrier.post(STATUS, secret="forged", CallStatus="completed")
    assert answer.status_code == 403
    assert world.bus.records == []
