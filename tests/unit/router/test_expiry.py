"""What follows from timers, at their time and not before."""

from datetime import timedelta

import pytest

from schemas.agents import AgentConnected, AgentDisconnected, OfferAccepted
from schemas.contacts import AgentLegEnded, SelfServed
from schemas.routing import AgentState, AgentStatus, CallEndCause, Disposition, RequeueReason
from schemas.tenant_config import Timers
from tests.world import World, kinds, tenant

TIMERS = Timers(offer_s=10, connecting_s=20, wrap_up_s=30, exclusion_s=40, reconnect_s=5)


@pytest.fixture
def world():
    world = World(tenant(timers=TIMERS.model_dump()))
    world.sign_in("carl")
    return world


def only(decisions, kind):
    (found,) = (decision for decision in decisions if decision.type == kind)
    return found


def test_the_tenants_timers_count(world):
    world.call("c1")
    assert kinds(world.wait(9.9)) == []
    requeued = only(world.wait(0.1), "item.requeued")
    assert (requeued.reason, requeued.excluded_until) == (RequeueReason.LAPSED, world.now + timedelta(seconds=40))


def test_an_offer_that_lapses_on_a_desktop_within_its_grace_is_not_the_agents_fault(world):
    world.call("c1")
    world.wait(8)
    world.tell(AgentDisconnected(agent_id="carl", session="carl-s1"))
    decided = world.wait(2)
    assert only(decided, "reservation.lapsed").reachable is False
    assert only(decided, "item.requeued").reason is RequeueReason.UNREACHABLE
    assert world.engine.state.agents["carl"].status is AgentStatus.AVAILABLE


def test_an_agent_who_is_gone_while_idle_is_shown_so(world):
    world.tell(AgentDisconnected(agent_id="carl", session="carl-s1"))
    assert world.wait(4.9) == []
    (changed,) = world.wait(0.1)
    assert (changed.reachable, changed.state) == (False, AgentState.UNREACHABLE)
    assert kinds(world.call("c1")) == ["item.queued"]


@pytest.mark.parametrize("connect", [False, True])
def test_an_agent_whose_desktop_is_gone_after_they_accepted_keeps_the_call(world, connect):
    world.call("c1")
    world.accept("carl")
    if connect:
        world.connect("carl")
    world.tell(AgentDisconnected(agent_id="carl", session="carl-s1"))
    (changed,) = world.wait(5)
    assert changed.reachable is False
    assert changed.state in {AgentState.CONNECTING, AgentState.BUSY}


def test_the_deadline_of_connecting_is_none_for_who_is_connected(world):
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    assert kinds(world.wait(600)) == []


def test_wrap_up_without_a_word_is_recorded_as_such(world):
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    world.hang_up("c1")
    assert kinds(world.wait(29.9)) == []
    assert only(world.wait(0.1), "item.completed").disposition is Disposition.NOT_RECORDED


def test_an_answer_folded_before_the_deadline_is_judged_wins_whenever_that_is(world):
    world.call("c1")
    world.now += timedelta(seconds=60)
    assert kinds(world.accept("carl")) == ["item.connecting"]


def test_a_self_served_caller_who_is_not_heard_of_is_sought(world):
    world.arrive("c1")
    world.tell(SelfServed(contact_id="c1", task="facility.info"))
    assert kinds(world.wait(60)) == ["contact.diverted", "item.queued", "agent.reserved"]


def test_a_caller_who_came_back_is_not_sought(world):
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    held = world.reservation("carl")
    world.tell(AgentLegEnded(contact_id="c1", reservation_id=held, cause=CallEndCause.FAILED))
    world.hand_off("c1", returning=True)
    assert "contact.diverted" not in kinds(world.wait(600))


def test_silence_means_nothing_while_a_person_is_on_the_way(world):
    world.arrive("c1")
    state = world.engine.state
    world.hand_off("c1")
    contact = state.contacts["c1"]
    assert contact.silent_after is None
    assert kinds(world.wait(5)) == []


def test_late_presence_ends_at_once(world):
    early = world.now - timedelta(hours=1)
    world.tell(AgentConnected(agent_id="nils", session="s1", lease_s=15), at=early)
    assert world.engine.state.agents["nils"].unreachable


def test_time_alone_changes_nothing_when_all_is_done(world):
    world.call("c1")
    held = world.reservation("carl")
    world.hang_up("c1")
    world.tell(OfferAccepted(agent_id="carl", reservation_id=held))
    assert kinds(world.wait(3_600)) == []
