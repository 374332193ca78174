from typing import Any

import pytest

from agent_gateway.desk import NOT_SEEN, Desk, DeskBook
from schemas.decisions import ContactEnded, position
from schemas.gateway_frames import CallUpdated, OfferFrame, OfferWithdrawn, StatusChanged
from schemas.routing import EndReason, RequeueReason, Urgency
from tests.unit.agent_gateway.examples import NURSE, OTHER, SEALED, Log, Work, changed, second, session_id


@pytest.fixture
def log() -> Log:
    return Log(DeskBook())


def frames(told: list[tuple[Any, int, Any]]) -> list[Any]:
    return [change.frame for _, _, change in told]


def test_an_agent_about_whom_nothing_was_decided_is_offline(log: Log) -> None:
    assert log.book.desk(NURSE) == Desk(NURSE, position=0, status=NOT_SEEN)


def test_a_call_from_offer_to_end(log: Log) -> None:
    work = Work()
    ((agent, at, change),) = log.decide(work.reserved())
    assert (agent, at) == (NURSE, position(1, 0))
    assert isinstance(change.frame, OfferFrame)
    assert change.frame.seq == at
    assert change.frame.offer.deadline == second(20)
    assert log.book.desk(NURSE).offer.sealed == SEALED
    (connecting,) = frames(log.decide(work.connecting()))
    assert (connecting.state, connecting.deadline, connecting.since) == ("connecting", second(30), second(2))
    assert log.book.desk(NURSE).offer is None
    assert log.decide(work.joining()) == []
    (connected,) = frames(log.decide(work.connected()))
    assert (connected.state, connected.deadline) == ("connected", None)
    (wrapping,) = frames(log.decide(work.wrapping()))
    assert (wrapping.state, wrapping.deadline) == ("wrapping", second(90))
    view = log.book.desk(NURSE).call.view
    assert (view.state, view.since, view.deadline, view.queued_at) == ("wrapping", second(5), second(90), second(0))
    (ended,) = frames(log.decide(work.completed()))
    assert (ended.state, ended.reason) == ("ended", "completed")
    assert log.book.desk(NURSE).call is None


def test_each_decision_of_a_step_has_its_own_position(log: Log) -> None:
    told = log.decide(
        Work().reserved(), changed(), ContactEnded(contact_id="c", tenant="north", reason=EndReason.FAILED)
    )
    assert [at for _, at, _ in told] == [position(1, 0), position(1, 1)]
    assert log.book.desk(NURSE).position == position(1, 1)


@pytest.mark.parametrize(
    ("decisions", "reason"),
    [
        (lambda work: [work.lapsed(), work.requeued(RequeueReason.LAPSED)], "lapsed"),
        (lambda work: [work.requeued(RequeueReason.REJECTED)], "rejected"),
        (lambda work: [work.requeued(RequeueReason.UNREACHABLE)], "lapsed"),
        (lambda work: [work.requeued(RequeueReason.NEEDS_CHANGED)], "rescinded"),
        (lambda work: [work.rescinded(), work.requeued(RequeueReason.NEEDS_CHANGED)], "rescinded"),
        (lambda work: [work.canceled()], "caller_hung_up"),
    ],
)
def test_an_offer_is_withdrawn_once_and_for_its_reason(log: Log, decisions: Any, reason: str) -> None:
    work = Work()
    log.decide(work.reserved())
    (withdrawn,) = frames(log.decide(*decisions(work)))
    assert withdrawn == OfferWithdrawn(seq=position(2, 0), reservation_id=work.reservation_id, reason=reason)
    assert log.book.desk(NURSE).offer is None


@pytest.mark.parametrize(
    ("decisions", "reason"),
    [
        (lambda work: [work.rescinded(RequeueReason.AGENT_LEG_FAILED), work.requeued()], "agent_leg_failed"),
        (lambda work: [work.requeued(RequeueReason.CARRIER_FAILED)], "carrier_failed"),
        (lambda work: [work.canceled()], "caller_hung_up"),
        (lambda work: [work.lapsed()], "lapsed"),
    ],
)
def test_a_call_that_does_not_come_about_ends_for_its_reason(log: Log, decisions: Any, reason: str) -> None:
    work = Work()
    log.decide(work.reserved(), work.connecting())
    (ended,) = frames(log.decide(*decisions(work)))
    assert isinstance(ended, CallUpdated)
    assert (ended.state, ended.reason) == ("ended", reason)
    assert log.book.desk(NURSE).call is None


@pytest.mark.parametrize(
    "name", ["connecting", "connected", "wrapping", "completed", "lapsed", "canceled", "more_urgent"]
)
def test_what_concerns_no_open_reservation_says_nothing(log: Log, name: str) -> None:
    assert log.decide(getattr(Work(), name)()) == []
    mine, stale = Work(1), Work(2)
    log.decide(mine.reserved())
    before = log.book.desk(NURSE)
    assert log.decide(getattr(stale, name)()) == []
    log.decide(mine.connecting())
    assert log.decide(getattr(stale, name)()) == []
    assert before.offer is not None


def test_an_open_offer_that_becomes_more_urgent_is_offered_anew(log: Log) -> None:
    work = Work()
    log.decide(work.reserved())
    (offer,) = frames(log.decide(work.more_urgent()))
    assert (offer.offer.urgency, offer.offer.queue) == (Urgency.EMERGENT, "emergency")
    log.decide(work.connecting())
    assert log.decide(work.more_urgent()) == []
    assert log.book.desk(NURSE).call.view.urgency is Urgency.EMERGENT


def test_urgency_finds_the_agent_who_has_the_offer_now(log: Log) -> None:
    first, later = Work(1), Work(1, OTHER)
    log.decide(first.reserved(), first.lapsed(), later.reserved())
    ((agent, _, _),) = log.decide(later.more_urgent())
    assert agent == OTHER
    log.decide(later.canceled())
    assert log.decide(later.more_urgent()) == []


def test_a_status_tells_which_session_counts(log: Log) -> None:
    ((_, _, change),) = log.decide(changed(version=3, session=7))
    assert isinstance(change.frame, StatusChanged)
    assert change.session == log.book.desk(NURSE).session == session_id(7)
    assert log.book.desk(NURSE).status.version == 3


def test_held_is_the_open_offer_or_the_call(log: Log) -> None:
    work = Work()
    assert log.book.desk(NURSE).held(work.reservation_id) is None
    log.decide(work.reserved())
    assert log.book.desk(NURSE).held(work.reservation_id).sealed == SEALED
    log.decide(work.connecting())
    assert log.book.desk(NURSE).held(work.reservation_id).sealed == SEALED
    log.decide(work.canceled())
    assert log.book.desk(NURSE).held(work.reservation_id) is None


def test_since_returns_what_came_after_a_position(log: Log) -> None:
    first = log.decide(changed(1), changed(2))
    second_ = log.decide(changed(3))
    told = [(at, change) for _, at, change in [*first, *second_]]
    assert log.book.since(NURSE, 0) == told
    assert log.book.since(NURSE, first[0][1]) == told[1:]
    assert log.book.since(NURSE, second_[0][1]) == []


def test_since_knows_what_it_does_not_know() -> None:
    log = Log(DeskBook(changes_max=2))
    places = [log.decide(changed(version))[0][1] for version in range(1, 5)]
    assert log.book.since(NURSE, places[0]) is None
    assert [at for at, _ in log.book.since(NURSE, places[1])] == places[2:]
    assert log.book.since(NURSE, places[3] + 1) is None
    assert log.book.since(OTHER, 0) == []
    assert log.book.since(OTHER, 5) is None


def test_a_restored_desk_goes_on_from_its_position(log: Log) -> None:
    work = Work()
    log.decide(work.reserved())
    book = DeskBook()
    book.begin([log.book.desk(NURSE)])
    later = Log(book)
    later.offset = log.offset
    ((_, at, _),) = later.decide(work.more_urgent())
    assert book.since(NURSE, 0) is None
    assert [place for place, _ in book.since(NURSE, position(1, 0))] == [at]
    assert book.desk(NURSE).offer.view.urgency is Urgency.EMERGENT


def test_repr_shows_no_sealed_data(log: Log) -> None:
    log.decide(Work().reserved())
    assert SEALED.box not in repr(log.book.desk(NURSE))


def test_deadlines_that_move_are_told_as_an_offer_or_as_a_call(log: Log) -> None:
    work = Work()
    log.decide(work.reserved())
    (offer,) = frames(log.decide(work.extended(60), Work(2).extended()))
    assert (offer.type, offer.offer.deadline) == ("offer", second(60))
    assert log.book.desk(NURSE).offer.view.deadline == second(60)
    log.decide(work.connecting())
    (call,) = frames(log.decide(work.extended(70)))
    assert (call.state, call.deadline, call.since) == ("connecting", second(70), second(3))
    assert log.book.desk(NURSE).call.view.deadline == second(70)


def test_one_decision_moves_the_deadlines_of_many_desks_at_one_position(log: Log) -> None:
    mine, theirs = Work(1), Work(2, OTHER)
    log.decide(mine.reserved(), theirs.reserved())
    both = mine.extended().model_copy(
        update={"reservations": mine.extended().reservations + theirs.extended().reservations}
    )
    assert [(agent, at) for agent, at, _ in log.decide(both)] == [(NURSE, position(2, 0)), (OTHER, position(2, 0))]


def test_work_that_is_given_up_leaves_the_desk(log: Log) -> None:
    work = Work()
    log.decide(work.reserved())
    (withdrawn,) = frames(log.decide(work.reset()))
    assert (withdrawn.type, withdrawn.reason) == ("offer.withdrawn", "rescinded")
    log.decide(work.reserved(), work.connecting())
    (ended,) = frames(log.decide(work.reset()))
    assert (ended.state, ended.reason) == ("ended", "reset")
    assert log.book.desk(NURSE) == Desk(NURSE, position=position(4, 0))
    assert log.decide(work.reset()) == []


def test_a_book_that_begins_anew_knows_what_it_is_given_and_nothing_else(log: Log) -> None:
    log.decide(Work().reserved(), Work(2, OTHER).reserved())
    log.book.begin([Desk(OTHER, position=7)])
    assert (log.book.desk(NURSE), log.book.desk(OTHER)) == (Desk(NURSE), Desk(OTHER, position=7))
    assert log.decide(Work().more_urgent()) == []
    assert log.book.since(OTHER, 6) is None
    assert log.book.since(OTHER, 7) == []
