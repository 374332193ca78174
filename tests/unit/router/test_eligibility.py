"""The normative rule of who may answer whom, as cases that any index has to agree with."""

from dataclasses import replace
from datetime import timedelta

import pytest

from router import eligibility
from router.entities import AgentRecord, Item
from schemas.routing import AgentState, AgentStatus, Requirement, SkillLevel, Urgency
from tests.world import START

AGENT = AgentRecord(
    "nora", "demo", "client:nora", (SkillLevel(skill="nurse", level=0.6), SkillLevel(skill="lang-es", level=1.0)),
    status=AgentStatus.AVAILABLE, connected=True, unreachable=False,
)  # fmt: skip


def need(skill, level_min=0.0, *, hard=True):
    return Requirement(skill=skill, level_min=level_min, hard=hard)


def item(*requirements, urgency=Urgency.ROUTINE, excluded=()):
    return Item(
        "i1", "c1", "demo", "nurses", "triage.symptom", urgency, "en", requirements, START, excluded=tuple(excluded)
    )


@pytest.mark.parametrize(
    "requirements",
    [
        (),
        (need("nurse"),),
        (need("nurse", 0.6),),
        (need("nurse"), need("lang-es", 1.0)),
        (need("physician", 1.0, hard=False),),
        (need("nurse", 0.9, hard=False),),
    ],
)
def test_an_agent_may_who_meets_every_hard_requirement(requirements):
    assert eligibility.obstacle(item(*requirements), AGENT, now=START) is None


@pytest.mark.parametrize(
    ("requirements", "why"),
    [
        ((need("physician"),), "lacks:physician"),
        ((need("nurse"), need("physician")), "lacks:physician"),
        ((need("nurse", 0.61),), "below:nurse"),
        ((need("desk", hard=False), need("nurse", 1.0)), "below:nurse"),
    ],
)
def test_a_hard_requirement_is_never_relaxed(requirements, why):
    assert eligibility.unfit(item(*requirements), AGENT) == why
    assert eligibility.obstacle(item(*requirements, urgency=Urgency.EMERGENT), AGENT, now=START) == why


def test_an_agent_serves_their_own_tenant():
    assert eligibility.obstacle(item(), replace(AGENT, tenant="other"), now=START) == "other_tenant"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"listed": False}, "not_listed"),
        ({"status": AgentStatus.BREAK}, "status:break"),
        ({"status": AgentStatus.TRAINING}, "status:training"),
        ({"status": AgentStatus.OFFLINE}, "status:offline"),
        ({"connected": False}, "unreachable"),
        ({"unreachable": True}, "unreachable"),
        ({"state": AgentState.RESERVED}, "state:reserved"),
        ({"state": AgentState.CONNECTING}, "state:connecting"),
        ({"state": AgentState.BUSY}, "state:busy"),
        ({"state": AgentState.WRAPPING}, "state:wrapping"),
    ],
)
def test_who_is_not_there_and_free_takes_nothing(change, why):
    agent = replace(AGENT, **change)
    assert eligibility.standing(agent) == why
    assert eligibility.obstacle(item(), agent, now=START) == why


def test_what_stands_against_the_agent_is_named_before_what_the_item_needs():
    assert eligibility.obstacle(item(need("physician")), replace(AGENT, listed=False), now=START) == "not_listed"


@pytest.mark.parametrize(("seconds", "why"), [(1, "excluded"), (0, None), (-1, None)])
def test_an_exclusion_holds_until_its_end(seconds, why):
    held = item(excluded=[("nora", START + timedelta(seconds=seconds))])
    assert eligibility.obstacle(held, AGENT, now=START) == why


def test_an_exclusion_of_another_agent_holds_nobody_else():
    assert eligibility.excluded(item(excluded=[("nils", START + timedelta(hours=1))]), AGENT, now=START) is None


def test_no_exclusion_keeps_an_emergent_caller_from_anyone():
    held = item(urgency=Urgency.EMERGENT, excluded=[("nora", START + timedelta(hours=1))])
    assert eligibility.obstacle(held, AGENT, now=START) is None
