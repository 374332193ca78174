"""What every policy is held to, and what each of them is for."""

from dataclasses import replace
from datetime import timedelta

import pytest

from router import eligibility
from router.engine import POLICY, Engine
from router.judgement import of_match
from router.matching import next_match
from router.policies.best_proficiency import BestProficiency
from router.policies.catalogue import POLICIES
from router.policies.frontdoor import Frontdoor
from router.policies.gcmu import GeneralisedCMu
from router.policies.longest_idle import LongestIdle
from router.policies.penalties import Penalties
from router.policies.priority_longest_idle import PriorityLongestIdle
from router.policies.strict_groups import StrictGroups
from router.survey import unmatched
from schemas.routing import Requirement, Urgency
from tests.unit.router.lines_world import agent, cell, item, matched
from tests.world import START

EVERY = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def pairs(policy, items, agents, **config) -> list[tuple[str, str]]:
    return [match for match in matched(cell(items, agents, policy=policy, **config)) if len(match) == 2]


def good(skill="nurse", level=0.95) -> Requirement:
    return Requirement(skill=skill, level_min=level)


# ---- every policy


@EVERY
def test_who_can_meet_meets_and_nobody_twice(policy) -> None:
    items = [item(f"i{number}", "nurse", waited_s=number) for number in range(3)]
    made = pairs(policy, items, [agent(f"a{number}", nurse=0.9) for number in range(5)])
    assert sorted(name for name, _ in made) == ["i0", "i1", "i2"]
    assert len({name for _, name in made}) == 3


@EVERY
def test_of_equals_the_first_come_goes_first_to_the_longest_idle(policy) -> None:
    items = [item("late", "nurse", waited_s=10), item("early", "nurse", waited_s=60)]
    agents = [agent("just_free", nurse=0.9, idle_s=1), agent("long_idle", nurse=0.9, idle_s=99)]
    assert sorted(pairs(policy, items, agents)) == [("early", "long_idle"), ("late", "just_free")]
    assert pairs(policy, items, agents[:1]) == [("early", "just_free")]


@EVERY
def test_a_stated_lowest_level_is_kept(policy) -> None:
    assert pairs(policy, [item("i", good(), urgency=Urgency.EMERGENT)], [agent("a", nurse=0.9)]) == []


@EVERY
def test_an_excluded_agent_is_not_asked_and_does_not_hold_up_the_others(policy) -> None:
    until = START + timedelta(seconds=60)
    first = item("first", "nurse", waited_s=60, excluded=[("a", until)], urgency=Urgency.URGENT)
    second = item("second", "nurse", waited_s=10, urgency=Urgency.URGENT)
    assert pairs(policy, [first, second], [agent("a", nurse=0.9)]) == [("second", "a")]


@EVERY
def test_an_emergent_caller_is_never_held(policy) -> None:
    held = item("i", "nurse", urgency=Urgency.EMERGENT, excluded=[("a", START + timedelta(seconds=60))])
    reserve = {"emergency": {"notice": {"en": "Dial 911."}, "queue": "nurses", "reserve": 1}}
    assert pairs(policy, [held], [agent("a", nurse=0.9)], **reserve) == [("i", "a")]


@EVERY
def test_who_is_paired_may_by_the_one_definition_and_nobody_else_stays_apart(policy) -> None:
    items = [item(f"i{n}", ("nurse", "desk")[n % 2], waited_s=n, urgency=Urgency(n % 3)) for n in range(6)]
    agents = [agent("n", nurse=0.8), agent("d", desk=0.9), agent("both", nurse=0.6, desk=0.4, idle_s=9)]
    state = cell(items, agents, policy=policy)
    people, wishes = {one.agent_id: one for one in agents}, {one.item_id: one for one in items}
    for name, who in matched(state):
        assert eligibility.obstacle(wishes[name], people[who], now=START, policy=policy) is None
    assert unmatched(state, START) == []


@EVERY
def test_ranks_are_shares_and_a_policy_has_a_name_and_a_version(policy) -> None:
    levels = (0.0, 0.3, 0.55, 0.9, 1.0)
    ranks = [policy.rank((Requirement(skill="nurse"),), agent("a", nurse=level)) for level in levels]
    assert all(0.0 <= rank <= 1.0 for rank in ranks)
    assert ranks == sorted(ranks)
    assert policy.version
    assert POLICIES[policy.name] is policy


def test_the_engine_has_ours_unless_it_is_given_another() -> None:
    assert Frontdoor() == POLICY
    engine = Engine.restore(Engine("demo", LongestIdle()).image(), policy=LongestIdle())
    assert engine.state.policy == LongestIdle()


# ---- each one


def test_longest_idle_asks_no_skill() -> None:
    agents = [agent("nurse", nurse=0.9, idle_s=1), agent("clerk", desk=0.9, idle_s=99)]
    state = cell([item("i", "nurse", urgency=Urgency.EMERGENT)], agents, policy=LongestIdle())
    assert unmatched(state, START) != []
    assert matched(state) == [("i", "clerk")]


def test_longest_idle_is_first_come_first_served_whatever_the_urgency() -> None:
    items = [item("emergent", "nurse", urgency=Urgency.EMERGENT), item("routine", "desk", waited_s=1)]
    assert pairs(LongestIdle(), items, [agent("a", nurse=0.9)]) == [("routine", "a")]


def test_strict_groups_do_not_help_one_another() -> None:
    assert pairs(StrictGroups(), [item("i", "refill")], [agent("helper", refill=0.6, billing=0.9)]) == []
    assert pairs(StrictGroups(), [item("i", "refill")], [agent("member", refill=0.7)]) == [("i", "member")]


def test_penalties_are_steps_and_shut_nobody_out() -> None:
    agents = [
        agent("best", nurse=0.95, idle_s=1),
        agent("good", nurse=0.7, idle_s=50),
        agent("poor", nurse=0.1, idle_s=99),
    ]
    assert pairs(Penalties(), [item("i", "nurse")], agents) == [("i", "good")]
    assert pairs(Penalties(), [item("i", "nurse")], agents[2:]) == [("i", "poor")]


def test_best_proficiency_lets_an_agent_do_what_they_are_best_at() -> None:
    items = [item("urgent", "nurse", urgency=Urgency.EMERGENT, waited_s=99), item("refill", "refill")]
    assert pairs(BestProficiency(), items, [agent("a", nurse=0.6, refill=0.9)]) == [("refill", "a")]
    assert pairs(BestProficiency(), items[1:], [agent("b", refill=0.8, idle_s=9), agent("a", refill=0.9)]) == [
        ("refill", "a")
    ]


def test_gcmu_weighs_cost_wait_and_rate() -> None:
    both = agent("a", nurse=0.9, refill=0.9)
    urgent, routine = item("u", "nurse", urgency=Urgency.URGENT, waited_s=10), item("r", "refill", waited_s=39)
    assert pairs(GeneralisedCMu(), [urgent, routine], [both]) == [("u", "a")]  # 4 x 10 against 1 x 39
    assert pairs(GeneralisedCMu(), [urgent, replace(routine, cost_rate=2.0)], [both]) == [("r", "a")]
    later = replace(routine, queued_at=START - timedelta(seconds=41))
    assert pairs(GeneralisedCMu(), [urgent, later], [both]) == [("r", "a")]
    short = GeneralisedCMu(handle_s={"nurse": 600.0, "refill": 200.0})
    assert pairs(short, [urgent, routine], [both]) == [("r", "a")]
    agents = [agent("slow", nurse=0.2, idle_s=9), agent("fast", nurse=0.9)]
    assert pairs(GeneralisedCMu(), [urgent], agents) == [("u", "fast")]


def test_priority_longest_idle_asks_for_somebody_good_enough() -> None:
    agents = [agent("poor", nurse=0.4, idle_s=99), agent("good", nurse=0.5, idle_s=50), agent("best", nurse=0.9)]
    items = [item("routine", "nurse", waited_s=99), item("urgent", "nurse", urgency=Urgency.URGENT)]
    assert pairs(PriorityLongestIdle(), items, agents[:2]) == [("urgent", "good")]
    assert {name for _, name in pairs(PriorityLongestIdle(), items, agents)} == {"good", "best"}
    assert pairs(PriorityLongestIdle(), items[1:], agents) == [("urgent", "good")]


def test_frontdoor_serves_the_most_urgent_then_by_cost_and_match() -> None:
    both = agent("a", nurse=0.9, refill=0.9)
    routine, urgent = item("r", "nurse", waited_s=99), item("u", "refill", urgency=Urgency.URGENT)
    assert pairs(Frontdoor(), [routine, urgent], [both]) == [("u", "a")]
    dear = item("d", "refill", waited_s=50, cost_rate=2.0)
    assert pairs(Frontdoor(), [routine, dear], [both]) == [("d", "a")]


# ---- what a policy enforces of others is judged by it everywhere


def test_a_candidate_is_excluded_by_what_the_policy_enforces() -> None:
    state = cell([item("i", "nurse")], [agent("b", nurse=0.9), agent("a", nurse=0.3)], policy=StrictGroups())
    reserved = of_match(state, next_match(state, START), START)
    assert [(one.agent_id, one.excluded_by) for one in reserved.candidates] == [("b", None), ("a", "below:nurse")]
