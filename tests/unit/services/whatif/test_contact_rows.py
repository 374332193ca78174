from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from schemas.errors import ConfigurationError
from services.whatif import contact_rows
from services.whatif.columns import Header
from services.whatif.contact_rows import read_contact_rows
from services.whatif.records import Call, Left
from services.whatif.tally import Tally
from tests.unit.services.whatif.examples import KEYS, NINE

STREAMED = (
    "ContactId,Channel,InitiationMethod,InitiationTimestamp,Queue.Name,Queue.EnqueueTimestamp,Queue.DequeueTimestamp,"
    "Agent.Username,Agent.ConnectedToAgentTimestamp,Agent.AfterContactWorkDuration,CustomerEndpoint.Address,"
    "DisconnectTimestamp,TransferCompletedTimestamp,AgentConnectionAttempts"
)
LAKE = (
    "contact_id,channel,initiation_method,initiation_timestamp,queue_name,queue_enqueue_timestamp,"
    "queue_dequeue_timestamp,agent_username,agent_connected_to_agent_timestamp,agent_after_contact_work_duration_ms,"
    "customer_endpoint_address,disconnect_timestamp,transfer_completed_timestamp,agent_connection_attempts"
)
CONNECT_ROW = (
    "c1,VOICE,INBOUND,2026-03-02T08:59:00Z,triage,2026-03-02T09:00:00Z,2026-03-02T09:00:15Z,ann,2026-03-02T09:00:20Z,"
    "{wrap_up},+15005550101,2026-03-02T09:02:20Z,{moved},3"
)
GENERIC = "arrived_at,queue,caller,answered_at,answered_by,ended_at"


def read(text: str, zone: ZoneInfo | None = None) -> tuple[list[Call], Tally]:
    first, *lines = text.splitlines(keepends=True)
    tally = Tally()
    return list(read_contact_rows(lines, Header.of(first), zone=zone, keys=KEYS, tally=tally)), tally


def only(text: str) -> Call:
    calls, tally = read(text)
    assert tally.bad == {}
    (one,) = calls
    return one


@pytest.mark.parametrize(("header", "wrap_up"), [(STREAMED, "12"), (LAKE, "12000")])
def test_both_spellings_of_connects_records(header: str, wrap_up: str) -> None:
    assert only(f"{header}\n{CONNECT_ROW.format(wrap_up=wrap_up, moved='')}\n") == Call(
        arrived_at=NINE,
        queue="triage",
        caller=KEYS.of("+15005550101"),
        waited_s=20,
        answered_by="ann",
        talked_s=120,
        left=Left.ANSWERED,
        position=None,
        ring_no_answers=2,
        wrap_up_s=12,
    )


def test_a_record_that_was_transferred() -> None:
    moved = CONNECT_ROW.format(wrap_up="", moved="2026-03-02T09:02:20Z")
    assert only(f"{STREAMED}\n{moved}\n").left is Left.TRANSFERRED
    assert only(f"{STREAMED}\n{moved.replace('INBOUND', 'QUEUE_TRANSFER')}\n").continues


def test_a_record_nobody_answered_waited_until_it_left_the_queue() -> None:
    start = "c1,VOICE,INBOUND,2026-03-02T08:59:00Z,triage,2026-03-02T09:00:00Z,"
    row = start + "{dequeued},,,,,2026-03-02T09:01:40Z,{moved},2"
    one = only(f"{STREAMED}\n{row.format(dequeued='2026-03-02T09:01:30Z', moved='')}\n")
    assert (one.left, one.waited_s, one.ring_no_answers) == (Left.ABANDONED, 90, 2)
    assert only(f"{STREAMED}\n{row.format(dequeued='', moved='')}\n").waited_s == 100
    assert only(f"{STREAMED}\n{row.format(dequeued='', moved='2026-03-02T09:01:40Z')}\n").left is Left.TIMED_OUT


PASSED = [
    ("c1,CHAT,INBOUND,2026-03-02T08:59:00Z,triage,2026-03-02T09:00:00Z", contact_rows.OTHER_CHANNEL),
    ("c1,VOICE,OUTBOUND,2026-03-02T08:59:00Z,triage,2026-03-02T09:00:00Z", contact_rows.NOT_INBOUND),
    ("c1,VOICE,INBOUND,2026-03-02T08:59:00Z,,", contact_rows.NEVER_QUEUED),
]


@pytest.mark.parametrize(("row", "kind"), PASSED)
def test_contacts_that_are_none_of_ours(row: str, kind: str) -> None:
    calls, tally = read(f"{STREAMED}\n{row}\n")
    assert (calls, tally.bad) == ([], {})
    assert tally.passed[kind].lines == [2]


def test_a_record_that_comes_again_counts_once() -> None:
    row = CONNECT_ROW.format(wrap_up="", moved="")
    calls, tally = read(f"{STREAMED}\n{row}\n{row}\n{row.replace('c1', 'c2')}\n")
    assert len(calls) == 2
    assert tally.passed[contact_rows.REPEATED].lines == [3]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_generic_table(delimiter: str) -> None:
    table = f"{GENERIC}\n2026-03-02T09:00:00Z,triage,15005550101,2026-03-02T09:00:20Z,Ann,2026-03-02T09:01:20Z\n"
    one = only(table.replace(",", delimiter))
    assert (one.queue, one.waited_s, one.talked_s, one.answered_by) == ("triage", 20, 60, "Ann")
    assert (one.left, one.caller) == (Left.ANSWERED, KEYS.of("15005550101"))


def test_an_answered_call_without_an_end_is_unfinished() -> None:
    one = only(f"{GENERIC}\n2026-03-02T09:00:00Z,triage,,2026-03-02T09:00:20Z,Ann,\n")
    assert (one.left, one.talked_s, one.caller) == (Left.UNFINISHED, None, None)


STATUSES = [
    ("ANSWERED", "Ann", Left.ANSWERED), ("completed", "Ann", Left.ANSWERED), ("transferred", "Ann", Left.TRANSFERRED),
    ("", "Ann", Left.ANSWERED), ("", "", Left.ABANDONED), ("NO ANSWER", "Ann", Left.ABANDONED),
    ("abandoned", "", Left.ABANDONED), ("timed out", "", Left.TIMED_OUT), ("Voicemail", "", Left.OPTED_OUT),
    ("call-back requested", "", Left.OPTED_OUT), ("BUSY", "", Left.TURNED_AWAY), ("overflow", "", Left.TIMED_OUT),
]  # fmt: skip


@pytest.mark.parametrize(("status", "agent", "left"), STATUSES)
def test_durations_and_a_status_in_the_place_of_instants(status: str, agent: str, left: Left) -> None:
    one = only(f"time,status,wait_s,talk_s,wrap_up_s,answered_by\n2026-03-02T09:00:00Z,{status},16,68,5,{agent}\n")
    reached = left in {Left.ANSWERED, Left.TRANSFERRED}
    assert (one.left, one.waited_s, one.queue) == (left, 16, "all")
    assert (one.talked_s, one.wrap_up_s, one.answered_by) == ((68, 5, "Ann") if reached else (None, None, None))


def test_talk_is_what_the_wait_leaves_of_the_call() -> None:
    one = only("arrived_at,wait_s,answered_by,ended_at\n2026-03-02T09:00:00Z,20,Ann,2026-03-02T09:01:30Z\n")
    assert (one.waited_s, one.talked_s) == (20, 70)


def test_ring_no_answers_that_are_told_as_such() -> None:
    assert only("arrived_at,wait_s,answered_by,ring_no_answers\n2026-03-02T09:00:00Z,20,Ann,2\n").ring_no_answers == 2


BAD = [
    ("soon,triage,,,,", contact_rows.NO_ARRIVAL),
    (",triage,,,,2026-03-02T09:01:20Z", contact_rows.NO_ARRIVAL),
    ("2026-03-02T09:00:00Z,triage,,soon,Ann,", contact_rows.NO_INSTANT),
    ("2026-03-02T09:00:00Z,triage,,2026-03-02T08:00:20Z,Ann,2026-03-02T09:01:20Z", contact_rows.NO_SPAN),
    ("2026-03-02T09:00:00Z,triage,,2026-03-02T09:00:20Z,Ann,2026-03-02T09:00:10Z", contact_rows.NO_SPAN),
    ("2026-03-02T09:00:00Z,triage,,,,", contact_rows.NO_END),
    ("2026-03-02T09:00:00Z", contact_rows.NO_END),
]


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_bad_row_is_counted_with_its_reason_and_number(row: str, reason: str) -> None:
    calls, tally = read(f"{GENERIC}\n\n{row}\n2026-03-02T09:00:00Z,triage,,,,2026-03-02T09:00:30Z\n")
    assert len(calls) == 1
    assert {why: found.lines for why, found in tally.bad.items()} == {reason: [3]}


def test_a_bad_duration_is_a_bad_row() -> None:
    _, tally = read("time,wait_s\n2026-03-02T09:00:00Z,-4\n")
    assert tally.bad[contact_rows.NO_SPAN].count == 1


def test_times_without_an_offset_need_a_zone() -> None:
    table = f"{GENERIC}\n2026-03-02 04:00:00,triage,,,,2026-03-02 04:00:30\n"
    with pytest.raises(ConfigurationError, match=r"no offset.*--zone"):
        read(table)
    assert read(table, ZoneInfo("America/New_York"))[0][0].arrived_at == NINE


@pytest.mark.parametrize("header", ["", "a,b", "queue,caller", "arrived_at,queue", "answered_at,ended_at"])
def test_a_table_that_cannot_tell_waits_is_refused(header: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no column tells when.*arrived_at,queue"):
        list(read_contact_rows([], Header.of(header), zone=UTC, keys=KEYS, tally=Tally()))


def test_what_the_table_leaves_open_is_said() -> None:
    _, tally = read("arrived_at,wait_s\n2026-03-02T09:00:00Z,4\n")
    assert len(tally.assumed) == 3
    assert read(f"{STREAMED}\n")[1].assumed == (
        "A queued call-back in the export counts as a caller who waits on the line.",
    )


def test_repeats_are_noticed_among_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_rows, "_IDS_MAX", 1)
    row = "{id},2026-03-02T09:00:00Z,4\n"
    text = "call_id,arrived_at,wait_s\n" + "".join(row.format(id=name) for name in ("a", "b", "a", "b"))
    assert len(read(text)[0]) == 3
