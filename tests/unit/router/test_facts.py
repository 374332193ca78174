"""What each fact changes in what is known."""

from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router.engine import Engine
from schemas import agents, contacts
from schemas.errors import Defect
from schemas.intake import ConfigApplied
from schemas.routing import AgentStatus, CallEndCause, ContactState, Disposition, Urgency
from tests.world import START, World, kinds, tenant


def connected(*more):
    """A world in which carl talks with c1."""
    world = World()
    world.sign_in("carl")
    for name in more:
        world.sign_in(name)
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    return world


def later(seconds):
    return START + timedelta(seconds=seconds)


# ---- contacts


def test_a_fact_of_a_new_contact_names_its_tenant():
    world = World()
    envelope = world.envelope(contacts.SelfServed(contact_id="c1", task="facility.info"))
    before = world.engine.image()
    with pytest.raises(Defect):
        world.engine.apply(envelope.model_copy(update={"tenant": None}))
    assert world.engine.image() == before


def test_a_late_arrival_tells_where_the_call_is_and_starts_no_timer():
    world = World()
    world.hand_off("c1", language="es")
    world.arrive("c1")
    contact = world.engine.state.contacts["c1"]
    assert (contact.call, contact.language, contact.silent_after) == ("CA-c1", "es", None)


def test_a_turn_that_comes_late_does_not_take_the_caller_from_the_dialog():
    world = World()
    world.arrive("c1")
    late = world.envelope(contacts.DialogTurned(contact_id="c1", turn=1, node="menu", intent="billing", answer_by_s=5))
    world.now = later(30)
    world.tell(contacts.DialogTurned(contact_id="c1", turn=2, node="refill", intent="refill.request", answer_by_s=60))
    world.now = later(40)
    world.engine.apply(late)
    assert world.decide() == []
    assert world.engine.state.contacts["c1"].intent == "refill.request"
    assert kinds(world.wait(50)) == ["contact.diverted", "item.queued"]


def test_what_a_late_turn_says_of_urgency_still_counts():
    world = World()
    late = world.envelope(contacts.DialogTurned(contact_id="c1", turn=1, node="menu", urgency=Urgency.URGENT))
    world.tell(contacts.DialogTurned(contact_id="c1", turn=2, node="refill"))
    world.engine.apply(late)
    assert world.engine.state.contacts["c1"].urgency is Urgency.URGENT


def test_a_turn_during_the_wait_changes_nothing():
    world = World()
    world.call("c1")
    before = world.engine.state.contacts["c1"]
    assert world.tell(contacts.DialogTurned(contact_id="c1", turn=9, node="wait", urgency=Urgency.EMERGENT)) == []
    assert world.engine.state.contacts["c1"] == before


def test_urgency_raised_before_the_hand_off_is_a_hand_off():
    world = World()
    decided = world.tell(contacts.UrgencyRaised(contact_id="c1", urgency=Urgency.URGENT))
    assert kinds(decided) == ["item.queued"]
    assert world.hand_off("c1", urgency=Urgency.ROUTINE) == []


def test_urgency_that_is_no_more_urgent_changes_nothing_but_what_is_known():
    world = World()
    world.call("c1", urgency=Urgency.URGENT)
    assert world.tell(contacts.UrgencyRaised(contact_id="c1", urgency=Urgency.ROUTINE, intent="billing")) == []
    assert world.engine.state.contacts["c1"].intent == "refill.request"


@pytest.mark.parametrize(
    "late",
    [
        contacts.UrgencyRaised(contact_id="c1", urgency=Urgency.URGENT),
        contacts.HandedOff(contact_id="c1", intent="agent.request", urgency=Urgency.ROUTINE, reason="asked"),
    ],
)
def test_a_late_wish_does_not_stop_the_search_for_a_caller_who_lost_their_agent(late):
    world = connected()
    held = world.reservation("carl")
    world.tell(contacts.AgentLegEnded(contact_id="c1", reservation_id=held, cause=CallEndCause.FAILED))
    world.tell(late)
    assert "contact.diverted" in kinds(world.wait(30))


def test_a_returning_caller_is_queued_even_before_the_agents_leg_is_known_to_be_gone():
    world = connected()
    assert kinds(world.hand_off("c1", returning=True)) == ["item.wrapping", "item.queued"]
    assert world.hand_off("c1", returning=True) == []


@pytest.mark.parametrize(
    "fact",
    [
        contacts.AgentLegAnswered(contact_id="c1", reservation_id="r"),
        contacts.AgentLegEnded(contact_id="c1", reservation_id="r", cause=CallEndCause.FAILED),
        contacts.CallerJoined(contact_id="c1", reservation_id="r"),
        contacts.ConnectFailed(contact_id="c1", reservation_id="r", step="join_caller"),
    ],
)
def test_a_leg_of_a_reservation_that_is_over_or_unknown_leaves_no_trace(fact):
    world = World()
    before = world.engine.image()
    assert world.tell(fact) == []
    assert world.engine.image() == before


def test_a_leg_of_another_contacts_reservation_does_not_count():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.call("c2")
    world.accept("carl")
    held = world.reservation("carl")
    assert world.tell(contacts.CallerJoined(contact_id="c2", reservation_id=held)) == []


# ---- agents


def test_a_fact_of_an_agent_whom_nobody_knows_is_late():
    world = World()
    assert world.tell(agents.StatusSet(agent_id="gone", status=AgentStatus.AVAILABLE)) == []


def test_an_agents_fact_counts_once():
    world = World()
    world.sign_in("carl")
    envelope = world.facts[-1][1]
    version = world.engine.state.agents["carl"].version
    world.engine.apply(envelope)
    assert world.engine.state.agents["carl"].version == version


def test_a_later_session_replaces_an_earlier_one_whose_facts_come_late():
    world = World()
    world.sign_in("carl", session="s2")
    assert world.tell(agents.AgentConnected(agent_id="carl", session="carl-s1", lease_s=15)) == []
    assert world.tell(agents.AgentDisconnected(agent_id="carl", session="carl-s1")) == []
    assert world.engine.state.agents["carl"].session == "carl-s2"


def test_presence_lasts_as_long_as_its_lease():
    world = World()
    world.tell(agents.AgentConnected(agent_id="carl", session="s1", lease_s=15))
    world.wait(10)
    assert world.tell(agents.PresenceRenewed(agent_id="carl", session="s1", lease_s=15)) == []
    assert world.wait(14) == []
    assert [decision.reachable for decision in world.wait(1)] == [False]


def test_a_renewal_makes_an_agent_reachable_again():
    world = World()
    world.tell(agents.AgentConnected(agent_id="carl", session="s1", lease_s=15))
    world.wait(15)
    (changed,) = world.tell(agents.PresenceRenewed(agent_id="carl", session="s1", lease_s=15))
    assert changed.reachable


@pytest.mark.parametrize("session", ["s0", "s1"])
def test_a_renewal_of_another_session_or_with_a_nearer_end_changes_nothing(session):
    world = World()
    world.tell(agents.AgentConnected(agent_id="carl", session="s1", lease_s=15))
    before = world.engine.state.agents["carl"]
    world.tell(agents.PresenceRenewed(agent_id="carl", session=session, lease_s=1))
    assert world.engine.state.agents["carl"] == before


def test_a_renewal_after_the_socket_closed_is_late():
    world = World()
    world.tell(agents.AgentConnected(agent_id="carl", session="s1", lease_s=15))
    world.tell(agents.AgentDisconnected(agent_id="carl", session="s1"))
    world.tell(agents.PresenceRenewed(agent_id="carl", session="s1", lease_s=900))
    assert world.wait(10)


def test_a_wish_to_hang_up_another_call_or_to_finish_another_item_is_refused():
    world = connected()
    assert world.tell(agents.HangUpRequested(agent_id="carl", contact_id="c2")) == []
    done = agents.WrapUpDone(agent_id="carl", item_id="other", disposition=Disposition.RESOLVED)
    assert world.tell(done) == []
    world.hang_up("c1")
    assert world.tell(done) == []


def test_who_holds_nothing_can_neither_hang_up_nor_finish():
    world = World()
    world.sign_in("carl")
    assert world.tell(agents.HangUpRequested(agent_id="carl", contact_id="c1")) == []
    assert world.tell(agents.WrapUpDone(agent_id="carl", item_id="i", disposition=Disposition.RESOLVED)) == []


def test_who_declares_the_same_again_stays_where_they_are_in_line():
    world = World()
    world.sign_in("carl")
    since = world.engine.state.agents["carl"].idle_since
    world.wait(5)
    world.tell(agents.StatusSet(agent_id="carl", status=AgentStatus.AVAILABLE))
    assert world.engine.state.agents["carl"].idle_since == since


# ---- configuration


def test_an_agent_who_left_the_document_gets_no_more_calls_and_finishes_the_present_one():
    world = connected()
    document = tenant()
    world.tell(ConfigApplied(tenant="demo", version=2, document=without(document, "carl")))
    assert not world.engine.state.agents["carl"].listed
    world.hang_up("c1")
    world.wrap_up("carl")
    assert kinds(world.call("c2")) == ["item.queued"]
    decided = world.tell(ConfigApplied(tenant="demo", version=3, document=document))
    assert "agent.reserved" in kinds(decided)


def without(document, name):
    return document.model_copy(update={"agents": tuple(agent for agent in document.agents if agent.agent_id != name)})


def test_an_older_document_changes_nothing():
    world = World()
    world.tell(ConfigApplied(tenant="demo", version=3, document=tenant()))
    assert world.tell(ConfigApplied(tenant="demo", version=2, document=without(tenant(), "carl"))) == []
    assert world.engine.state.agents["carl"].listed


def test_whoever_asks_before_the_document_is_known_waits_for_it():
    world = World()
    engine = Engine("demo")
    wish = contacts.HandedOff(contact_id="c1", intent="refill.request", urgency=Urgency.ROUTINE, reason="asked")
    engine.apply(world.envelope(wish))
    assert engine.decide(START) == []
    engine.apply(world.envelope(ConfigApplied(tenant="demo", version=1, document=tenant())))
    assert kinds(engine.decide(START)) == ["config.adopted", "item.queued"]


# ---- whatever the order


STORY = (
    contacts.ContactArrived(contact_id="c1", carrier="twilio", account="AC1", call="CA1", number="+15005550100"),
    contacts.DialogTurned(contact_id="c1", turn=1, node="menu", urgency=Urgency.URGENT),
    contacts.HandedOff(contact_id="c1", intent="refill.request", urgency=Urgency.ROUTINE, reason="asked"),
    contacts.UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT),
    contacts.SelfServed(contact_id="c1", task="facility.info"),
    contacts.CallerLegEnded(contact_id="c1", cause=CallEndCause.COMPLETED),
)


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(len(STORY))), st.lists(st.integers(0, len(STORY) - 1), max_size=6), st.booleans())
def test_a_contacts_facts_may_come_in_any_order_and_twice(order, repeats, decide_between):
    world = World()
    world.sign_in("nora")
    envelopes = [world.envelope(data) for data in STORY]
    for index in [*order, *repeats]:
        world.engine.apply(envelopes[index])
        if decide_between:
            world.decide()
    world.decide()
    assert "c1" in world.engine.state.ended
    assert not world.engine.state.contacts
    assert not world.engine.state.items
    assert [decision.type for decision in world.decisions].count("contact.ended") == 1


@pytest.mark.parametrize("order", list(permutations(range(1, 4))))
def test_the_order_of_facts_does_not_change_where_the_contact_stands(order):
    world = World()
    for index in (0, *order):
        world.engine.apply(world.envelope(STORY[index]))
    contact = world.engine.state.contacts["c1"]
    assert (contact.state, contact.urgency, contact.requests) == (ContactState.HANDED_OFF, Urgency.EMERGENT, 1)


URGENCIES = st.sampled_from(list(Urgency))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["hand_off", "raise", "turn"]), URGENCIES), min_size=1, max_size=8))
def test_urgency_is_only_ever_raised(wishes):
    world = World()
    seen = []
    for number, (kind, urgency) in enumerate(wishes):
        world.tell(
            {
                "hand_off": contacts.HandedOff(
                    contact_id="c1", intent="refill.request", urgency=urgency, reason="asked"
                ),
                "raise": contacts.UrgencyRaised(contact_id="c1", urgency=urgency),
                "turn": contacts.DialogTurned(contact_id="c1", turn=number, node="menu", urgency=urgency),
            }[kind]
        )
        seen.append(world.engine.state.contacts["c1"].urgency)
        items = list(world.engine.state.items.values())
        assert all(item.urgency == seen[-1] for item in items)
    assert seen == sorted(seen, reverse=True)
