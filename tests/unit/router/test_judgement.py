"""What follows from how things stand, whichever fact came last."""

import pytest

from router import judgement
from schemas.agents import HangUpRequested, OfferAccepted, OfferRejected, WrapUpDone
from schemas.contacts import (
    AgentLegAnswered,
    AgentLegEnded,
    CallerJoined,
    ConnectFailed,
    ContactArrived,
    HandedOff,
    SelfServed,
    UrgencyRaised,
)
from schemas.decisions import FactRejected
from schemas.routing import (
    AgentState,
    CallEndCause,
    Disposition,
    EndReason,
    ItemState,
    RequeueReason,
    Requirement,
    Urgency,
)
from tests.world import World, kinds, tenant


def only(decisions, kind):
    (found,) = (decision for decision in decisions if decision.type == kind)
    return found


def offered(agent="carl", **config):
    world = World(tenant(**config) if config else None)
    world.sign_in(agent)
    world.call("c1")
    return world


def connecting(agent="carl"):
    world = offered(agent)
    world.accept(agent)
    return world


def connected(agent="carl"):
    world = connecting(agent)
    world.connect(agent)
    return world


# ---- what an item needs


@pytest.mark.parametrize(
    ("intent", "urgency", "queue", "why"),
    [
        ("refill.request", Urgency.ROUTINE, "desk", "routine by menu: the queue for refill.request"),
        ("triage.symptom", Urgency.URGENT, "nurses", "urgent by menu: the queue for triage.symptom"),
        ("unheard.of", Urgency.ROUTINE, "desk", "routine by menu: the queue for unheard.of"),
        ("refill.request", Urgency.EMERGENT, "nurses", "emergent by menu: the emergency queue"),
    ],
)
def test_intent_and_urgency_choose_the_queue_and_say_why(intent, urgency, queue, why):
    queued = only(World().hand_off("c1", intent, urgency, urgency_by="menu"), "item.queued")
    assert (queued.queue, queued.why) == (queue, why)


def with_spanish():
    agents = tenant().model_dump()["agents"]
    agents[0]["skills"] = [*agents[0]["skills"], {"skill": "lang-es", "level": 1.0}, {"skill": "desk", "level": 0.1}]
    return tenant(agents=agents)


def needs(decisions):
    return [need.skill for need in only(decisions, "item.queued").requirements]


def test_a_language_is_a_hard_need_where_somebody_speaks_it():
    assert needs(World(with_spanish()).hand_off("c1", language="es")) == ["desk", "lang-es"]
    assert needs(World(with_spanish()).hand_off("c1", language="en")) == ["desk"]
    assert needs(World().hand_off("c1", language="es")) == ["desk"]


def test_a_callers_own_requirements_stand_beside_the_queues_which_decide():
    own = (Requirement(skill="nurse", level_min=0.7), Requirement(skill="desk", level_min=1.0, hard=False))
    queued = only(World().hand_off("c1", requirements=own), "item.queued")
    assert [(need.skill, need.hard) for need in queued.requirements] == [("desk", True), ("nurse", True)]


def test_the_place_is_that_of_the_first_hand_off():
    world = World()
    world.hand_off("c1")
    first = world.now
    world.wait(30)
    world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT))
    (item,) = world.engine.state.items.values()
    assert item.queued_at == first


# ---- urgency


def test_an_offer_stays_with_an_agent_who_may_take_the_more_urgent_item_too():
    world = World()
    world.sign_in("nils")
    world.call("c1")
    assert kinds(world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT))) == ["item.urgency_changed"]
    assert world.engine.state.agents["nils"].state is AgentState.RESERVED


def test_who_becomes_emergent_while_the_clerks_phone_rings_goes_to_a_nurse():
    world = connecting()
    world.sign_in("nora")
    decisions = world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT))
    assert kinds(decisions) == [
        "item.urgency_changed",
        "reservation.rescinded",
        "leg.released",
        "item.requeued",
        "agent.reserved",
    ]
    assert only(decisions, "agent.reserved").agent_id == "nora"


def test_who_is_on_the_way_to_their_agent_already_is_not_turned_back():
    world = connecting()
    world.tell(AgentLegAnswered(contact_id="c1", reservation_id=world.reservation("carl")))
    assert kinds(world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT))) == ["item.urgency_changed"]


def test_a_reject_and_a_greater_urgency_before_the_same_decision_end_the_offer_once():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    held = world.reservation("carl")
    rejected = world.envelope(OfferRejected(agent_id="carl", reservation_id=held))
    world.engine.apply(rejected)
    decisions = world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT))
    assert kinds(decisions)[:2] == ["item.urgency_changed", "item.requeued"]
    assert only(decisions, "item.requeued").reason == "rejected"


def test_urgency_of_who_is_connected_or_over_moves_nothing():
    world = connected()
    assert world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT)) == []


def test_a_waiting_item_becomes_more_urgent_where_it_stands():
    world = World()
    world.call("c1")
    changed = only(world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.URGENT)), "item.urgency_changed")
    assert (changed.urgency, changed.queue) == (Urgency.URGENT, "desk")


# ---- legs


def test_a_phone_that_is_answered_after_its_reservation_ended_is_hung_up():
    world = connecting()
    late = world.reservation("carl")
    world.tell(ConnectFailed(contact_id="c1", reservation_id=late, step="dial_agent"))
    (released,) = list(world.tell(AgentLegAnswered(contact_id="c1", reservation_id=late)))
    assert (released.type, released.leg, released.reservation_id) == ("leg.released", "agent", late)
    assert world.decide() == []


def test_the_agents_phone_is_answered_twice_and_the_caller_told_once():
    world = connecting()
    held = world.reservation("carl")
    answered = AgentLegAnswered(contact_id="c1", reservation_id=held)
    assert kinds(world.tell(answered)) == ["item.caller_joining"]
    assert world.tell(answered) == []


def test_a_caller_who_is_there_before_the_phone_was_heard_of_is_connected():
    world = connecting()
    held = world.reservation("carl")
    assert kinds(world.tell(CallerJoined(contact_id="c1", reservation_id=held))) == ["item.connected"]
    assert world.tell(AgentLegAnswered(contact_id="c1", reservation_id=held)) == []


def test_a_leg_that_is_lost_in_the_same_moment_is_lost():
    world = connecting()
    held = world.reservation("carl")
    for fact in (
        CallerJoined(contact_id="c1", reservation_id=held),
        AgentLegEnded(contact_id="c1", reservation_id=held, cause=CallEndCause.FAILED),
    ):
        world.engine.apply(world.envelope(fact))
    decided = world.decide()
    assert only(decided, "item.requeued").reason is RequeueReason.AGENT_LEG_FAILED
    assert "item.connected" not in kinds(decided)


def test_the_carriers_failure_is_not_the_agents():
    world = connecting()
    held = world.reservation("carl")
    decided = world.tell(ConnectFailed(contact_id="c1", reservation_id=held, step="join_caller"))
    assert only(decided, "item.requeued").excluded_until is None
    assert only(decided, "agent.reserved").agent_id == "carl"


def test_the_connection_names_call_agent_and_endpoint():
    world = offered()
    told = only(world.accept("carl"), "item.connecting")
    assert (told.carrier, told.account, told.call, told.number) == ("twilio", "AC1", "CA-c1", "+15005550100")
    assert told.endpoint == "client:carl"


@pytest.mark.parametrize("stage", [connecting, connected])
def test_an_agent_may_hang_up_as_soon_as_they_have_the_call(stage):
    world = stage()
    wish = HangUpRequested(agent_id="carl", contact_id="c1")
    assert only(world.tell(wish), "leg.released").leg == "caller"
    assert world.tell(wish) == []


def test_an_agent_who_only_has_the_offer_does_not_hang_up():
    world = offered()
    assert world.tell(HangUpRequested(agent_id="carl", contact_id="c1")) == []


# ---- the end


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (offered, EndReason.ABANDONED_OFFERED),
        (connecting, EndReason.ABANDONED_CONNECTING),
        (connected, EndReason.COMPLETED),
    ],
)
def test_how_a_contact_ends_says_how_far_it_came(stage, reason):
    assert only(stage().hang_up("c1"), "contact.ended").reason is reason


def test_who_spoke_to_a_person_and_waits_again_was_served():
    world = connected()
    world.hand_off("c1", returning=True)
    decided = world.hang_up("c1")
    assert only(decided, "item.abandoned").state is ItemState.QUEUED
    assert only(decided, "contact.ended").reason is EndReason.COMPLETED


def test_who_was_served_by_the_dialog_and_then_asked_abandoned():
    world = World()
    world.tell(SelfServed(contact_id="c1", task="facility.info"))
    world.hand_off("c1")
    assert only(world.hang_up("c1"), "contact.ended").reason is EndReason.ABANDONED_WAITING


def test_who_is_gone_before_their_wish_was_judged_never_waits():
    world = World()
    world.engine.apply(
        world.envelope(HandedOff(contact_id="c1", intent="billing", urgency=Urgency.ROUTINE, reason="asked"))
    )
    decided = world.hang_up("c1")
    assert kinds(decided) == ["contact.ended"]
    assert decided[0].reason is EndReason.ABANDONED_WAITING


def test_an_answer_and_the_callers_end_in_one_moment_cancel_the_offer():
    world = offered()
    world.engine.apply(
        world.envelope(OfferAccepted(agent_id="carl", reservation_id=world.reservation("carl")), name="yes")
    )
    assert kinds(world.hang_up("c1")) == ["reservation.canceled", "item.abandoned", "contact.ended"]


# ---- wrap-up


def test_an_agent_who_finished_before_the_call_was_known_to_be_over_need_not_say_it_again():
    world = connected()
    item = next(iter(world.engine.state.items))
    assert world.tell(WrapUpDone(agent_id="carl", item_id=item, disposition=Disposition.RESOLVED)) == []
    decided = world.hang_up("c1")
    assert kinds(decided) == ["item.wrapping", "contact.ended", "item.completed"]
    assert only(decided, "item.completed").disposition is Disposition.RESOLVED


def test_the_first_agent_finishes_while_the_caller_already_has_another():
    world = connected()
    world.sign_in("nils")
    world.hand_off("c1", returning=True)
    world.accept("nils")
    assert kinds(world.wrap_up("carl")) == ["item.completed"]
    assert world.engine.state.agents["nils"].state is AgentState.CONNECTING


def test_a_lost_caller_is_queued_again_after_the_agent_has_finished_too():
    world = connected()
    held = world.reservation("carl")
    world.tell(AgentLegEnded(contact_id="c1", reservation_id=held, cause=CallEndCause.FAILED))
    world.wrap_up("carl")
    assert kinds(world.wait(30)) == ["contact.diverted", "item.queued", "agent.reserved"]


# ---- a person, whatever happened


def rejection(name):
    return FactRejected(offset=9, fact_id="f", fact_type="contact.dialog_turned", subject=name, reason="TypeError")


def test_a_fact_that_cannot_be_folded_takes_its_contact_to_a_person():
    world = World()
    world.arrive("c1")
    world.engine.reject(rejection("c1"))
    assert kinds(world.decide()) == ["fact.rejected", "contact.diverted", "item.queued"]


@pytest.mark.parametrize("stage", [offered, connecting, connected])
def test_nobody_is_diverted_who_has_a_person_or_waits_for_one(stage):
    world = stage()
    world.engine.reject(rejection("c1"))
    assert kinds(world.decide()) == ["fact.rejected"]


def test_a_rejected_fact_of_nobody_we_know_is_only_recorded():
    world = World()
    world.engine.reject(rejection("nobody"))
    assert kinds(world.decide()) == ["fact.rejected"]


# ---- agents


def test_what_desktops_show_is_announced_once():
    world = World()
    world.sign_in("carl")
    assert list(judgement.judge_agent(world.engine.state, "carl")) == []


def test_a_caller_who_arrives_after_the_hand_off_is_still_one_contact():
    world = World()
    world.hand_off("c1")
    late = ContactArrived(contact_id="c1", carrier="twilio", account="AC1", call="CA-c1", number="+15005550100")
    assert world.tell(late) == []
    assert len(world.engine.state.items) == 1
