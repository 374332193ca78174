"""What a cell knows, its indexes and its timers."""

from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router import state as state_module
from router.engine import Engine
from schemas.agents import PresenceRenewed, StatusSet
from schemas.contacts import SelfServed
from schemas.routing import AgentStatus, Urgency
from tests.world import World, kinds


def away(world, agent):
    world.tell(StatusSet(agent_id=agent, status=AgentStatus.BREAK))


def test_every_exclusion_ends_by_itself():
    world = World()
    world.sign_in("carl")
    world.sign_in("nils")
    world.call("c1")
    world.reject("carl")
    world.wait(5)
    world.reject("nils")
    away(world, "carl")
    (held,) = world.wait(115)  # carl may again, and is away
    assert (held.type, held.hold, held.agents) == ("item.held", "excluded", 1)
    (reserved,) = (decision for decision in world.wait(5) if decision.type == "agent.reserved")
    assert reserved.agent_id == "nils"


def test_an_exclusion_ends_for_an_engine_that_was_restored_meanwhile():
    world = World()
    world.sign_in("carl")
    world.sign_in("nils")
    world.call("c1")
    world.reject("carl")
    world.wait(5)
    world.reject("nils")
    away(world, "carl")
    world.engine = Engine.restore(world.engine.image())
    world.wait(115)
    assert "agent.reserved" in kinds(world.wait(5))


def test_an_exclusion_of_an_item_that_has_an_agent_wakes_nobody():
    world = World()
    world.sign_in("carl")
    world.sign_in("nils")
    world.call("c1")
    world.reject("carl")
    world.accept("nils")
    world.connect("nils")
    assert kinds(world.wait(120)) == []


def test_a_timer_whose_entity_is_over_is_dropped():
    world = World()
    world.arrive("c1")
    world.sign_in("carl")
    world.call("c2")
    world.reject("carl")
    world.hang_up("c1")
    world.hang_up("c2")
    assert kinds(world.wait(200)) == []


def test_a_timer_that_was_put_off_is_found_out_when_it_comes():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    assert kinds(world.wait(20)) == []
    assert world.engine.next_deadline() is not None


def test_ids_of_an_ended_contact_are_kept_for_a_day():
    world = World()
    world.hang_up("c1")
    served = SelfServed(contact_id="c1", task="facility.info")
    world.now += timedelta(hours=23)
    assert world.tell(served) == []
    assert "c1" in world.engine.state.ended
    world.now += timedelta(hours=2)
    world.hang_up("c2")
    assert set(world.engine.state.ended) == {"c2"}


def test_an_id_that_ended_anew_is_kept_for_its_own_day():
    world = World()
    world.hang_up("c1")
    state = world.engine.state
    state._ended_in_order.appendleft((world.now - timedelta(days=2), "c1"))
    world.now += timedelta(hours=1)
    world.hang_up("c2")
    assert set(state.ended) == {"c1", "c2"}


def test_time_that_comes_late_does_not_run_back():
    world = World()
    newest = world.engine.state.newest
    world.tell(StatusSet(agent_id="carl", status=AgentStatus.BREAK), at=world.now - timedelta(hours=1))
    assert world.engine.state.newest == newest


def test_so_many_ids_of_agents_facts_are_kept_and_no_more(monkeypatch):
    monkeypatch.setattr(state_module, "AGENT_FACTS_MAX", 3)
    world = World()
    for _ in range(3):
        world.sign_in("carl")
    assert len(world.engine.state.agent_facts) == 3


def test_renewals_leave_no_ids():
    world = World()
    world.sign_in("carl")
    known = len(world.engine.state.agent_facts)
    world.tell(PresenceRenewed(agent_id="carl", session="carl-s1", lease_s=20_000))
    assert len(world.engine.state.agent_facts) == known


ACTS = {
    "call": lambda world, n: world.call(f"c{n}", "triage.symptom" if n % 2 else "refill.request", Urgency(n % 3)),
    "hang_up": lambda world, n: world.hang_up(f"c{n}"),
    "sign_in": lambda world, n: world.sign_in(("nora", "nils", "carl")[n % 3], session=f"s{n}"),
    "accept": lambda world, n: held(world, n) and world.accept(held(world, n)),
    "reject": lambda world, n: held(world, n) and world.reject(held(world, n)),
    "connect": lambda world, n: held(world, n) and world.connect(held(world, n)),
    "wrap_up": lambda world, n: held(world, n) and world.wrap_up(held(world, n)),
    "wait": lambda world, n: world.wait(n * 7),
}


def held(world, n):
    agent = ("nora", "nils", "carl")[n % 3]
    return agent if world.engine.state.agents[agent].reservation_id else None


STORIES = st.lists(st.tuples(st.sampled_from(sorted(ACTS)), st.integers(0, 5)), max_size=25)


@settings(max_examples=60, deadline=None)
@given(STORIES)
@example([("call", 0), ("call", 1), ("sign_in", 0), ("sign_in", 1), ("accept", 1)])  # timers that were put off
def test_an_image_is_the_whole_state_and_deciding_twice_gives_nothing(story):
    world = World()
    for name, n in story:
        ACTS[name](world, n)
        assert world.decide() == []
    image = world.engine.image()
    restored = Engine.restore(image)
    assert restored.image() == image
    assert set(restored.state.lines.waiting) == set(world.engine.state.lines.waiting)
    assert set(restored.state.lines.free) == set(world.engine.state.lines.free)
    assert restored.state.wrapping == world.engine.state.wrapping
    restored.take_over(timedelta(0))
    assert restored.decide(world.now) == []
    assert restored.decide(world.now + timedelta(seconds=30)) == world.wait(30)


@settings(max_examples=40, deadline=None)
@given(STORIES)
def test_the_indexes_agree_with_the_rule(story):
    world = World()
    for name, n in story:
        ACTS[name](world, n)
        state = world.engine.state
        assert set(state.lines.waiting) == {item.item_id for item in state.items.values() if item.state == "queued"}
        assert set(state.lines.free) == {
            agent.agent_id
            for agent in state.agents.values()
            if agent.listed and agent.status == "available" and agent.connected and not agent.unreachable
            and agent.state == "idle"
        }  # fmt: skip


@pytest.mark.parametrize("kind", ["contact", "reservation", "agent", "item"])
def test_a_timer_of_nothing_is_no_timer(kind):
    assert World().engine.state._deadline(kind, "nobody") is None
