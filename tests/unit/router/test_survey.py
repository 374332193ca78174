"""A look at a cell from outside: who waits, who is there, who stays apart without a reason."""

from dataclasses import replace
from datetime import timedelta

import pytest

from router import survey
from schemas.routing import AgentState, AgentStatus, ItemState, Requirement, Urgency
from tests.world import World


@pytest.fixture
def world():
    return World()


def ids(items):
    return sorted(item.item_id for item in items)


def apart(world, seconds=0.0):
    return ids(survey.unmatched(world.engine.state, world.now + timedelta(seconds=seconds)))


def item_of(world, contact):
    state = world.engine.state
    return state.items[state.contacts[contact].item_id]


def test_after_a_decision_nobody_is_apart_from_an_agent_who_may(world):
    for contact in ("c1", "c2", "c3"):
        world.call(contact)
        assert apart(world) == []
    for agent in ("carl", "nora"):  # nora is a nurse, and they need the desk
        world.sign_in(agent)
        assert apart(world) == []
    assert world.engine.state.agents["nora"].state is AgentState.IDLE


def test_what_is_folded_and_not_decided_yet_shows(world):
    world.call("c1")
    world.sign_in("carl", status=AgentStatus.BREAK)
    agent = world.engine.state.agents["carl"]
    world.engine.state.put_agent(replace(agent, status=AgentStatus.AVAILABLE), is_free=True)
    assert apart(world) == [item_of(world, "c1").item_id]
    world.decide()
    assert apart(world) == []


def test_it_does_not_believe_the_engines_indexes(world):
    """An index that has lost an agent, or an item, is just what it is there to find."""
    world.call("c1")
    world.sign_in("carl", status=AgentStatus.BREAK)
    agent = world.engine.state.agents["carl"]
    world.engine.state.put_agent(replace(agent, status=AgentStatus.AVAILABLE), is_free=False)
    assert apart(world) == [item_of(world, "c1").item_id]
    for name in list(world.engine.state.lines.waiting):
        world.engine.state.lines.leave(name)
    assert apart(world) == [item_of(world, "c1").item_id]


def test_a_hold_is_a_reason_until_it_ends(world):
    world.call("c1")
    world.sign_in("carl")
    world.reject("carl")
    assert apart(world) == []
    (_, until), *_ = item_of(world, "c1").excluded
    assert apart(world, (until - world.now).total_seconds() - 1) == []
    assert apart(world, (until - world.now).total_seconds()) == [item_of(world, "c1").item_id]


def test_no_hold_keeps_an_emergent_caller_apart(world):
    world.call("c1", "triage.symptom", Urgency.EMERGENT)
    item = item_of(world, "c1")
    world.engine.state.put_item(replace(item, excluded=(("nora", world.now + timedelta(hours=1)),)))
    world.sign_in("nora", status=AgentStatus.BREAK)
    agent = world.engine.state.agents["nora"]
    world.engine.state.put_agent(replace(agent, status=AgentStatus.AVAILABLE), is_free=False)
    assert apart(world) == [item.item_id]


@pytest.mark.parametrize(
    "change",
    [
        {"status": AgentStatus.BREAK},
        {"state": AgentState.BUSY},
        {"connected": False},
        {"unreachable": True},
        {"listed": False},
        {"tenant": "other"},
        {"skills": ()},
    ],
)
def test_an_agent_who_may_not_is_no_fault(world, change):
    world.call("c1")
    world.sign_in("carl", status=AgentStatus.BREAK)
    agent = replace(world.engine.state.agents["carl"], status=AgentStatus.AVAILABLE)
    world.engine.state.put_agent(replace(agent, **change), is_free=False)
    assert apart(world) == []


def test_needs_are_told_apart_by_their_level(world):
    world.call("c1")
    item = item_of(world, "c1")
    world.engine.state.put_item(replace(item, requirements=(Requirement(skill="desk", level_min=0.9),)))
    world.sign_in("carl")  # desk 0.8
    assert apart(world) == []


def test_waiting_is_until_a_person_speaks(world):
    world.call("c1")
    world.wait(1)
    world.call("c2")
    assert len(list(survey.waiting(world.engine.state))) == 2
    world.sign_in("carl")
    assert len(list(survey.waiting(world.engine.state))) == 2  # one of them is offered
    world.accept("carl")
    assert len(list(survey.waiting(world.engine.state))) == 2  # and connecting
    world.connect("carl")
    assert ids(survey.waiting(world.engine.state)) == [item_of(world, "c2").item_id]


def test_items_are_counted_by_where_they_stand(world):
    world.call("c1")
    world.call("c2")
    world.call("c3", "triage.symptom", Urgency.EMERGENT)
    world.sign_in("carl")
    assert survey.items_by_place(world.engine.state) == {
        ("demo", "desk", Urgency.ROUTINE, ItemState.RESERVED): 1,
        ("demo", "desk", Urgency.ROUTINE, ItemState.QUEUED): 1,
        ("demo", "nurses", Urgency.EMERGENT, ItemState.QUEUED): 1,
    }


def test_agents_are_counted_as_desktops_show_them(world):
    world.sign_in("carl")
    world.sign_in("nora", status=AgentStatus.BREAK)
    assert survey.agents_by_place(world.engine.state) == {
        ("demo", AgentStatus.AVAILABLE, AgentState.IDLE): 1,
        ("demo", AgentStatus.BREAK, AgentState.IDLE): 1,
        ("demo", AgentStatus.OFFLINE, AgentState.UNREACHABLE): 1,
    }
    shown = {change.agent_id: change.state for change in world.decisions if change.type == "agent.changed"}
    assert shown == {
        "carl": AgentState.IDLE,
        "nora": AgentState.IDLE,
        "nils": AgentState.UNREACHABLE,
    }


def test_an_agent_who_is_lost_at_work_is_counted_at_work_even_when_no_longer_listed(world):
    world.call("c1")
    world.sign_in("carl")
    world.accept("carl")
    world.connect("carl")
    agent = world.engine.state.agents["carl"]
    world.engine.state.put_agent(replace(agent, unreachable=True, listed=False), is_free=False)
    counted = survey.agents_by_place(world.engine.state)
    assert counted["demo", AgentStatus.AVAILABLE, AgentState.BUSY] == 1
    idle = replace(world.engine.state.agents["nora"], listed=False)
    world.engine.state.put_agent(idle, is_free=False)
    assert survey.agents_by_place(world.engine.state).total() == 2


def test_who_talks_to_the_dialog_is_counted_until_handed_off(world):
    world.arrive("c1")
    world.arrive("c2")
    assert survey.in_dialog(world.engine.state) == {"demo": 2}
    world.hand_off("c1")
    world.hang_up("c2")
    assert survey.in_dialog(world.engine.state) == {}
