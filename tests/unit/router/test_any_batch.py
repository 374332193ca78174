"""Facts in any order, several before one decision: the state stays whole, and nobody is left apart or behind."""

from contextlib import suppress
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from router import eligibility
from router.engine import Engine
from schemas import agents, contacts
from schemas.errors import Defect
from schemas.intake import ConfigApplied, FactEnvelope
from schemas.routing import AgentStatus, CallEndCause, Disposition, ItemState, Urgency
from tests.world import START, tenant

URGENCIES = (Urgency.ROUTINE, Urgency.URGENT, Urgency.EMERGENT, Urgency.EMERGENT)
STATUSES = (AgentStatus.AVAILABLE, AgentStatus.AVAILABLE, AgentStatus.AVAILABLE, AgentStatus.BREAK)

OF_CALLERS = {
    "arrive": lambda caller, _: contacts.ContactArrived(
        contact_id=caller, carrier="twilio", account="AC1", call=caller, number="+15005550100"
    ),
    "turn": lambda caller, pick: contacts.DialogTurned(contact_id=caller, turn=pick, node="menu"),
    "serve": lambda caller, _: contacts.SelfServed(contact_id=caller, task="hours"),
    "hand_off": lambda caller, pick: contacts.HandedOff(
        contact_id=caller,
        intent="refill.request",
        urgency=URGENCIES[pick],
        reason="intent",
        returning=pick == 1,
    ),
    "raise": lambda caller, pick: contacts.UrgencyRaised(contact_id=caller, urgency=URGENCIES[max(pick, 1)]),
    "gone": lambda caller, _: contacts.CallerLegEnded(contact_id=caller, cause=CallEndCause.COMPLETED),
}
OF_AGENTS = {
    "connect": lambda agent, pick: agents.AgentConnected(agent_id=agent, session=f"s{pick % 2}", lease_s=20),
    "disconnect": lambda agent, pick: agents.AgentDisconnected(agent_id=agent, session=f"s{pick % 2}"),
    "status": lambda agent, pick: agents.StatusSet(agent_id=agent, status=STATUSES[pick]),
}
OF_RESERVATIONS = {
    "accept": lambda held: agents.OfferAccepted(agent_id=held.agent_id, reservation_id=held.reservation_id),
    "reject": lambda held: agents.OfferRejected(agent_id=held.agent_id, reservation_id=held.reservation_id),
    "answered": lambda held: contacts.AgentLegAnswered(**names(held)),
    "leg_ended": lambda held: contacts.AgentLegEnded(**names(held), cause=CallEndCause.COMPLETED),
    "joined": lambda held: contacts.CallerJoined(**names(held)),
    "failed": lambda held: contacts.ConnectFailed(**names(held), step="dial_agent"),
    "hang_up": lambda held: agents.HangUpRequested(agent_id=held.agent_id, contact_id=held.contact_id),
    "wrapped": lambda held: agents.WrapUpDone(
        agent_id=held.agent_id, item_id=held.item_id, disposition=Disposition.RESOLVED
    ),
}
PAUSES = st.sampled_from([0.0, 0.1, 5.0, 20.0, 60.0])
FACTS = st.one_of(
    st.tuples(st.sampled_from(sorted(OF_CALLERS)), st.sampled_from(["c1", "c2"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(sorted(OF_AGENTS)), st.sampled_from(["nora", "carl"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(sorted(OF_RESERVATIONS)), st.just(""), st.integers(0, 3)),
)


BEGINNING = (
    ("connect", "carl", 0), ("status", "carl", 0), ("connect", "nora", 0), ("status", "nora", 0),
    ("arrive", "c1", 0), ("hand_off", "c1", 0),
)  # fmt: skip


def names(held):
    return {"contact_id": held.contact_id, "reservation_id": held.reservation_id}


def fact(engine, kind, who, pick):
    """Return a fact of this kind; None for one about a reservation while there is none."""
    if kind in OF_CALLERS:
        return OF_CALLERS[kind](who, pick)
    if kind in OF_AGENTS:
        return OF_AGENTS[kind](who, pick)
    held = sorted(engine.state.reservations.values(), key=lambda one: one.reservation_id)
    return OF_RESERVATIONS[kind](held[pick % len(held)]) if held else None


def check(engine, now):
    state = engine.state
    for agent in state.agents.values():
        assert (agent.reservation_id is not None) == (agent.state != "idle")
        assert agent.reservation_id is None or agent.reservation_id in state.reservations
    for lease in state.reservations.values():
        assert state.agents[lease.agent_id].reservation_id == lease.reservation_id
    for contact in state.contacts.values():
        assert not contact.leg_gone, "who is gone has ended"
        assert contact.items == contact.requests, "who asked for a person is queued"
        assert contact.resets == 0, "no state is beyond judging"
    for item in state.items.values():
        if item.state is ItemState.QUEUED:
            assert all(eligibility.obstacle(item, agent, now=now) for agent in state.agents.values())
            continue
        lease = state.reservations[item.reservation_id]
        if item.state in {ItemState.RESERVED, ItemState.CONNECTING} and not lease.joining:
            assert eligibility.unfit(item, state.agents[lease.agent_id]) is None, "nobody is offered the wrong agent"


@given(st.lists(st.tuples(st.lists(FACTS, min_size=1, max_size=5), PAUSES), max_size=40))
def test_any_batches(batches):
    engine, now, number = Engine("demo"), START, 0

    def apply(data):
        nonlocal number
        number += 1
        subject = getattr(data, "contact_id", None) or getattr(data, "agent_id", None) or "demo"
        envelope = FactEnvelope.around(
            data, id=str(number), source="/test", subject=subject, time=now, cell="demo", tenant="demo"
        )
        with suppress(Defect):  # a partition records it as rejected
            engine.apply(envelope)

    apply(ConfigApplied(tenant="demo", version=1, document=tenant()))
    for one in BEGINNING:
        apply(fact(engine, *one))
        engine.decide(now)
    for facts, pause in batches:
        for one in facts:
            data = fact(engine, *one)
            if data is not None:
                apply(data)
        now += timedelta(seconds=pause)
        engine.decide(now)
        assert engine.decide(now) == []
        check(engine, now)
