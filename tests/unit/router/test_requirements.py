"""Soft requirements give way step by step, hard ones never."""

from datetime import timedelta

import pytest

from router import requirements
from schemas.routing import Relaxation, Requirement, Urgency
from tests.unit.router.lines_world import agent, cell, item, matched
from tests.world import START, World, kinds, tenant

HARD = Requirement(skill="nurse", level_min=0.5)
SOFT = Requirement(
    skill="cardio", level_min=0.8, hard=False, weight=2.0,
    relax=(Relaxation(after_s=30, level_min=0.4), Relaxation(after_s=60)),
)  # fmt: skip
WISH = Requirement(skill="lang-es", hard=False)


@pytest.mark.parametrize(
    ("stage", "enforced"),
    [
        (0, [("nurse", 0.5, True), ("cardio", 0.8, True), ("lang-es", 0.0, False)]),
        (1, [("nurse", 0.5, True), ("cardio", 0.4, True), ("lang-es", 0.0, False)]),
        (2, [("nurse", 0.5, True), ("cardio", 0.0, False), ("lang-es", 0.0, False)]),
    ],
)
def test_what_is_enforced_at_each_stage(stage, enforced):
    found = requirements.enforced((HARD, SOFT, WISH), stage)
    assert [(need.skill, need.level_min, need.hard) for need in found] == enforced
    assert [need.weight for need in found] == [1.0, 2.0, 1.0]


def test_moments_come_once_and_in_order_and_hard_requirements_have_none():
    other = Requirement(skill="x", hard=False, relax=(Relaxation(after_s=60), Relaxation(after_s=10)))
    hard = Requirement(skill="y", relax=(Relaxation(after_s=5),))
    assert requirements.moments((SOFT, other, hard)) == (10, 30, 60)
    assert requirements.enforced((hard,), 3) == (hard,)


def test_when_the_next_stage_begins():
    assert requirements.next_relaxation((SOFT,), 0, START) == START + timedelta(seconds=30)
    assert requirements.next_relaxation((SOFT,), 1, START) == START + timedelta(seconds=60)
    assert requirements.next_relaxation((SOFT,), 2, START) is None


def test_it_is_said_in_words():
    assert requirements.described((HARD, SOFT), 1) == "needs nurse from 0.50, cardio from 0.40 from here on"
    assert requirements.described((WISH,), 0) == "needs no special skill from here on"


def test_at_each_stage_more_agents_may_take_the_item():
    one = item("i", HARD, SOFT)
    agents = [agent("weak", nurse=0.9, cardio=0.4), agent("other", nurse=0.6), agent("clerk", cardio=1.0)]
    assert matched(cell([one], agents)) == []
    assert matched(cell([item("i", HARD, SOFT, stage=1)], agents)) == [("i", "weak")]
    assert matched(cell([item("i", HARD, SOFT, stage=2)], agents[1:])) == [("i", "other")]


def test_a_caller_waits_for_the_step_and_the_step_is_recorded():
    queues = [
        {"name": "nurses", "requires": [{"skill": "nurse"}], "intents": ["triage.symptom"]},
        {"name": "desk", "requires": [
            {"skill": "desk", "level_min": 0.9, "hard": False,
             "relax": [{"after_s": 45, "level_min": 0.6}, {"after_s": 90}]}
        ]},
    ]  # fmt: skip
    world = World(tenant(queues=queues))
    world.sign_in("carl")
    world.call("c1", "refill.request", Urgency.ROUTINE)
    assert world.wait(44) == []
    relaxed, *rest = world.wait(1)
    assert (relaxed.type, relaxed.stage, relaxed.why) == ("item.relaxed", 1, "needs desk from 0.60 from here on")
    assert kinds(rest)[0] == "agent.reserved"


def test_steps_that_passed_while_nobody_decided_pass_at_once():
    queues = [
        {"name": "nurses", "requires": [{"skill": "nurse"}], "intents": ["triage.symptom"]},
        {"name": "desk", "requires": [
            {"skill": "spare", "hard": False, "relax": [{"after_s": 10, "level_min": 0.5}, {"after_s": 20}]}
        ]},
    ]  # fmt: skip
    agents = [*tenant().model_dump(mode="json")["agents"]]
    agents.append(
        {"agent_id": "sam", "name": "Sam", "endpoint": "client:sam", "skills": [{"skill": "spare", "level": 1}]}
    )
    world = World(tenant(queues=queues, agents=agents))
    world.sign_in("carl")
    world.call("c1", "refill.request", Urgency.ROUTINE)
    relaxed, *rest = world.wait(30)
    assert (relaxed.type, relaxed.stage) == ("item.relaxed", 2)
    assert kinds(rest)[0] == "agent.reserved"
