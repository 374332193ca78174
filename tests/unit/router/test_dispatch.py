"""Matching by a policy: what every policy is held to, and what each of them is for."""

from datetime import timedelta

import pytest

from router import dispatch, eligibility
from router.engine import Engine
from router.entities import AgentRecord, Item
from router.policies.best_proficiency import BestProficiency
from router.policies.catalogue import POLICIES
from router.policies.frontdoor import RESERVE, Frontdoor
from router.policies.gcmu import GeneralisedCMu
from router.policies.longest_idle import LongestIdle
from router.policies.penalties import Penalties
from router.policies.priority_longest_idle import PriorityLongestIdle
from router.policies.strict_groups import StrictGroups
from router.replacing import replace
from schemas.routing import AgentState, AgentStatus, Requirement, SkillLevel, Urgency
from tests.world import START

EVERY = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def agent(name, *, idle_s=0.0, **levels) -> AgentRecord:
    return AgentRecord(
        name, "demo", f"client:{name}",
        tuple(SkillLevel(skill=skill, level=level) for skill, level in levels.items()),
        status=AgentStatus.AVAILABLE, state=AgentState.IDLE, idle_since=START - timedelta(seconds=idle_s),
        connected=True, unreachable=False,
    )  # fmt: skip


def item(name, skill="nurse", *, urgency=Urgency.ROUTINE, waited_s=0.0, level_min=0.0, excluded=()) -> Item:
    return Item(
        name, f"contact-{name}", "demo", "queue", "intent", urgency, "en",
        (Requirement(skill=skill, level_min=level_min),), START - timedelta(seconds=waited_s), excluded=excluded,
    )  # fmt: skip


def pairs(policy, items, agents) -> list[tuple[str, str]]:
    waiting = sorted(items, key=lambda item: item.place)
    free = {agent.agent_id: agent for agent in sorted(agents, key=lambda agent: agent.agent_id)}
    return [(match.item.item_id, match.agent.agent_id) for match in dispatch.propose(policy, waiting, free, now=START)]


# ---- every policy


@EVERY
def test_who_can_meet_meets_and_nobody_twice(policy) -> None:
    items = [item(f"i{number}", waited_s=number) for number in range(3)]
    agents = [agent(f"a{number}", nurse=0.9) for number in range(5)]
    made = pairs(replace(policy, reserve=0) if isinstance(policy, Frontdoor) else policy, items, agents)
    assert sorted(name for name, _ in made) == ["i0", "i1", "i2"]
    assert len({name for _, name in made}) == 3


@EVERY
def test_of_equals_the_first_come_goes_first_to_the_longest_idle(policy) -> None:
    policy = replace(policy, reserve=0) if isinstance(policy, Frontdoor) else policy
    items = [item("late", waited_s=10), item("early", waited_s=60)]
    agents = [agent("just_free", nurse=0.9, idle_s=1), agent("long_idle", nurse=0.9, idle_s=99)]
    assert pairs(policy, items, agents) == [("early", "long_idle"), ("late", "just_free")]


@EVERY
def test_a_stated_lowest_level_is_kept(policy) -> None:
    assert pairs(policy, [item("i", level_min=0.95, urgency=Urgency.EMERGENT)], [agent("a", nurse=0.9)]) == []


@EVERY
def test_an_excluded_agent_is_not_asked_and_does_not_hold_up_the_others(policy) -> None:
    until = START + timedelta(seconds=60)
    first = item("first", waited_s=60, excluded=(("a", until),), urgency=Urgency.URGENT)
    second = item("second", waited_s=10, urgency=Urgency.URGENT)
    policy = replace(policy, reserve=0) if isinstance(policy, Frontdoor) else policy
    assert pairs(policy, [first, second], [agent("a", nurse=0.9)]) == [("second", "a")]


@EVERY
def test_an_emergent_caller_is_never_held(policy) -> None:
    emergent = item("i", urgency=Urgency.EMERGENT)
    assert all(policy.hold(emergent, idle) is None for idle in range(1, 5))
    assert pairs(policy, [emergent], [agent("a", nurse=0.9)]) == [("i", "a")]


@EVERY
def test_who_is_paired_may_by_the_one_definition(policy) -> None:
    items = [item(f"i{n}", ("nurse", "desk")[n % 2], waited_s=n, urgency=Urgency(n % 3)) for n in range(6)]
    agents = [agent("n", nurse=0.8), agent("d", desk=0.9), agent("both", nurse=0.6, desk=0.4, idle_s=9)]
    by_name = {agent.agent_id: agent for agent in agents}
    for name, who in pairs(policy, items, agents):
        asked = dispatch.asked(policy, next(item for item in items if item.item_id == name))
        assert eligibility.obstacle(asked, by_name[who], now=START) is None


def test_names_are_unlike_and_a_restored_engine_has_its_policy() -> None:
    assert [policy.name for policy in POLICIES.values()] == list(POLICIES)
    engine = Engine.restore(Engine("demo", policy=LongestIdle()).image(), policy=LongestIdle())
    assert engine._policy == LongestIdle()


def test_without_a_policy_an_item_is_asked_for_as_it_is() -> None:
    wanted = item("i")
    assert dispatch.asked(None, wanted) is wanted


# ---- each one


def test_longest_idle_asks_no_skill() -> None:
    agents = [agent("nurse", nurse=0.9, idle_s=1), agent("clerk", desk=0.9, idle_s=99)]
    assert pairs(LongestIdle(), [item("i", urgency=Urgency.EMERGENT)], agents) == [("i", "clerk")]


def test_longest_idle_is_first_come_first_served_whatever_the_urgency() -> None:
    items = [item("emergent", urgency=Urgency.EMERGENT), item("routine", waited_s=1)]
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
    assert pairs(Penalties(), [item("i")], agents) == [("i", "good")]
    assert pairs(Penalties(), [item("i")], agents[2:]) == [("i", "poor")]


def test_best_proficiency_lets_an_agent_do_what_they_are_best_at() -> None:
    items = [item("urgent", "nurse", urgency=Urgency.EMERGENT, waited_s=99), item("refill", "refill")]
    assert pairs(BestProficiency(), items, [agent("a", nurse=0.6, refill=0.9)]) == [("refill", "a")]


def test_gcmu_weighs_cost_wait_and_rate() -> None:
    both = agent("a", nurse=0.9, refill=0.9)
    urgent, routine = item("urgent", urgency=Urgency.URGENT, waited_s=10), item("routine", "refill", waited_s=39)
    assert pairs(GeneralisedCMu(), [urgent, routine], [both]) == [("urgent", "a")]  # 4 x 10 against 1 x 39
    assert pairs(GeneralisedCMu(), [urgent, replace(routine, queued_at=START - timedelta(seconds=41))], [both]) == [
        ("routine", "a")
    ]
    short = GeneralisedCMu(handle_s={"nurse": 600.0, "refill": 200.0})
    assert pairs(short, [urgent, routine], [both]) == [("routine", "a")]
    assert pairs(GeneralisedCMu(), [urgent], [agent("slow", nurse=0.2, idle_s=9), agent("fast", nurse=0.9)]) == [
        ("urgent", "fast")
    ]


def test_priority_longest_idle_asks_for_somebody_good_enough() -> None:
    agents = [agent("poor", nurse=0.4, idle_s=99), agent("good", nurse=0.5, idle_s=50), agent("best", nurse=0.9)]
    items = [item("routine", waited_s=99), item("urgent", urgency=Urgency.URGENT)]
    assert pairs(PriorityLongestIdle(), items, agents) == [("urgent", "good"), ("routine", "best")]


def test_frontdoor_keeps_the_last_nurse_for_emergent_callers() -> None:
    routine, urgent = item("routine", waited_s=99), item("urgent", urgency=Urgency.URGENT)
    emergent = item("emergent", urgency=Urgency.EMERGENT)
    nurses = [agent("n1", nurse=0.9), agent("n2", nurse=0.9)]
    assert Frontdoor().hold(urgent, 1) == RESERVE
    assert pairs(Frontdoor(), [routine, urgent], nurses) == [("urgent", "n1")]
    assert pairs(Frontdoor(), [routine, urgent, emergent], nurses) == [("emergent", "n1")]
    assert pairs(Frontdoor(reserve=0), [routine, urgent, emergent], nurses[:1]) == [("emergent", "n1")]


def test_frontdoor_keeps_no_clerk() -> None:
    assert pairs(Frontdoor(), [item("i", "refill")], [agent("clerk", refill=0.9)]) == [("i", "clerk")]


def test_frontdoor_counts_differences_of_proficiency_in_steps() -> None:
    agents = [agent("a", refill=0.93, idle_s=1), agent("b", refill=0.91, idle_s=99), agent("c", refill=0.6, idle_s=999)]
    assert pairs(Frontdoor(), [item("i", "refill")], agents) == [("i", "b")]


def test_why_and_whom_are_told() -> None:
    free = {name: agent(name, nurse=0.9) for name in ("a", "b")}
    match, second = dispatch.propose(PriorityLongestIdle(), [item("i"), item("j")], free, now=START)
    assert match.why == "needs nurse; you are first of 2 free by priority_longest_idle (match 0.90)"
    assert [agent.agent_id for _, agent in match.ranked] == ["a", "b"]
    assert second.why == "needs nurse; you are the only one free (match 0.90)"
    (anyone,) = dispatch.propose(LongestIdle(), [item("i")], free, now=START)
    assert anyone.why.startswith("needs no special skill; ")
