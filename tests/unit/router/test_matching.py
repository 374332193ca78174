"""Who answers whom, among those who may."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import eligibility, matching, score
from router.entities import Contact
from router.matching import next_match
from schemas.routing import Requirement, Urgency
from tests.unit.router.lines_world import agent, cell, item, matched
from tests.world import START

RESERVE = {"emergency": {"notice": {"en": "Dial 911."}, "queue": "nurses", "reserve": 1, "reserve_s": 60}}


@pytest.mark.parametrize(
    ("needs", "mean"),
    [
        ((), 1.0),
        (("nurse",), 0.9),
        (("nurse", "desk"), 0.55),
        ((Requirement(skill="nurse", weight=3.0), Requirement(skill="desk", weight=1.0)), 0.725),
        ((Requirement(skill="physician", hard=False),), 0.0),
    ],
)
def test_the_score_is_the_mean_proficiency_by_weight(needs, mean):
    assert score.proficiency(item("i", *needs).requirements, agent("a", nurse=0.9, desk=0.2)) == mean


def test_the_best_match_then_the_longest_idle_then_the_name():
    agents = [agent("d", nurse=0.5, idle_s=90), agent("c", nurse=0.9), agent("b", nurse=0.9, idle_s=5)]
    assert matched(cell([item("i", "nurse")], agents)) == [("i", "b")]
    assert matched(cell([item("i", "nurse")], [agent("b", nurse=0.9), agent("a", nurse=0.9)])) == [("i", "a")]


def test_who_has_never_been_idle_goes_before_who_has():
    new = replace(agent("z", nurse=0.9), idle_since=None)
    assert matched(cell([item("i", "nurse")], [agent("a", nurse=0.9, idle_s=900), new])) == [("i", "z")]


def test_nobody_is_paired_twice_and_the_first_choose_first():
    items = [item("i1", "desk", waited_s=2), item("i2", "desk", waited_s=1), item("i3", "desk")]
    state = cell(items, [agent("a", desk=0.5), agent("b", desk=0.9)])
    assert matched(state) == [("i1", "b"), ("i2", "a")]
    assert list(state.lines.waiting) == ["i3"]


def test_of_two_who_become_free_at_once_the_better_answers():
    state = cell([item("i", "nurse")], [agent("a", nurse=0.2, idle_s=99), agent("b", nurse=0.9)])
    assert matched(state) == [("i", "b")]


def test_the_better_agent_is_left_to_who_is_more_urgent_and_needs_them():
    items = [item("i1", waited_s=60), item("i2", "desk", urgency=Urgency.URGENT)]
    state = cell(items, [agent("a", nurse=1.0), agent("b", desk=1.0, idle_s=9)])
    match = next_match(state, START)
    assert (match.item.item_id, match.agent.agent_id) == ("i1", "a")
    assert match.why == "needs no special skill; you are one of 2 free (match 1.00)"
    assert matched(state) == [("i1", "a"), ("i2", "b")]


def test_an_agent_takes_the_most_urgent_whatever_the_wait_and_the_line():
    items = [item("i1", "desk", waited_s=900), item("i2", "nurse", urgency=Urgency.URGENT), item("i3", "desk")]
    state = cell(items, [agent("a", desk=1.0, nurse=0.1)])
    assert matched(state) == [("i2", "a")]


def test_an_excluded_agent_is_left_for_the_next_item_in_the_line():
    held = item("i1", "desk", waited_s=5, excluded=[("a", START + timedelta(seconds=60))])
    assert matched(cell([held, item("i2", "desk")], [agent("a", desk=0.5)])) == [("i2", "a")]


def test_an_exclusion_that_alone_keeps_an_item_waiting_is_named_once():
    held = item("i", "desk", excluded=[("a", START + timedelta(seconds=60))])
    state = cell([held], [agent("a", desk=0.5)])
    assert matched(state) == [("i", "excluded", 60)]
    state.lines.unsettle()
    assert matched(state, at_s=10) == []


def test_no_exclusion_holds_anyone_from_an_emergent_caller():
    held = item("i", "nurse", urgency=Urgency.EMERGENT, excluded=[("a", START + timedelta(seconds=60))])
    assert matched(cell([held], [agent("a", nurse=0.5)])) == [("i", "a")]


def test_the_last_idle_nurse_is_kept_for_emergent_callers():
    agents = [agent("a", nurse=0.5, desk=0.5), agent("b", nurse=0.9)]
    state = cell([item("i1", "nurse", waited_s=5), item("i2", "nurse"), item("i3", "desk")], agents, **RESERVE)
    assert matched(state) == [("i1", "b"), ("i2", "reserve", 60), ("i3", "reserve", 60)]
    state.put_contact(Contact("c-i4", "demo"))
    state.put_item(item("i4", "nurse", urgency=Urgency.EMERGENT))
    assert matched(state) == [("i4", "a")]


def test_the_reserve_is_kept_from_nobody_for_ever():
    state = cell([item("i", "nurse")], [agent("a", nurse=0.5)], **RESERVE)
    assert matched(state) == [("i", "reserve", 60)]
    assert state.next_timer() == START + timedelta(seconds=60)
    assert state.pop_due(START + timedelta(seconds=60)) == ("item", "i")
    state.lines.refresh(state.items["i"])
    assert matched(state, at_s=60) == [("i", "a")]


def test_with_one_more_than_the_reserve_the_others_serve_anyone():
    state = cell([item("i", "desk")], [agent("a", nurse=0.5, desk=0.5)], **RESERVE)
    assert matched(state) == [("i", "reserve", 60)]
    state.put_agent(agent("b", nurse=0.5), is_free=True)  # who cannot take the call, and frees who can
    assert matched(state) == [("i", "a")]


def test_who_is_no_nurse_is_not_in_the_reserve():
    assert matched(cell([item("i", "desk")], [agent("a", desk=0.5)], **RESERVE)) == [("i", "a")]


def test_asked_again_it_gives_the_same_answer():
    state = cell([item("i", "desk")], [agent("a", desk=0.5)])
    assert next_match(state, START) == next_match(state, START)


def test_the_sentence_says_what_was_needed_and_among_how_many():
    one = item("i", "desk", "lang-es")
    match = next_match(cell([one], [agent("a", desk=0.5, **{"lang-es": 1.0})]), START)
    assert match.why == "needs desk, lang-es; you are the only one free (match 0.75)"
    match = next_match(cell([item("i")], [agent("a"), agent("b")]), START)
    assert match.why == "needs no special skill; you are best of 2 free (match 1.00)"
    held = item("i", "desk", excluded=[("a", START + timedelta(seconds=9))])
    match = next_match(cell([held], [agent("a", desk=0.9), agent("b", desk=0.5)]), START)
    assert match.why == "needs desk; you are the only one free (match 0.50)"


def shown(match):
    return [(one.agent_id, one.eligible, one.score, one.excluded_by) for one in match.candidates]


def test_candidates_are_those_who_may_best_first_and_then_the_others_with_the_reason():
    agents = [agent("a", desk=0.5), agent("b", desk=0.9), agent("c", nurse=1.0), agent("d", tenant="other")]
    agents.append(agent("e", desk=1.0))
    one = item("i", "desk", excluded=[("e", START + timedelta(seconds=9))])
    assert shown(next_match(cell([one], agents), START)) == [
        ("b", True, 0.9, None),
        ("a", True, 0.5, None),
        ("c", False, None, "lacks:desk"),
        ("d", False, None, "other_tenant"),
        ("e", False, None, "excluded"),
    ]


@pytest.mark.parametrize("able", [5, 30])
def test_at_most_so_many_candidates_are_shown(able):
    agents = [agent(f"a{n:02}", desk=0.5) for n in range(able)] + [agent(f"b{n:02}") for n in range(30)]
    match = next_match(cell([item("i", "desk")], agents), START)
    assert len(match.candidates) == matching.CANDIDATES_MAX
    assert sum(one.eligible for one in match.candidates) == min(able, matching.CANDIDATES_MAX)


SKILLS = ("nurse", "desk", "lang-es")
LEVELS = st.dictionaries(st.sampled_from(SKILLS), st.sampled_from((0.2, 0.6, 1.0)), min_size=1)
NEEDS = st.lists(st.sampled_from(SKILLS), unique=True, max_size=2).map(sorted)


@settings(max_examples=120)
@given(
    st.lists(LEVELS, max_size=5),
    st.lists(st.tuples(NEEDS, st.sampled_from(list(Urgency)), st.integers(0, 5), st.booleans()), max_size=7),
)
def test_nobody_is_overtaken_by_the_same_needs_and_nobody_stays_apart(people, wishes):
    agents = {f"a{n}": agent(f"a{n}", **levels) for n, levels in enumerate(people)}
    items = {
        f"i{n}": item(
            f"i{n}", *needs, urgency=urgency, waited_s=waited,
            excluded=[("a0", START + timedelta(seconds=9))] if held else (),
        )
        for n, (needs, urgency, waited, held) in enumerate(wishes)
    }  # fmt: skip
    state = cell(items.values(), agents.values())
    matches = [pair for pair in matched(state) if len(pair) == 2]
    served, taken = {name for name, _ in matches}, {name for _, name in matches}
    assert len(taken) == len(served) == len(matches)
    for name, who in matches:
        assert eligibility.obstacle(items[name], agents[who], now=START) is None
        for other in items.values():
            if other.item_id not in served and other.requirements == items[name].requirements:
                assert other.place > items[name].place or eligibility.excluded(other, agents[who], now=START)
    for one in items.values():
        for free in agents.values():
            if one.item_id not in served and free.agent_id not in taken:
                assert eligibility.obstacle(one, free, now=START) is not None
