"""What a simulated agent plans."""

import random

import pytest

from schemas import gateway_frames as frames
from schemas.routing import AgentState, AgentStatus
from services.demo.agent_mind import AgentMind, Drop, Plan, Temper

AT = "2030-01-07T09:00:00Z"
STEADY = Temper(rejects=0, lets_lapse=0, hangs_up_first=1, takes_break=0)
OFFER = frames.OfferView(
    contact_id="c", item_id="i", reservation_id="r", queue="refills", intent="refill.request", urgency="routine",
    language="en", queued_at=AT, deadline=AT, why="",
)  # fmt: skip


def mind(**changes: object) -> AgentMind:
    temper = {name: getattr(STEADY, name) for name in STEADY.__slots__} | changes
    return AgentMind(random.Random(1), Temper(**temper))


def held(status: str) -> frames.StatusView:
    return frames.StatusView(status=status, version=1, state=AgentState.IDLE)


def snapshot(status: str = "available", **more: object) -> frames.SnapshotFrame:
    return frames.SnapshotFrame(seq=1, status=held(status), **more)


def updated(state: str) -> frames.CallUpdated:
    return frames.CallUpdated(seq=3, contact_id="c", item_id="i", reservation_id="r", state=state)


def sends(plans: list[Plan | Drop]) -> list[object]:
    return [plan.frame for plan in plans if isinstance(plan, Plan)]


def test_a_ping_is_answered_at_once():
    assert mind().react(frames.Ping()) == [Plan("ping", 0.0, frames.Pong())]


@pytest.mark.parametrize("status", ["offline", "break", "training"])
def test_after_sign_in_the_agent_becomes_available_and_asks_once(status):
    agent = mind()
    assert sends(agent.react(snapshot(status))) == [frames.SetStatus(status=AgentStatus.AVAILABLE)]
    assert agent.react(frames.StatusChanged(seq=2, status=held(status))) == []
    assert agent.react(frames.StatusChanged(seq=3, status=held("available"))) == []


def test_an_offer_is_accepted_after_a_moment():
    (dropped, plan) = mind().react(frames.OfferFrame(seq=2, offer=OFFER))
    assert dropped == Drop("r")
    assert plan.frame == frames.AcceptOffer(reservation_id="r")
    assert 1 <= plan.after_s <= 3


def test_some_offers_are_rejected_and_some_lapse():
    assert isinstance(sends(mind(rejects=1).react(frames.OfferFrame(seq=2, offer=OFFER)))[0], frames.RejectOffer)
    assert mind(lets_lapse=1).react(frames.OfferFrame(seq=2, offer=OFFER)) == []


def test_a_withdrawn_offer_drops_its_plans():
    gone = frames.OfferWithdrawn(seq=3, reservation_id="r", reason="caller_hung_up")
    assert mind().react(gone) == [Drop("r")]


def test_a_call_is_talked_hung_up_and_wrapped_up():
    agent = mind()
    assert agent.react(updated("connecting")) == []
    assert sends(agent.react(updated("connected"))) == [frames.HangUpCall(contact_id="c")]
    (done,) = sends(agent.react(updated("wrapping")))
    assert (done.type, done.item_id) == ("wrap_up.done", "i")
    assert agent.react(updated("ended")) == [Drop("r")]


def test_who_lets_the_caller_hang_up_still_ends_the_call_in_the_end():
    first = mind().react(updated("connected"))[1].after_s
    assert mind(hangs_up_first=0).react(updated("connected"))[1].after_s == pytest.approx(4 * first)


def test_a_break_begins_and_ends():
    agent = mind(takes_break=1)
    plans = agent.react(updated("ended"))
    (leave,) = [plan for plan in plans if isinstance(plan, Plan)]
    assert leave.frame.status is AgentStatus.BREAK
    assert agent.react(frames.StatusChanged(seq=4, status=held("break"))) == []
    (back,) = agent.sent(leave.frame)
    assert back.frame == frames.SetStatus(status=AgentStatus.AVAILABLE)
    assert agent.sent(back.frame) == []
    assert agent.sent(frames.Pong()) == []
    assert agent.react(frames.StatusChanged(seq=5, status=held("available"))) == []


def test_a_snapshot_tells_of_an_offer_and_a_call():
    assert sends(mind().react(snapshot(offer=OFFER))) == [frames.AcceptOffer(reservation_id="r")]
    call = frames.CallView(**OFFER.model_dump(), state="connected", since=AT)
    assert sends(mind().react(snapshot(call=call))) == [frames.HangUpCall(contact_id="c")]


def test_after_a_resume_what_was_planned_is_planned_again():
    agent = mind(takes_break=1)
    agent.react(snapshot())
    agent.react(updated("connected"))
    agent.react(frames.Welcome(session="s", agent_id="a", name="A", ping_s=20))
    assert sends(agent.react(frames.Resumed(seq=9))) == [frames.HangUpCall(contact_id="c")]
    agent.react(updated("ended"))
    agent.react(frames.StatusChanged(seq=10, status=held("break")))
    agent.react(frames.Welcome(session="s2", agent_id="a", name="A", ping_s=20))
    assert sends(agent.react(frames.Resumed(seq=11))) == [frames.SetStatus(status=AgentStatus.AVAILABLE)]


def test_the_same_seed_plans_the_same():
    def story(seed: int) -> list[object]:
        agent = AgentMind(random.Random(seed))
        return [
            agent.react(frame) for frame in (snapshot(), frames.OfferFrame(seq=2, offer=OFFER), updated("wrapping"))
        ]

    assert story(7) == story(7)
    assert story(7) != story(8)


def test_an_error_changes_nothing():
    assert mind().react(frames.ErrorFrame(code="malformed", message="")) == []
