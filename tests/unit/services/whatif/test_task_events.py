import json
from datetime import timedelta
from itertools import permutations

import pytest

from services.whatif import task_events
from services.whatif.columns import Header
from services.whatif.records import AgentChange, Call, Change, Left, Record
from services.whatif.tally import Tally
from services.whatif.task_events import is_task_events, read_task_events
from tests.unit.services.whatif.examples import KEYS, NINE, T0

HEADER = (
    "Sid,EventType,TimestampMs,TaskSid,TaskQueueName,WorkerName,TaskAttributes,TaskCanceledReason,WorkerActivityName,"
)
CALLBACKS = HEADER + "TaskChannelUniqueName"
WHO = '"{""from"": ""+15005550101"", ""age"": 4}"'


def row(after_s: float, kind: str, task: str = "WT1", **told: str) -> str:
    cells = {"TaskQueueName": "triage", "WorkerName": "", "TaskAttributes": WHO, "TaskCanceledReason": ""} | told
    names = ("TaskQueueName", "WorkerName", "TaskAttributes", "TaskCanceledReason", "WorkerActivityName", "Channel")
    stamp = int((T0 + after_s) * 1000)
    return ",".join(["EV1", kind, str(stamp), task, *(cells.get(name, "") for name in names)]) + "\n"


SERVED = [
    row(0, "task.created"),
    row(0, "task-queue.entered"),
    row(5, "reservation.created", WorkerName="Bob"),
    row(20, "reservation.timeout", WorkerName="Bob"),
    row(30, "reservation.accepted", WorkerName="Ann"),
    row(150, "reservation.wrapup", WorkerName="Ann"),
    row(160, "reservation.completed", WorkerName="Ann"),
    row(161, "task.completed"),
]
TALK = Call(NINE, "triage", KEYS.of("15005550101"), 30, "Ann", 120, Left.ANSWERED, None, 1, wrap_up_s=11)


def read(*lines: str, header: str = CALLBACKS) -> tuple[list[Record], Tally]:
    tally = Tally()
    return list(read_task_events(lines, Header.of(header), zone=None, keys=KEYS, tally=tally)), tally


def only(*lines: str) -> Call:
    records, tally = read(*lines)
    assert tally.bad == {}
    (one,) = records
    assert isinstance(one, Call)
    return one


def test_a_task_is_told_by_its_events() -> None:
    assert only(*SERVED) == TALK


def test_the_order_of_rows_does_not_matter() -> None:
    assert only(*reversed(SERVED)) == TALK
    telling = [SERVED[0], *SERVED[3:7]]
    assert len({only(*order) for order in permutations(telling)}) == 1


@pytest.mark.parametrize(
    ("ending", "left", "waited_s"),
    [
        (row(40, "task.canceled", TaskCanceledReason="hangup"), Left.ABANDONED, 40),
        (row(40, "task.canceled"), Left.ABANDONED, 40),
        (row(40, "task.canceled", TaskCanceledReason="Task TTL Exceeded"), Left.TIMED_OUT, 40),
        (row(40, "task.canceled", TaskCanceledReason="Workflow timed out"), Left.TIMED_OUT, 40),
        (row(40, "task.completed"), Left.OPTED_OUT, 40),
        (row(40, "reservation.timeout"), Left.UNFINISHED, 40),
    ],
)
def test_ends_of_a_wait(ending: str, left: Left, waited_s: float) -> None:
    one = only(SERVED[0], ending)
    assert (one.left, one.waited_s, one.answered_by, one.talked_s) == (left, waited_s, None, None)


def test_a_talk_without_an_end_is_unfinished_and_a_transfer_is_one() -> None:
    assert only(*SERVED[:5]).left is Left.UNFINISHED
    assert only(*SERVED, row(100, "task.transfer-completed")).left is Left.TRANSFERRED


def test_a_task_that_was_closed_without_wrap_up() -> None:
    one = only(SERVED[0], SERVED[4], row(90, "task.completed"))
    assert (one.talked_s, one.wrap_up_s, one.left) == (60, None, Left.ANSWERED)


def test_the_last_queue_counts() -> None:
    assert only(*SERVED, row(10, "task-queue.entered", TaskQueueName="billing")).queue == "billing"
    assert only(row(10, "task-queue.entered", TaskQueueName="billing"), *SERVED).queue == "billing"


def test_the_first_answer_counts() -> None:
    assert only(*SERVED, row(120, "reservation.accepted", WorkerName="Cid")) == TALK


def test_the_list_of_the_rest_resource() -> None:
    told = {
        "task_sid": "WT1",
        "task_queue_name": "triage",
        "worker_name": "Ann",
        "task_age": 4,
        "task_attributes": "{}",
    }
    kinds = {0: "task.created", 30: "reservation.accepted", 60: "task.completed"}
    lines = [
        f'{kind},{at(after)},"{json.dumps(told).replace(chr(34), chr(34) * 2)}"\n' for after, kind in kinds.items()
    ]
    records, tally = read(*lines, header="event_type,event_date,event_data")
    assert tally.bad == {}
    assert records == [Call(NINE, "triage", None, 30, "Ann", 30, Left.ANSWERED, None, 0)]


def test_event_streams_have_longer_names() -> None:
    lines = [f"com.twilio.taskrouter.task.created,{at(0)},WT1\n", f"com.twilio.taskrouter.task.canceled,{at(9)},WT1\n"]
    (one,) = read(*lines, header="EventType,Timestamp,task_sid")[0]
    assert isinstance(one, Call)
    assert (one.left, one.waited_s) == (Left.ABANDONED, 9)


def test_a_task_event_may_name_its_task_as_the_resource() -> None:
    (one,) = read(f"task.created,{at(0)},WT1\n", header="EventType,Timestamp,ResourceSid")[0]
    assert isinstance(one, Call)


def at(after_s: float) -> str:
    return (NINE + timedelta(seconds=after_s)).isoformat()


@pytest.mark.parametrize(
    ("activity", "changes"),
    [
        ("Offline", [Change.SIGNED_OUT]),
        ("Available", [Change.SIGNED_IN, Change.UNPAUSED]),
        ("Lunch", [Change.SIGNED_IN, Change.PAUSED]),
    ],
)
def test_activities_of_workers(activity: str, changes: list[Change]) -> None:
    records, _ = read(row(0, "worker.activity.update", WorkerName="Ann", WorkerActivityName=activity))
    assert records == [AgentChange(NINE, "Ann", change, None) for change in changes]


BAD = [
    (row(0, "task.created", task=""), task_events.NO_TASK),
    (row(0, "worker.activity.update"), task_events.NO_WORKER),
    (row(0, "task.created").replace(str(T0 * 1000), "soon"), task_events.NO_TIME),
    (row(0, "task.created").replace(str(T0 * 1000), ""), task_events.NO_TIME),
    (row(0, "task.canceled"), task_events.NO_CREATION),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_event_is_counted_with_its_reason_and_number(line: str, reason: str) -> None:
    records, tally = read(line)
    assert records == []
    assert {why: found.lines for why, found in tally.bad.items()} == {reason: [2]}


def test_what_is_none_of_ours_is_passed_over() -> None:
    records, tally = read(row(0, "workflow.entered"), row(0, "task.created", Channel="chat"))
    assert (records, tally.bad) == ([], {})
    assert set(tally.passed) == {task_events.OTHER_EVENTS, task_events.OTHER_CHANNEL}


def test_a_call_that_the_center_made_is_passed_over() -> None:
    outbound = row(0, "task.created", TaskAttributes='"{""direction"": ""outbound"", ""from"": ""+15005550101""}"')
    records, tally = read(outbound, *SERVED[1:])
    assert records == []
    assert tally.passed[task_events.NOT_INBOUND].lines == [2]


def test_tasks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_events, "TASKS_MAX", 1)
    records, tally = read(row(0, "task.created"), row(0, "task.created", task="WT2"))
    assert len(records) == 1
    assert tally.bad[task_events.TOO_MANY].lines == [3]


@pytest.mark.parametrize(
    ("header", "events"),
    [
        (CALLBACKS, True),
        ("event_type,event_date,event_data", True),
        ("type,time,payload", True),
        ("arrived_at,queue,type,time", False),
        ("EventType,TaskSid", False),
        ("", False),
    ],
)
def test_a_list_of_events_is_known_by_its_header(header: str, events: bool) -> None:
    assert is_task_events(Header.of(header)) is events


@pytest.mark.parametrize("attributes", ["", "{", "[]", '"{""from"": 7}"', '"{""from"": ""anonymous""}"'])
def test_a_task_without_a_caller(attributes: str) -> None:
    assert only(row(0, "task.created", TaskAttributes=attributes)).caller is None


def test_a_task_without_a_queue_waits_in_one_for_all() -> None:
    assert only(row(0, "task.created", TaskQueueName="")).queue == "all"
