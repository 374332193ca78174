"""The life of a contact, as decisions."""

from datetime import timedelta

import pytest

from router import engine as engine_module
from router.engine import Engine
from schemas.agents import AgentConnected, AgentDisconnected, HangUpRequested, OfferAccepted, StatusSet
from schemas.contacts import (
    AgentLegEnded,
    ConnectFailed,
    ContactArrived,
    DialogTurned,
    HandedOff,
    SelfServed,
    UrgencyRaised,
)
from schemas.decisions import DECISIONS_PER_STEP_MAX, FactRejected
from schemas.envelope import Sealed
from schemas.errors import Defect
from schemas.routing import AgentState, AgentStatus, CallEndCause, EndReason, RequeueReason, Urgency
from services.runtime.limits import Limits
from tests.world import START, World, kinds, tenant


def only(decisions, kind):
    found = [decision for decision in decisions if decision.type == kind]
    assert len(found) == 1, kinds(decisions)
    return found[0]


def test_a_call_goes_from_the_dialog_to_an_agent_and_is_completed():
    world = World()
    world.sign_in("carl")
    assert kinds(world.call("c1")) == ["item.queued", "agent.reserved"]
    assert kinds(world.accept("carl")) == ["item.connecting"]
    assert kinds(world.connect("carl")) == ["item.connected"]
    assert "item.caller_joining" in kinds(world.decisions)
    assert kinds(world.hang_up("c1")) == ["item.wrapping", "contact.ended"]
    assert kinds(world.wrap_up("carl")) == ["item.completed"]
    assert world.engine.state.agents["carl"].state is AgentState.IDLE
    assert not world.engine.state.items
    assert not world.engine.state.contacts


def test_a_call_waits_until_an_agent_with_the_skill_is_free():
    world = World()
    world.sign_in("nora")
    assert kinds(world.call("c1")) == ["item.queued"]
    assert only(world.sign_in("carl"), "agent.reserved").agent_id == "carl"


def test_an_emergent_caller_goes_before_everyone_and_to_a_nurse():
    world = World()
    world.call("c1")
    world.call("c2", "triage.symptom", Urgency.URGENT)
    world.call("c3", "agent.request", Urgency.EMERGENT)
    assert only(world.sign_in("nora"), "agent.reserved").contact_id == "c3"


def test_among_equals_the_earliest_caller_and_the_best_agent():
    world = World()
    world.sign_in("nils")
    world.sign_in("nora")
    assert only(world.call("c1", "triage.symptom", Urgency.URGENT), "agent.reserved").agent_id == "nora"


def test_a_rejected_item_keeps_its_place_and_is_not_offered_to_the_same_agent_again():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.wait(1)
    world.call("c2")
    decided = world.reject("carl")
    requeued = only(decided, "item.requeued")
    assert requeued.reason is RequeueReason.REJECTED
    assert only(decided, "agent.reserved").contact_id == "c2"
    assert world.engine.state.items[requeued.item_id].queued_at < world.now


def test_the_exclusion_ends_by_itself():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.reject("carl")
    assert kinds(world.wait(119)) == []
    assert kinds(world.wait(1)) == ["agent.reserved"]


def test_an_offer_lapses_at_its_deadline_and_not_before():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    assert kinds(world.wait(19.999)) == []
    assert kinds(world.wait(0.001)) == ["reservation.lapsed", "item.requeued"]
    agent = world.engine.state.agents["carl"]
    assert (agent.status, agent.status_reason) == (AgentStatus.BREAK, "ring_no_answer")


def test_an_answer_after_the_lapse_changes_nothing():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    held = world.reservation("carl")
    world.wait(20)
    assert kinds(world.tell(OfferAccepted(agent_id="carl", reservation_id=held))) == []


def test_an_offer_goes_on_when_the_desktop_is_gone_for_longer_than_the_grace():
    world = World()
    world.sign_in("carl")
    world.sign_in("nils")
    world.call("c1")
    world.tell(AgentDisconnected(agent_id="carl", session="carl-s1"))
    decided = world.wait(10)
    assert only(decided, "item.requeued").reason is RequeueReason.UNREACHABLE
    assert only(decided, "agent.reserved").agent_id == "nils"
    assert world.engine.state.agents["carl"].status is AgentStatus.AVAILABLE


def test_a_desktop_that_comes_back_within_the_grace_keeps_its_offer():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.tell(AgentDisconnected(agent_id="carl", session="carl-s1"))
    world.wait(5)
    world.sign_in("carl", session="s2")
    assert kinds(world.wait(10)) == []
    assert kinds(world.accept("carl")) == ["item.connecting"]


def test_who_hangs_up_while_waiting_is_abandoned():
    world = World()
    world.call("c1")
    decided = world.hang_up("c1")
    assert kinds(decided) == ["item.abandoned", "contact.ended"]
    assert decided[-1].reason is EndReason.ABANDONED_WAITING


def test_who_hangs_up_while_offered_frees_the_agent_for_the_next():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.call("c2")
    decided = world.hang_up("c1")
    assert kinds(decided) == ["reservation.canceled", "item.abandoned", "contact.ended", "agent.reserved"]
    assert decided[-1].type in {"agent.reserved", "agent.changed"}


def test_who_hangs_up_while_connecting_frees_the_agent_and_their_leg():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    assert kinds(world.hang_up("c1")) == ["reservation.canceled", "leg.released", "item.abandoned", "contact.ended"]


def test_an_agent_whose_phone_does_not_answer_is_excluded_and_the_caller_keeps_their_place():
    world = World()
    world.sign_in("carl")
    world.sign_in("nils")
    world.call("c1")
    world.accept("carl")
    held = world.reservation("carl")
    decided = world.tell(AgentLegEnded(contact_id="c1", reservation_id=held, cause=CallEndCause.NO_ANSWER))
    assert kinds(decided) == ["reservation.rescinded", "leg.released", "item.requeued", "agent.reserved"]
    assert only(decided, "agent.reserved").agent_id == "nils"


def test_a_carrier_that_refuses_sends_the_caller_back_to_their_place():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    decided = world.tell(ConnectFailed(contact_id="c1", reservation_id=world.reservation("carl"), step="dial_agent"))
    assert only(decided, "item.requeued").reason is RequeueReason.CARRIER_FAILED


def test_connecting_has_a_deadline_of_its_own():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    decided = world.wait(30)
    assert only(decided, "item.requeued").reason is RequeueReason.CONNECTING_EXPIRED


def test_the_agent_hangs_up():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    decided = world.tell(HangUpRequested(agent_id="carl", contact_id="c1"))
    assert only(decided, "leg.released").leg == "caller"
    assert kinds(world.tell(HangUpRequested(agent_id="carl", contact_id="c1"))) == []
    assert kinds(world.hang_up("c1")) == ["item.wrapping", "contact.ended"]


def test_wrap_up_ends_by_itself():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    world.hang_up("c1")
    assert kinds(world.wait(60)) == ["item.completed"]


def test_a_status_set_during_a_call_takes_effect_after_it():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    world.tell(StatusSet(agent_id="carl", status=AgentStatus.BREAK, reason="lunch"))
    assert world.engine.state.agents["carl"].status is AgentStatus.AVAILABLE
    world.hang_up("c1")
    world.wrap_up("carl")
    assert world.engine.state.agents["carl"].status is AgentStatus.BREAK


def test_an_agent_who_is_lost_during_the_call_finishes_and_the_caller_comes_back_first():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    world.wait(1)
    world.call("c2")
    held = world.reservation("carl")
    world.tell(AgentLegEnded(contact_id="c1", reservation_id=held, cause=CallEndCause.FAILED))
    world.hand_off("c1", returning=True)
    assert only(world.sign_in("nils"), "agent.reserved").contact_id == "c1"


def test_a_caller_who_is_lost_between_agents_is_sought():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    held = world.reservation("carl")
    world.tell(AgentLegEnded(contact_id="c1", reservation_id=held, cause=CallEndCause.FAILED))
    assert "contact.diverted" in kinds(world.wait(30))


def test_a_dialog_that_falls_silent_goes_to_a_person():
    world = World()
    world.arrive("c1")
    world.tell(DialogTurned(contact_id="c1", turn=1, node="menu", answer_by_s=60))
    assert kinds(world.wait(59)) == []
    assert kinds(world.wait(1)) == ["contact.diverted", "item.queued"]


def test_self_service_ends_without_an_agent():
    world = World()
    world.arrive("c1")
    world.tell(SelfServed(contact_id="c1", task="facility.info"))
    assert only(world.hang_up("c1"), "contact.ended").reason is EndReason.SELF_SERVED


def test_a_status_that_comes_before_the_call_ends_it_for_good():
    world = World()
    assert only(world.hang_up("c1"), "contact.ended").reason is EndReason.ABANDONED_IN_DIALOG
    assert world.call("c1") == []


def test_urgency_raised_while_offered_moves_to_a_nurse():
    world = World()
    world.sign_in("carl")
    world.sign_in("nora")
    world.call("c1")
    decided = world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT, intent="triage.symptom"))
    assert kinds(decided)[:3] == ["item.urgency_changed", "reservation.rescinded", "item.requeued"]
    assert only(decided, "agent.reserved").agent_id == "nora"


def test_urgency_is_never_lowered():
    world = World()
    world.call("c1", "triage.symptom", Urgency.EMERGENT)
    assert world.hand_off("c1", "refill.request", Urgency.ROUTINE) == []


def test_the_same_fact_twice_is_one():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    before = world.engine.image()
    envelope = world.facts[-1][1]
    world.engine.apply(envelope)
    assert world.decide() == []
    assert world.engine.image() == before


def test_another_agents_answer_does_not_count():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    assert world.tell(OfferAccepted(agent_id="nora", reservation_id=world.reservation("carl"))) == []


def test_a_restored_engine_is_equal_and_decides_the_same():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.call("c2")
    restored = Engine.restore(world.engine.image())
    assert restored.image() == world.engine.image()
    world.wait(20)
    assert restored.decide(world.now) == list(world.steps[-1].decisions)


def test_folding_the_log_gives_the_state_that_was_lived_through():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.accept("carl")
    world.connect("carl")
    world.hang_up("c1")
    world.wait(60)
    follower = Engine("demo")
    facts = list(world.facts)
    for step in world.steps:
        while facts and facts[0][0] <= step.cause:
            follower.apply(facts.pop(0)[1])
        follower.apply(step)
    assert follower.image() == world.engine.image()


def test_a_step_has_a_limit_and_the_rest_follows_at_once(monkeypatch):
    world = World()
    monkeypatch.setattr(engine_module, "STEP_BYTES_MAX", 2 * engine_module.DECISION_BYTES)
    for number in range(4):
        envelope = HandedOff(contact_id=f"c{number}", intent="refill.request", urgency=Urgency.ROUTINE, reason="asked")
        world.engine.apply(world.envelope(envelope))
    assert len(world.decide()) == 2
    assert world.engine.next_deadline() == world.now
    assert len(world.decide()) == 2
    assert world.decide() == []


def test_matches_that_do_not_fit_a_step_are_made_in_the_next(monkeypatch):
    world = World()
    for number in range(2):
        world.call(f"c{number}")
    monkeypatch.setattr(engine_module, "STEP_BYTES_MAX", 1)
    for agent in ("carl", "nils"):
        world.engine.apply(world.envelope(AgentConnected(agent_id=agent, session="s1", lease_s=99)))
        world.engine.apply(world.envelope(StatusSet(agent_id=agent, status=AgentStatus.AVAILABLE)))
    steps = []
    while decisions := world.decide():
        steps.append(kinds(decisions))
    assert [step for step in steps if step] == [["agent.reserved"], ["agent.reserved"]]


def test_no_step_is_larger_than_a_record_may_be():
    count, skills = 600, [{"skill": "desk", "level": 0.5}, {"skill": "nurse", "level": 0.5}]
    agents = [
        {"agent_id": f"agent-{n:04d}", "name": "A", "endpoint": f"client:agent-{n:04d}", "skills": skills}
        for n in range(count)
    ]
    world = World(tenant(agents=agents))
    private = Sealed(kid="k" * 20, key="k" * 100, box="b" * 4000)
    for n in range(count):
        arrived = ContactArrived(
            contact_id=f"c{n}", carrier="twilio", account="AC1", call=f"CA{n}", number="+15005550100", sealed=private
        )
        asked = HandedOff(contact_id=f"c{n}", intent="refill.request", urgency=Urgency.ROUTINE, reason="asked")
        connected = AgentConnected(agent_id=f"agent-{n:04d}", session="s1", lease_s=99)
        available = StatusSet(agent_id=f"agent-{n:04d}", status=AgentStatus.AVAILABLE)
        for data in (arrived, asked, connected, available):
            world.engine.apply(world.envelope(data))
    sizes = []
    while decisions := world.decide():
        sizes.append(len(world.steps[-1].model_dump_json()))
        assert len(decisions) < DECISIONS_PER_STEP_MAX
    assert kinds(world.decisions).count("agent.reserved") == count
    world.engine.take_over(timedelta(seconds=5))
    world.now += timedelta(seconds=5)
    world.decide()
    sizes.append(len(world.steps[-1].model_dump_json()))
    assert max(sizes) < Limits().record_bytes_max


def test_no_image_is_taken_between_a_rejection_and_its_step():
    world = World()
    world.engine.reject(FactRejected(offset=1, fact_id="f", fact_type="t", subject="s", reason="Defect"))
    with pytest.raises(Defect):
        world.engine.image()
    world.decide()
    assert world.engine.image()["cell"] == world.engine.cell == "demo"


def test_the_clock_that_runs_back_is_overruled_by_what_was_decided():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    decided_at = world.engine.state.decided_at
    world.now = START - timedelta(hours=1)
    world.accept("carl")
    assert world.engine.state.decided_at == decided_at
