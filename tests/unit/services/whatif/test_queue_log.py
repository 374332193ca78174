from collections.abc import Iterable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.whatif import queue_log
from services.whatif.queue_log import NO_ENTRY, NO_TIME, NOT_A_LINE, OTHER_EVENTS, RESTARTS, TWICE, read_queue_log
from services.whatif.records import AgentChange, Call, Change, Left, Record
from services.whatif.tally import Tally
from tests.unit.services.whatif.examples import KEYS, NINE, QUEUE_LOG, T0

ENTER = f"{T0}|7.1|triage|NONE|ENTERQUEUE||15005550101|3"
CONNECT = f"{T0 + 20}|7.1|triage|Ann|CONNECT|20|7.2|5"


def read(*lines: str) -> tuple[list[Record], Tally]:
    tally = Tally()
    return list(read_queue_log(lines, keys=KEYS, tally=tally)), tally


def only(*lines: str) -> Call:
    records, tally = read(*lines)
    assert tally.bad == {}
    (one,) = records
    assert isinstance(one, Call)
    return one


def test_a_call_is_told_from_its_entry_to_its_end() -> None:
    assert only(ENTER, CONNECT, f"{T0 + 80}|7.1|triage|Ann|COMPLETEAGENT|20|60|3") == Call(
        arrived_at=NINE,
        queue="triage",
        caller=KEYS.of("15005550101"),
        waited_s=20,
        answered_by="Ann",
        talked_s=60,
        left=Left.ANSWERED,
        position=3,
        ring_no_answers=0,
    )


ANSWERED = [
    ("COMPLETECALLER|20|60|3", Left.ANSWERED),
    ("COMPLETECALLER|20|60", Left.ANSWERED),  # 1.2
    ("COMPLETEAGENT||", Left.ANSWERED),  # nothing told: the stamps do
    ("TRANSFER|600|internal", Left.TRANSFERRED),  # 1.2
    ("TRANSFER|600|internal|20|60", Left.TRANSFERRED),  # 1.4
    ("TRANSFER|600|internal|20|60|3", Left.TRANSFERRED),  # 1.6 to 11
    ("BLINDTRANSFER|600|internal|20|60|3", Left.TRANSFERRED),
    ("ATTENDEDTRANSFER|BRIDGE|chan|20|60|3", Left.TRANSFERRED),
    ("ATTENDEDTRANSFER|LINK|chan1|chan2|20|60|3", Left.TRANSFERRED),
]


@pytest.mark.parametrize(("event", "left"), ANSWERED)
@pytest.mark.parametrize("connected", [True, False])
def test_ends_of_an_answered_call_in_every_version(event: str, left: Left, connected: bool) -> None:
    lines = [ENTER, *([CONNECT] if connected else []), f"{T0 + 80}|7.1|triage|Ann|{event}"]
    one = only(*lines)
    assert (one.left, one.answered_by) == (left, "Ann")
    if connected or "20" in event:
        assert (one.waited_s, one.talked_s) == (20, 60)


UNANSWERED = [
    ("ABANDON|1|3|45", Left.ABANDONED),
    ("EXITWITHTIMEOUT|1", Left.TIMED_OUT),  # before 1.6
    ("EXITWITHTIMEOUT|1|3|45", Left.TIMED_OUT),
    ("EXITWITHKEY|1|2", Left.OPTED_OUT),  # before 1.6
    ("EXITWITHKEY|1|2|3|45", Left.OPTED_OUT),
    ("EXITEMPTY|2|3|45", Left.TURNED_AWAY),
]


@pytest.mark.parametrize(("event", "left"), UNANSWERED)
def test_ends_of_a_wait_in_every_version(event: str, left: Left) -> None:
    one = only(ENTER, f"{T0 + 45}|7.1|triage|NONE|{event}")
    assert (one.left, one.waited_s, one.answered_by, one.talked_s, one.position) == (left, 45, None, None, 3)


def test_an_old_log_tells_the_position_at_the_end() -> None:
    old = f"{T0}|7.1|triage|NONE|ENTERQUEUE||15005550101"
    assert only(old, f"{T0 + 45}|7.1|triage|NONE|ABANDON|1|4|45").position == 4


def test_a_version_that_tells_no_position_at_all() -> None:
    old = f"{T0}|7.1|triage|NONE|ENTERQUEUE||15005550101"
    assert only(old, f"{T0 + 45}|7.1|triage|NONE|EXITWITHTIMEOUT|1").position is None


def test_a_caller_who_hangs_up_while_an_agent_answers_has_abandoned() -> None:
    one = only(ENTER, f"{T0 + 9}|7.1|triage|Ann|ABANDON|1|1|9")
    assert (one.left, one.answered) == (Left.ABANDONED, False)


@pytest.mark.parametrize("event", ["AGENTDUMP", "SYSCOMPAT"])
def test_a_call_that_fails_at_the_agent_is_dropped(event: str) -> None:
    one = only(ENTER, f"{T0 + 9}|7.1|triage|Ann|{event}|")
    assert (one.left, one.waited_s, one.talked_s, one.answered) == (Left.DROPPED, 9, 0, True)


def test_a_call_that_fails_after_it_was_connected_waited_until_then() -> None:
    one = only(ENTER, CONNECT, f"{T0 + 25}|7.1|triage|Ann|SYSCOMPAT|")
    assert (one.left, one.waited_s, one.talked_s) == (Left.DROPPED, 20, 0)


def test_offers_that_nobody_picked_up_are_counted() -> None:
    ring = f"{T0 + 9}|7.1|triage|Bob|RINGNOANSWER|9000"
    assert only(ENTER, ring, ring, CONNECT, f"{T0 + 80}|7.1|triage|Ann|COMPLETEAGENT|20|60|3").ring_no_answers == 2


def test_a_transfer_that_is_written_after_the_entry_it_caused() -> None:
    again = f"{T0 + 80}|7.1|billing|NONE|ENTERQUEUE||15005550101|1"
    late = f"{T0 + 80}|7.1|triage|Ann|BLINDTRANSFER|600|internal|20|60|3"
    records, tally = read(ENTER, CONNECT, again, late, f"{T0 + 95}|7.1|billing|NONE|ABANDON|1|1|15")
    told = [(one.queue, one.left, one.talked_s, one.continues) for one in records if isinstance(one, Call)]
    assert told == [("triage", Left.TRANSFERRED, 60, False), ("billing", Left.ABANDONED, None, True)]
    assert tally.bad[NO_ENTRY].lines == [4]


def test_a_call_that_moves_on_continues() -> None:
    records, _ = read(*QUEUE_LOG.splitlines())
    calls = [one for one in records if isinstance(one, Call)]
    told = [(one.queue, one.left, one.continues) for one in calls]
    assert told == [
        ("triage", Left.ABANDONED, False),
        ("triage", Left.ANSWERED, False),
        ("triage", Left.TRANSFERRED, False),
        ("billing", Left.ANSWERED, True),
        ("billing", Left.TIMED_OUT, False),
    ]
    assert calls[0].caller == calls[2].caller == calls[3].caller
    assert calls[4].caller is None


ATTENDANCE = [
    ("ADDMEMBER", Change.SIGNED_IN), ("REMOVEMEMBER", Change.SIGNED_OUT), ("AGENTLOGIN", Change.SIGNED_IN),
    ("AGENTCALLBACKLOGIN", Change.SIGNED_IN), ("AGENTLOGOFF", Change.SIGNED_OUT),
    ("AGENTCALLBACKLOGOFF", Change.SIGNED_OUT), ("PAUSE", Change.PAUSED), ("PAUSEALL", Change.PAUSED),
    ("UNPAUSE", Change.UNPAUSED), ("UNPAUSEALL", Change.UNPAUSED),
]  # fmt: skip


@pytest.mark.parametrize(("event", "change"), ATTENDANCE)
@pytest.mark.parametrize(("field", "queue"), [("triage", "triage"), ("NONE", None)])
def test_attendance(event: str, change: Change, field: str, queue: str | None) -> None:
    records, tally = read(f"{T0}|NONE|{field}|Ann|{event}|lunch")
    assert records == [AgentChange(NINE, "Ann", change, queue)]
    assert tally.bad == {}


def test_a_restart_ends_the_calls_of_that_moment() -> None:
    records, tally = read(ENTER, f"{T0 + 60}|NONE|NONE|NONE|QUEUESTART|")
    assert [(one.left, one.waited_s) for one in records if isinstance(one, Call)] == [(Left.UNFINISHED, 60)]
    assert tally.passed[RESTARTS].lines == [2]


def test_the_end_of_the_file_leaves_calls_unfinished() -> None:
    waiting, talking = read(ENTER, ENTER.replace("7.1", "8.1"), CONNECT.replace("7.1", "8.1"))[0]
    assert isinstance(waiting, Call)
    assert isinstance(talking, Call)
    assert (waiting.left, waiting.waited_s, waiting.answered) == (Left.UNFINISHED, 20, False)
    assert (talking.left, talking.waited_s, talking.talked_s, talking.answered) == (Left.UNFINISHED, 20, None, True)


BAD = [
    (("not a line",), NOT_A_LINE),
    (("soon|7.1|triage|NONE|ENTERQUEUE||15005550101|1",), NO_TIME),
    (("nan|7.1|triage|NONE|ENTERQUEUE||15005550101|1",), NO_TIME),
    (("12|7.1|triage|NONE|ENTERQUEUE||15005550101|1",), NO_TIME),
    ((CONNECT,), NO_ENTRY),
    ((f"{T0}|7.1|triage|Ann|COMPLETEAGENT|1|2|3",), NO_ENTRY),
    ((f"{T0}|7.1|triage|Ann|AGENTDUMP|",), NO_ENTRY),
    ((f"{T0}|7.1|triage|NONE|ABANDON|1|1|3",), NO_ENTRY),
    ((f"{T0}|NONE|triage|NONE|ADDMEMBER|",), NOT_A_LINE),
    ((ENTER, ENTER), TWICE),
]


@pytest.mark.parametrize(("lines", "reason"), BAD)
def test_a_bad_line_is_counted_with_its_reason_and_number(lines: tuple[str, ...], reason: str) -> None:
    tally = read(*lines)[1]
    assert {why: found.lines for why, found in tally.bad.items()} == {reason: [len(lines)]}


def test_an_end_that_comes_twice_counts_once() -> None:
    end = f"{T0 + 80}|7.1|triage|Ann|COMPLETEAGENT|20|60|3"
    records, tally = read(ENTER, CONNECT, end, end)
    assert len(records) == 1
    assert tally.bad_lines == 1


def test_other_events_and_blank_lines_are_passed_over() -> None:
    records, tally = read("", f"{T0}|NONE|NONE|NONE|CONFIGRELOAD|", f"{T0}|7.1|triage|NONE|DID|15005550100", "  ")
    assert records == []
    assert tally.bad == {}
    assert tally.passed[OTHER_EVENTS].count == 2
    assert tally.read == 4


def test_a_clock_that_is_set_back_makes_no_negative_wait() -> None:
    assert only(ENTER, f"{T0 - 50}|7.1|triage|NONE|EXITWITHTIMEOUT|1").waited_s == 0


def test_stamps_with_fractions_of_a_second() -> None:
    one = only(ENTER.replace(str(T0), f"{T0}.25"), f"{T0 + 45}|7.1|triage|NONE|EXITWITHTIMEOUT|1")
    assert one.arrived_at == NINE + timedelta(seconds=0.25)
    assert one.waited_s == 44.75


def test_an_offer_to_a_call_that_has_left_is_nothing() -> None:
    records, tally = read(f"{T0}|7.1|triage|Bob|RINGNOANSWER|9000")
    assert (records, tally.bad) == ([], {})


def test_an_agent_may_be_unnamed() -> None:
    one = only(ENTER, CONNECT.replace("Ann", "NONE"), f"{T0 + 80}|7.1|triage|NONE|COMPLETEAGENT|20|60|3")
    assert (one.answered, one.answered_by, one.talked_s) == (True, None, 60)


def test_calls_that_moved_on_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_log, "OPEN_CALLS_MAX", 1)
    out = f"{T0 + 9}|7.1|triage|NONE|EXITWITHTIMEOUT|1|1|9"
    other = ENTER.replace("7.1", "8.1"), out.replace("7.1", "8.1")
    records, _ = read(ENTER, out, *other, ENTER, out)
    assert [one.continues for one in records if isinstance(one, Call)] == [False, False, False]
    records, _ = read(*other, ENTER, out, ENTER, out)
    assert [one.continues for one in records if isinstance(one, Call)] == [False, False, True]


def test_calls_without_an_end_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_log, "OPEN_CALLS_MAX", 3)
    entries = [f"{T0 + place}|{place}.1|triage|NONE|ENTERQUEUE||15005550101|1" for place in range(5)]
    stream = read_queue_log(entries, keys=KEYS, tally=Tally())
    first = next(stream)
    assert isinstance(first, Call)
    assert (first.left, first.waited_s) == (Left.UNFINISHED, 3)


words = st.sampled_from(
    [*queue_log._EVENTS, "NONE", "7.1", "triage", "Ann", "", "-1", "1e400", "٣", str(T0), str(T0 + 5)]
)
lines = st.lists(st.text() | st.lists(words | st.text(max_size=5), max_size=11).map("|".join), max_size=30)
plausible = st.lists(
    st.builds(
        lambda after, call, agent, event, data: f"{T0 + after}|{call}|triage|{agent}|{event}|{'|'.join(data)}",
        st.integers(-5, 500), st.sampled_from("ab"), st.sampled_from(["Ann", "NONE"]),
        st.sampled_from(list(queue_log._EVENTS)),
        st.lists(st.sampled_from(["", "1", "20", "-3", "99999999", "x"]), max_size=6),
    ),
    max_size=40,
)  # fmt: skip


@given(lines | plausible)
def test_any_text_gives_sound_records(text: Iterable[str]) -> None:
    for one in read(*text)[0]:
        if isinstance(one, Call):
            assert 0 <= one.waited_s <= 86400
            assert one.talked_s is None or 0 <= one.talked_s <= 86400
            assert one.arrived_at.utcoffset() == timedelta(0)
            assert one.answered_by != "NONE"
