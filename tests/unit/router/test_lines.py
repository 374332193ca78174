"""Lines: the index of who waits and who is free."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from router import eligibility, lines
from router.lines import Lines
from router.policies.frontdoor import Frontdoor
from schemas.ids import ItemId
from schemas.routing import Requirement, Urgency
from tests.unit.router.lines_world import agent, item
from tests.world import START


def house():
    return Lines(Frontdoor())


def needs_of(place):
    return place.need("demo", (Requirement(skill="desk"),))


def test_callers_with_the_same_needs_urgency_and_cost_rate_form_one_line():
    place = house()
    for one in (
        item("late", "desk"),
        item("early", "desk", waited_s=9),
        item("urgent", "desk", urgency=Urgency.URGENT),
        item("dear", "desk", cost_rate=2.0),
        item("other", "nurse"),
    ):
        place.join(one)
    need = place.need_of(ItemId("late"))
    assert {key: [name for _, name in line] for key, line in need.lines.items()} == {
        (Urgency.ROUTINE, 1.0): ["early", "late"],
        (Urgency.URGENT, 1.0): ["urgent"],
        (Urgency.ROUTINE, 2.0): ["dear"],
    }


def test_who_leaves_takes_an_empty_line_along_and_leaving_twice_is_harmless():
    place = house()
    place.join(item("i", "desk"))
    place.leave("i")
    place.leave("i")
    assert needs_of(place).lines == {}
    assert place.fresh_item() is None


def test_an_item_that_changes_its_needs_changes_its_line():
    place = house()
    place.join(item("i", "desk"))
    place.join(item("i", "nurse"))
    assert needs_of(place).lines == {}
    assert [need.skill for need in place.need_of("i").requirements] == ["nurse"]


def test_the_free_stand_by_how_well_they_suit_then_idleness_then_name():
    place = house()
    place.join(item("i", "desk"))
    for one in (agent("c", desk=0.5), agent("b", desk=0.5, idle_s=9), agent("a", desk=0.9), agent("n", nurse=1.0)):
        place.put_free(one)
    assert [rank[2] for rank in needs_of(place).free] == ["a", "b", "c"]
    place.put_engaged("a")
    place.put_engaged("a")
    assert [rank[2] for rank in needs_of(place).free] == ["b", "c"]


def test_a_free_agent_who_has_not_changed_in_what_counts_is_not_looked_at_again():
    place = house()
    one = agent("a", desk=0.5)
    assert place.put_free(one)
    place.settle()
    assert not place.put_free(replace(one, reachable_until=START))
    assert place.settled
    assert place.put_free(replace(one, idle_since=START + timedelta(seconds=1)))
    assert not place.settled


def test_new_skills_count_at_once():
    place = house()
    place.join(item("i", "desk"))
    place.put_free(agent("a", nurse=0.5))
    assert needs_of(place).free == []
    place.put_free(agent("a", desk=0.5))
    assert [rank[2] for rank in needs_of(place).free] == ["a"]


def test_needs_of_nobody_are_forgotten_beyond_the_limit(monkeypatch):
    monkeypatch.setattr(lines, "NEEDS_MAX", 2)
    place = house()
    place.put_free(agent("a", desk=0.5, nurse=0.5))
    place.join(item("i", "desk"))
    place.need("demo", (Requirement(skill="nurse"),))
    place.need("demo", (Requirement(skill="physician"),))
    place.put_engaged("a")
    place.put_free(agent("a", desk=0.5, nurse=0.5))
    assert [rank[2] for rank in place.need("demo", (Requirement(skill="nurse"),)).free] == ["a"]
    assert [rank[2] for rank in needs_of(place).free] == ["a"]


def test_everyone_is_fresh_after_a_takeover_and_nobody_after_another_has_matched():
    place = house()
    place.join(item("i", "desk"))
    place.put_free(agent("b", desk=0.5))
    place.put_free(agent("a", desk=0.5))
    place.settle()
    assert (place.fresh_agent(), place.fresh_item()) == (None, None)
    place.unsettle()
    assert place.fresh_agent().agent_id == "a"
    assert place.fresh_item() == "i"


SKILLS = st.lists(st.sampled_from(("nurse", "desk", "lang-es")), unique=True, max_size=2).map(sorted)
ACTS = st.one_of(
    st.tuples(st.just("join"), st.integers(0, 4), SKILLS, st.sampled_from(list(Urgency)), st.integers(0, 3)),
    st.tuples(st.just("leave"), st.integers(0, 4)),
    st.tuples(st.just("free"), st.integers(0, 3), SKILLS, st.integers(0, 3)),
    st.tuples(st.just("engaged"), st.integers(0, 3)),
)


@settings(max_examples=150)
@given(st.lists(ACTS, max_size=30), st.integers(1, 4))
def test_the_index_agrees_with_the_rule_whatever_happens(acts, needs_max):
    kept, lines.NEEDS_MAX = lines.NEEDS_MAX, needs_max
    try:
        place, items, free = house(), {}, {}
        for kind, number, *more in acts:
            if kind == "join":
                needs, urgency, waited = more
                items[f"i{number}"] = one = item(f"i{number}", *needs, urgency=urgency, waited_s=waited)
                place.join(one)
            elif kind == "leave":
                items.pop(f"i{number}", None)
                place.leave(f"i{number}")
            elif kind == "free":
                levels = dict.fromkeys(more[0], 0.5)
                free[f"a{number}"] = one = agent(f"a{number}", idle_s=more[1], **levels)
                place.put_free(one)
            else:
                free.pop(f"a{number}", None)
                place.put_engaged(f"a{number}")
        assert set(place.waiting) == set(items)
        assert set(place.free) == set(free)
        for name, one in items.items():
            need = place.need_of(name)
            able = [other.agent_id for other in free.values() if eligibility.unfit(one, other) is None]
            assert sorted(rank[2] for rank in need.free) == sorted(able)
            line = [entry for entry in items.values() if entry.requirements == one.requirements]
            line = sorted((entry.queued_at, entry.item_id) for entry in line if entry.urgency is one.urgency)
            assert need.lines[one.urgency, 1.0] == line
    finally:
        lines.NEEDS_MAX = kept
