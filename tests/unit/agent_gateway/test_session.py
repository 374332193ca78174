import json
from typing import Any

import pytest

from agent_gateway.desk import DeskBook
from agent_gateway.session import Session, SessionLimits
from schemas.agents import HangUpRequested, OfferAccepted, OfferRejected, StatusSet, WrapUpDone
from schemas.decisions import position
from schemas.gateway_frames import CloseCode, ErrorFrame, OfferFrame, OfferWithdrawn, SnapshotFrame, StatusChanged
from schemas.routing import AgentStatus, Disposition
from tests.unit.agent_gateway.examples import NURSE, Log, Work, changed, session_id


@pytest.fixture
def log() -> Log:
    return Log(DeskBook())


def say(session: Session, type_: str, *, now: float = 0.0, **fields: Any) -> None:
    session.receive(json.dumps({"type": type_, **fields}), now=now)


def greeted(log: Log, n: int = 1, **limits: Any) -> Session:
    session = log.open(n, limits=SessionLimits(**limits))
    say(session, "hello")
    session.frames()
    return session


def types(session: Session) -> list[str]:
    return [frame.type for frame in session.frames()]


def error_code(session: Session) -> str:
    (frame,) = session.frames()
    assert isinstance(frame, ErrorFrame)
    return frame.code


class TestHello:
    def test_is_answered_with_welcome_and_snapshot(self, log: Log) -> None:
        log.decide(changed(1), Work().reserved())
        session = log.open()
        assert not session.greeted
        say(session, "hello")
        welcome, snapshot = session.frames()
        assert (welcome.session, welcome.agent_id, welcome.name, welcome.ping_s) == (
            session.session_id, NURSE, "Nurse One", 20.0,
        )  # fmt: skip
        assert isinstance(snapshot, SnapshotFrame)
        assert snapshot.seq == position(1, 1)
        assert snapshot.offer.screen_pop == {"opened_for": "contact-1"}
        assert session.greeted

    def test_shows_the_call_in_hand(self, log: Log) -> None:
        work = Work()
        log.decide(work.reserved(), work.connecting())
        session = log.open()
        say(session, "hello")
        _, snapshot = session.frames()
        assert snapshot.offer is None
        assert snapshot.call.state == "connecting"
        assert snapshot.call.screen_pop == {"opened_for": "contact-1"}

    def test_comes_first(self, log: Log) -> None:
        session = log.open()
        say(session, "status.set", status="available")
        assert error_code(session) == "hello_first"
        assert session.facts() == []

    def test_comes_once(self, log: Log) -> None:
        session = greeted(log)
        say(session, "hello")
        assert error_code(session) == "malformed"

    def test_is_awaited_for_hello_s(self, log: Log) -> None:
        session = log.open(limits=SessionLimits(hello_s=10))
        session.beat(9.9)
        assert session.close_requested is None
        session.beat(10.0)
        assert session.close_requested.code == CloseCode.NO_HELLO

    def test_of_an_older_session_finds_that_it_was_replaced(self, log: Log) -> None:
        log.decide(changed(session=2))
        session = log.open(1)
        say(session, "hello")
        assert error_code(session) == "replaced"
        assert session.close_requested.code == CloseCode.REPLACED
        assert not session.greeted

    def test_of_the_session_that_counts_is_welcome(self, log: Log) -> None:
        log.decide(changed(session=1))
        session = log.open(1)
        say(session, "hello")
        assert types(session) == ["welcome", "snapshot"]


class TestResume:
    def test_replays_what_was_missed(self, log: Log) -> None:
        work = Work()
        ((_, seen, _),) = log.decide(work.reserved())
        log.decide(work.lapsed())
        session = log.open()
        say(session, "hello", resume={"session": "before", "seq": seen})
        _, withdrawn, resumed = session.frames()
        assert isinstance(withdrawn, OfferWithdrawn)
        assert resumed.seq == withdrawn.seq

    def test_opens_no_screen_pop_of_what_is_over(self, log: Log) -> None:
        work = Work()
        log.decide(work.reserved(), work.lapsed())
        session = log.open()
        say(session, "hello", resume={"session": "before", "seq": 0})
        _, offer, _, _ = session.frames()
        assert isinstance(offer, OfferFrame)
        assert offer.offer.screen_pop == {}

    def test_falls_back_to_a_snapshot_when_it_was_too_long_ago(self) -> None:
        log = Log(DeskBook(changes_max=1))
        log.decide(changed(1), changed(2))
        session = log.open()
        say(session, "hello", resume={"session": "before", "seq": 0})
        assert types(session) == ["welcome", "snapshot"]

    def test_falls_back_to_a_snapshot_when_the_replay_would_not_fit(self, log: Log) -> None:
        log.decide(*(changed(version) for version in range(1, 6)))
        session = log.open(limits=SessionLimits(unsent_frames_max=6))
        say(session, "hello", resume={"session": "before", "seq": 0})
        assert types(session) == ["welcome", "snapshot"]

    def test_ahead_of_this_log_is_a_snapshot_and_everything_after_it(self, log: Log) -> None:
        log.decide(changed(1))
        session = log.open()
        say(session, "hello", resume={"session": "before", "seq": position(9, 0)})
        log.decide(changed(2))
        assert types(session) == ["welcome", "snapshot", "status.changed"]


class TestDecided:
    def test_frames_carry_the_position(self, log: Log) -> None:
        session = greeted(log)
        ((_, at, _),) = log.decide(changed(1))
        (frame,) = session.frames()
        assert isinstance(frame, StatusChanged)
        assert frame.seq == at

    def test_nothing_is_told_before_hello(self, log: Log) -> None:
        session = log.open()
        log.decide(changed(1))
        assert session.frames() == []

    def test_what_is_known_is_not_repeated(self, log: Log) -> None:
        ((_, at, change),) = log.decide(changed(1))
        session = greeted(log)
        session.decided(at, change)
        assert session.frames() == []

    def test_a_later_session_replaces_this_one(self, log: Log) -> None:
        session = greeted(log, 1)
        log.decide(changed(1, session=1))
        assert types(session) == ["status.changed"]
        log.decide(changed(1, session=2))
        assert error_code(session) == "replaced"
        assert session.close_requested.code == CloseCode.REPLACED
        log.decide(changed(2, session=3))
        say(session, "status.set", status="break")
        assert (session.frames(), session.facts(), session.vouchable) == ([], [], False)

    def test_an_earlier_session_does_not(self, log: Log) -> None:
        session = greeted(log, 2)
        log.decide(changed(1, session=1))
        log.decide(changed(1, session=None))
        assert session.close_requested is None

    def test_frames_are_drained_one_by_one(self, log: Log) -> None:
        session = greeted(log)
        log.decide(changed(1), changed(2))
        assert session.unsent == 2
        assert [session.next_frame().status.version, session.next_frame().status.version] == [1, 2]
        assert session.next_frame() is None


class TestFacts:
    def test_a_status_is_declared(self, log: Log) -> None:
        session = greeted(log)
        say(session, "status.set", status="break", reason="lunch")
        assert session.facts() == [StatusSet(agent_id=NURSE, status=AgentStatus.BREAK, reason="lunch")]
        assert session.facts() == []
        assert session.frames() == []

    def test_an_offer_is_accepted_as_a_fact_only(self, log: Log) -> None:
        session, work = greeted(log), Work()
        log.decide(work.reserved())
        assert types(session) == ["offer"]
        say(session, "offer.accept", reservation_id=work.reservation_id)
        assert session.facts() == [OfferAccepted(agent_id=NURSE, reservation_id=work.reservation_id)]
        assert session.frames() == []

    def test_a_repeated_accept_is_harmless(self, log: Log) -> None:
        session, work = greeted(log), Work()
        log.decide(work.reserved())
        say(session, "offer.accept", reservation_id=work.reservation_id)
        log.decide(work.connecting())
        session.frames(), session.facts()
        say(session, "offer.accept", reservation_id=work.reservation_id)
        assert (session.frames(), session.facts()) == ([], [])

    def test_an_offer_is_rejected(self, log: Log) -> None:
        session, work = greeted(log), Work()
        log.decide(work.reserved())
        say(session, "offer.reject", reservation_id=work.reservation_id, reason="conflict")
        assert session.facts() == [OfferRejected(agent_id=NURSE, reservation_id=work.reservation_id, reason="conflict")]

    @pytest.mark.parametrize("type_", ["offer.accept", "offer.reject"])
    def test_another_offer_is_not_theirs(self, log: Log, type_: str) -> None:
        session = greeted(log)
        say(session, type_, reservation_id="reservation-1")
        assert error_code(session) == "not_yours"
        log.decide(Work(2).reserved())
        session.frames()
        say(session, type_, reservation_id="reservation-1")
        assert error_code(session) == "not_yours"
        assert session.facts() == []

    def test_an_offer_of_another_agent_is_not_theirs(self, log: Log) -> None:
        session = greeted(log)
        log.decide(Work(1, "nurse-2").reserved())
        say(session, "offer.accept", reservation_id="reservation-1")
        assert error_code(session) == "not_yours"

    def test_a_call_is_hung_up_until_it_is_over(self, log: Log) -> None:
        session, work = greeted(log), Work()
        log.decide(work.reserved(), work.connecting())
        say(session, "call.hang_up", contact_id="contact-1")
        assert session.facts() == [HangUpRequested(agent_id=NURSE, contact_id="contact-1")]
        log.decide(work.connected(), work.wrapping())
        session.frames()
        say(session, "call.hang_up", contact_id="contact-1")
        assert error_code(session) == "not_yours"

    @pytest.mark.parametrize("contact", ["contact-1", "contact-2"])
    def test_another_call_is_not_theirs(self, log: Log, contact: str) -> None:
        session, work = greeted(log), Work(2)
        if contact == "contact-1":
            log.decide(work.reserved(), work.connecting())
        session.frames()
        say(session, "call.hang_up", contact_id=contact)
        assert error_code(session) == "not_yours"

    def test_wrap_up_is_done_in_wrap_up(self, log: Log) -> None:
        session, work = greeted(log), Work()
        log.decide(work.reserved(), work.connecting(), work.connected())
        session.frames()
        say(session, "wrap_up.done", item_id="item-1", disposition="resolved")
        assert error_code(session) == "not_yours"
        log.decide(work.wrapping())
        session.frames()
        say(session, "wrap_up.done", item_id="item-2", disposition="resolved")
        assert error_code(session) == "not_yours"
        say(session, "wrap_up.done", item_id="item-1", disposition="resolved")
        assert session.facts() == [WrapUpDone(agent_id=NURSE, item_id="item-1", disposition=Disposition.RESOLVED)]

    def test_wrap_up_without_a_call_is_not_theirs(self, log: Log) -> None:
        session = greeted(log)
        say(session, "wrap_up.done", item_id="item-1", disposition="resolved")
        assert error_code(session) == "not_yours"

    def test_what_the_bus_did_not_take_is_said(self, log: Log) -> None:
        session = greeted(log)
        session.unavailable()
        assert error_code(session) == "unavailable"
        assert session.close_requested is None


class TestBadInput:
    @pytest.mark.parametrize(
        ("text", "code"),
        [("nonsense", "malformed"), ('{"type":"call.teleport"}', "unknown_type"), (b"{}", "malformed")],
    )
    def test_is_refused_and_the_session_lives(self, log: Log, text: str | bytes, code: str) -> None:
        session = greeted(log)
        session.receive(text, now=0.0)
        assert error_code(session) == code
        say(session, "status.set", status="available")
        assert len(session.facts()) == 1

    @pytest.mark.parametrize("text", ["x" * 101, b"x" * 101, "é" * 51])
    def test_too_big_closes(self, log: Log, text: str | bytes) -> None:
        session = greeted(log, frame_bytes_max=100)
        session.receive(text, now=0.0)
        assert session.close_requested.code == CloseCode.TOO_BIG

    def test_too_many_frames_are_told_and_then_closed(self, log: Log) -> None:
        session = greeted(log, frames_per_s_max=10.0, frames_burst_max=3)
        say(session, "pong")
        say(session, "pong")
        assert session.frames() == []
        say(session, "pong", now=0.09)
        assert error_code(session) == "overloaded"
        assert session.close_requested.code == CloseCode.OVERLOADED

    def test_the_allowance_grows_back_up_to_the_burst(self, log: Log) -> None:
        session = greeted(log, frames_per_s_max=8.0, frames_burst_max=3)
        for now in (100.0, 100.0, 100.0, 100.125):
            say(session, "pong", now=now)
        assert session.close_requested is None
        say(session, "pong", now=100.125)
        assert session.close_requested is not None


class TestLife:
    def test_a_quiet_desktop_is_pinged_and_vouched_for_while_it_answers(self, log: Log) -> None:
        session = greeted(log)
        session.beat(19.0)
        assert session.frames() == []
        session.beat(20.0)
        assert types(session) == ["ping"]
        assert not session.vouchable
        say(session, "pong")
        assert session.vouchable

    def test_two_pings_without_pong_close(self, log: Log) -> None:
        session = greeted(log)
        for now in (20.0, 40.0, 60.0):
            assert session.close_requested is None
            session.beat(now)
        assert session.close_requested.code == CloseCode.SILENT

    def test_nobody_vouches_for_a_desktop_that_has_not_said_hello(self, log: Log) -> None:
        assert not log.open().vouchable

    def test_a_restart_closes_after_what_is_unsent(self, log: Log) -> None:
        session = greeted(log)
        log.decide(changed(1))
        session.restart()
        assert types(session) == ["status.changed"]
        assert session.close_requested == (CloseCode.RESTARTING, "restarting")

    def test_the_first_reason_to_close_stands(self, log: Log) -> None:
        session = greeted(log)
        session.restart()
        log.decide(changed(1, session=2))
        assert session.close_requested.code == CloseCode.RESTARTING

    def test_a_desktop_that_does_not_read_is_closed(self, log: Log) -> None:
        session = greeted(log, unsent_frames_max=3)
        for version in range(1, 4):
            log.decide(changed(version))
        assert session.close_requested is None
        log.decide(changed(4))
        assert session.close_requested.code == CloseCode.TOO_SLOW
        assert session.frames() == []

    def test_a_session_knows_whose_it_is(self, log: Log) -> None:
        session = log.open(4)
        assert (session.session_id, session.agent_id) == (session_id(4), NURSE)
