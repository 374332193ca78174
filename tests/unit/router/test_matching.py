"""Who answers whom, among those who may."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import eligibility, matching
from router.entities import AgentRecord, Item
from schemas.routing import AgentStatus, Requirement, SkillLevel, Urgency
from tests.world import START


def agent(name, *, idle_s=0.0, tenant="demo", **levels):
    skills = tuple(SkillLevel(skill=skill, level=level) for skill, level in levels.items())
    return AgentRecord(
        name, tenant, f"client:{name}", skills, status=AgentStatus.AVAILABLE, connected=True, unreachable=False,
        idle_since=START - timedelta(seconds=idle_s),
    )  # fmt: skip


def item(name, *needs, urgency=Urgency.ROUTINE, waited_s=0.0, excluded=()):
    requirements = tuple(need if isinstance(need, Requirement) else Requirement(skill=need) for need in needs)
    queued_at = START - timedelta(seconds=waited_s)
    return Item(name, f"c-{name}", "demo", "q", "x", urgency, "en", requirements, queued_at, excluded=tuple(excluded))


def propose(items, agents):
    return matching.propose(items, {one.agent_id: one for one in agents}, now=START)


def pairs(matches):
    return [(match.item.item_id, match.agent.agent_id) for match in matches]


@pytest.mark.parametrize(
    ("needs", "score"),
    [
        ((), 1.0),
        (("nurse",), 0.9),
        (("nurse", "desk"), 0.55),
        ((Requirement(skill="nurse", weight=3.0), Requirement(skill="desk", weight=1.0)), 0.725),
        ((Requirement(skill="physician", hard=False),), 0.0),
    ],
)
def test_the_score_is_the_mean_proficiency_by_weight(needs, score):
    assert matching.score(item("i", *needs), agent("a", nurse=0.9, desk=0.2)) == score


def test_the_best_match_then_the_longest_idle_then_the_name():
    one = item("i", "nurse")
    agents = [agent("d", nurse=0.5, idle_s=90), agent("c", nurse=0.9), agent("b", nurse=0.9, idle_s=5)]
    assert pairs(propose([one], agents)) == [("i", "b")]
    assert pairs(propose([one], [agent("b", nurse=0.9), agent("a", nurse=0.9)])) == [("i", "a")]


def test_who_has_never_been_idle_goes_before_who_has():
    fresh = replace(agent("z", nurse=0.9), idle_since=None)
    assert pairs(propose([item("i", "nurse")], [agent("a", nurse=0.9, idle_s=900), fresh])) == [("i", "z")]


def test_nobody_is_paired_twice_and_the_first_choose_first():
    items = [item("i1", "desk"), item("i2", "desk"), item("i3", "desk")]
    assert pairs(propose(items, [agent("a", desk=0.5), agent("b", desk=0.9)])) == [("i1", "b"), ("i2", "a")]


def test_a_need_that_nobody_meets_is_looked_at_once(monkeypatch):
    looked = []
    rule = eligibility.unfit
    monkeypatch.setattr(eligibility, "unfit", lambda *pair: looked.append(pair[0].item_id) or rule(*pair))
    items = [item("i1", "nurse"), item("i2", "nurse"), item("i3", "desk")]
    assert pairs(propose(items, [agent("a", desk=0.5)])) == [("i3", "a")]
    assert looked == ["i1", "i3"]


def test_an_excluded_agent_is_left_for_the_next_item_with_the_same_needs():
    held = item("i1", "desk", excluded=[("a", START + timedelta(seconds=60))])
    assert pairs(propose([held, item("i2", "desk")], [agent("a", desk=0.5)])) == [("i2", "a")]


def test_the_sentence_says_what_was_needed_and_among_how_many():
    (only,) = propose([item("i", "desk", "lang-es")], [agent("a", desk=0.5, **{"lang-es": 1.0})])
    assert only.why == "needs desk, lang-es; you are the only one free (match 0.75)"
    (best,) = propose([item("i")], [agent("a"), agent("b")])
    assert best.why == "needs no special skill; you are best of 2 free (match 1.00)"


def test_candidates_are_those_who_may_best_first_and_then_the_others_with_the_reason():
    agents = [agent("a", desk=0.5), agent("b", desk=0.9), agent("c", nurse=1.0), agent("d", tenant="other")]
    shown = matching.candidates(item("i", "desk"), agents, now=START)
    assert [(one.agent_id, one.eligible, one.score, one.excluded_by) for one in shown] == [
        ("b", True, 0.9, None),
        ("a", True, 0.5, None),
        ("c", False, None, "lacks:desk"),
        ("d", False, None, "other_tenant"),
    ]


@pytest.mark.parametrize("able", [5, 30])
def test_at_most_so_many_candidates_are_shown(able):
    agents = [agent(f"a{n:02}", desk=0.5) for n in range(able)] + [agent(f"b{n:02}") for n in range(30)]
    shown = matching.candidates(item("i", "desk"), agents, now=START)
    assert len(shown) == matching.CANDIDATES_MAX
    assert sum(one.eligible for one in shown) == min(able, matching.CANDIDATES_MAX)


SKILLS = ("nurse", "desk", "lang-es")
LEVELS = st.dictionaries(st.sampled_from(SKILLS), st.sampled_from((0.2, 0.6, 1.0)), min_size=1)
NEEDS = st.lists(st.sampled_from(SKILLS), unique=True, max_size=2).map(sorted)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(LEVELS, max_size=5),
    st.lists(st.tuples(NEEDS, st.sampled_from(list(Urgency)), st.integers(0, 5), st.booleans()), max_size=7),
)
def test_nobody_is_overtaken_and_nobody_stays_apart(people, wishes):
    agents = [agent(f"a{n}", **levels) for n, levels in enumerate(people)]
    items = [
        item(
            f"i{n}", *needs, urgency=urgency, waited_s=waited,
            excluded=[("a0", START + timedelta(seconds=9))] if held else (),
        )
        for n, (needs, urgency, waited, held) in enumerate(wishes)
    ]  # fmt: skip
    items.sort(key=lambda one: one.place)
    matches = propose(items, agents)
    taken = {match.agent.agent_id for match in matches}
    served = {match.item.item_id for match in matches}
    assert len(taken) == len(served) == len(matches)
    for match in matches:
        assert eligibility.obstacle(match.item, match.agent, now=START) is None
        for other in items:
            if other.place < match.item.place and other.item_id not in served:
                assert eligibility.obstacle(other, match.agent, now=START) is not None
    for one in items:
        for free in agents:
            if one.item_id not in served and free.agent_id not in taken:
                assert eligibility.obstacle(one, free, now=START) is not None
