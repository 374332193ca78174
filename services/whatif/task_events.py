"""Exports of Twilio TaskRouter: one row an event.

Columns as in its event callbacks (`EventType`, `TimestampMs`, `TaskSid`, `TaskQueueName`, `WorkerName` ...), in the
list of its REST resource Events (`event_type`, `event_date`, and `event_data` as JSON) or in Event Streams (types begin
with `com.twilio.taskrouter.`, the fields may stand in `payload` as JSON). Source: Twilio's pages "TaskRouter Events
reference", "Event Resource" and "Event types: TaskRouter". Its REST list begins with the newest, so the order of rows
is not relied upon: of each kind of event, the first (for ends of work, the last) of a task counts.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from sys import intern
from typing import Any, Final

from services.whatif.callers import CallerKeys
from services.whatif.columns import Header, cell, plain, rows
from services.whatif.contact_rows import told_instant
from services.whatif.records import AgentChange, Call, Change, Left, Record
from services.whatif.tally import Tally
from services.whatif.times import SPAN_S_MAX

TASKS_MAX: Final = 5_000_000
NO_TASK: Final = "an event of a task without the task's id"
NO_WORKER: Final = "an activity without the worker's name"
NO_TIME: Final = "no time of the event, or one in no known form"
NO_CREATION: Final = "a task whose creation is not in the file"
TOO_MANY: Final = f"an event of a task beyond the first {TASKS_MAX:,}"
OTHER_EVENTS: Final = "events that tell nothing of waiting, answering or attendance"
OTHER_CHANNEL: Final = "events of tasks by another channel than voice"
NOT_INBOUND: Final = "tasks for calls that the center made itself"
_PREFIX: Final = "com.twilio.taskrouter."
_TYPE: Final = ("eventtype", "type")
_TIME: Final = ("timestampms", "eventdatems", "timestamp", "eventdate", "time")
_JSON: Final = ("eventdata", "payload")
_VOICE: Final = frozenset({"", "voice", "default"})
_CALLER: Final = ("from", "caller", "customeraddress")
_SIGNED_OUT: Final = frozenset({"offline", "loggedout", "signedout"})
_READY: Final = frozenset({"available", "idle", "ready", "online"})


@dataclass(slots=True)
class _Task:
    """What the events of one task have told so far. Instants; None for what has not been told."""

    line: int
    created_at: datetime | None = None
    queue: str = ""
    queued_at: datetime | None = None
    caller: str | None = None
    accepted_at: datetime | None = None
    worker: str = ""
    wrapping_at: datetime | None = None
    completed_at: datetime | None = None
    canceled_at: datetime | None = None
    canceled: str = ""
    transferred: bool = False
    timeouts: int = 0
    outbound: bool = False
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Event:
    type: str
    at: datetime
    fields: Mapping[str, str]


def is_task_events(header: Header) -> bool:
    """Tell whether a table with this header is a list of TaskRouter's events."""
    typed = header.first(("eventtype",)) is not None or header.first(_JSON) is not None
    return typed and header.first(_TIME) is not None and header.first(_TYPE) is not None


def read_task_events(
    lines: Iterable[str], header: Header, *, zone: tzinfo | None, keys: CallerKeys, tally: Tally
) -> Iterator[Record]:
    """Yield changes of agents as they come, and calls when the file has ended.

    Raises:
        ConfigurationError: times have no offset and `zone` is None.
    """
    tally.assume("A task that moved between queues counts for the queue that it was in last.")
    tally.assume(
        'A worker whose activity is "Offline" is signed out, "Available" or "Idle" is ready, any other on a break.'
    )
    tasks: dict[str, _Task] = {}
    for number, row in rows(lines, header, tally):
        fields = _fields(row, header)
        kind = next((fields[name] for name in _TYPE if fields.get(name)), "").removeprefix(_PREFIX).strip().lower()
        if kind not in _FOLDS and kind != "worker.activity.update":
            tally.note_passed(OTHER_EVENTS, number)
            continue
        at = _time(fields, zone)
        if at is None:
            tally.note_bad(NO_TIME, number)
        elif kind in _FOLDS:
            _fold(tasks, _Event(kind, at, fields), number, keys, tally)
        else:
            yield from _activity(fields, at, number, tally)
    yield from _calls(tasks, tally)


def _fields(row: Sequence[str], header: Header) -> Mapping[str, str]:
    fields = {name: cell(row, place) for name, place in header.places.items()}
    for name in _JSON:
        inner = _object(fields.get(name, ""))
        fields.update({plain(key): value for key, value in inner.items() if isinstance(value, str)})
        fields.update({plain(key): str(value) for key, value in inner.items() if isinstance(value, int | float)})
    return fields


def _object(text: str) -> Mapping[str, Any]:
    if not text.startswith("{"):
        return {}
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _time(fields: Mapping[str, str], zone: tzinfo | None) -> datetime | None:
    for name in _TIME:
        if fields.get(name):
            try:
                return told_instant(fields[name], zone)
            except ValueError:
                return None
    return None


def _fold(tasks: dict[str, _Task], event: _Event, number: int, keys: CallerKeys, tally: Tally) -> None:
    identity = event.fields.get("tasksid", "")
    if not identity and event.type.startswith("task."):
        identity = event.fields.get("resourcesid", "")
    if not identity:
        tally.note_bad(NO_TASK, number)
        return
    if plain(event.fields.get("taskchanneluniquename", "")) not in _VOICE:
        tally.note_passed(OTHER_CHANNEL, number)
        return
    task = tasks.get(identity)
    if task is None:
        if len(tasks) >= TASKS_MAX:
            tally.note_bad(TOO_MANY, number)
            return
        task = tasks[intern(identity)] = _Task(number)
    task.last_at = _later(task.last_at, event.at)
    _describe(task, event, keys)
    _FOLDS[event.type](task, event)


def _describe(task: _Task, event: _Event, keys: CallerKeys) -> None:
    """Take over what events of any kind tell: the caller, and the queue if no entry into one has told it."""
    if not task.queue:
        task.queue = intern(event.fields.get("taskqueuename", ""))
    if task.caller is None:
        attributes = {plain(str(key)): value for key, value in _object(event.fields.get("taskattributes", "")).items()}
        told = next((attributes[name] for name in _CALLER if isinstance(attributes.get(name), str)), "")
        task.caller = keys.of(told)
        task.outbound = task.outbound or attributes.get("direction") == "outbound"


def _created(task: _Task, event: _Event) -> None:
    task.created_at = _earlier(task.created_at, event.at)


def _entered(task: _Task, event: _Event) -> None:
    name = event.fields.get("taskqueuename", "")
    if name and (task.queued_at is None or event.at >= task.queued_at):
        task.queue, task.queued_at = intern(name), event.at


def _accepted(task: _Task, event: _Event) -> None:
    if task.accepted_at is None or event.at < task.accepted_at:
        task.accepted_at, task.worker = event.at, intern(event.fields.get("workername", ""))


def _wrapping(task: _Task, event: _Event) -> None:
    task.wrapping_at = _earlier(task.wrapping_at, event.at)


def _completed(task: _Task, event: _Event) -> None:
    task.completed_at = _later(task.completed_at, event.at)


def _canceled(task: _Task, event: _Event) -> None:
    task.canceled_at = _earlier(task.canceled_at, event.at)
    task.canceled = plain(event.fields.get("taskcanceledreason", "") or event.fields.get("reason", ""))


def _transferred(task: _Task, _event: _Event) -> None:
    task.transferred = True


def _timed_out(task: _Task, _event: _Event) -> None:
    task.timeouts += 1


_FOLDS: Final[Mapping[str, Callable[[_Task, _Event], None]]] = {
    "task.created": _created,
    "task-queue.entered": _entered,
    "reservation.accepted": _accepted,
    "reservation.timeout": _timed_out,
    "reservation.wrapup": _wrapping,
    "task.wrapup": _wrapping,
    "reservation.completed": _completed,
    "task.completed": _completed,
    "task.canceled": _canceled,
    "task.transfer-completed": _transferred,
}


def _activity(fields: Mapping[str, str], at: datetime, number: int, tally: Tally) -> Iterator[AgentChange]:
    worker = fields.get("workername", "")
    if not worker:
        tally.note_bad(NO_WORKER, number)
        return
    activity = plain(fields.get("workeractivityname", ""))
    if activity in _SIGNED_OUT:
        yield AgentChange(at, intern(worker), Change.SIGNED_OUT, None)
        return
    yield AgentChange(at, intern(worker), Change.SIGNED_IN, None)
    yield AgentChange(at, intern(worker), Change.UNPAUSED if activity in _READY else Change.PAUSED, None)


def _calls(tasks: Mapping[str, _Task], tally: Tally) -> Iterator[Call]:
    for task in tasks.values():
        if task.outbound:
            tally.note_passed(NOT_INBOUND, task.line)
        elif task.created_at is None:
            tally.note_bad(NO_CREATION, task.line)
        else:
            yield _call(task, task.created_at)


def _call(task: _Task, created_at: datetime) -> Call:
    ended_at = task.canceled_at or task.completed_at or task.last_at or created_at
    accepted_at = task.accepted_at
    talk_ended_at = task.wrapping_at or task.completed_at or task.canceled_at
    talked_s = None if accepted_at is None or talk_ended_at is None else _between(accepted_at, talk_ended_at)
    wrap_up_s = None
    if accepted_at is not None and task.wrapping_at is not None and task.completed_at is not None:
        wrap_up_s = _between(task.wrapping_at, task.completed_at)
    return Call(
        arrived_at=created_at,
        queue=task.queue or "all",
        caller=task.caller,
        waited_s=_between(created_at, accepted_at or ended_at),
        answered_by=(task.worker or None) if accepted_at else None,
        talked_s=talked_s,
        left=_left(task, talked=talked_s is not None),
        position=None,
        ring_no_answers=task.timeouts,
        wrap_up_s=wrap_up_s,
    )


def _left(task: _Task, *, talked: bool) -> Left:
    if task.accepted_at is not None:
        if not talked:
            return Left.UNFINISHED
        return Left.TRANSFERRED if task.transferred else Left.ANSWERED
    if task.canceled_at is not None:
        gave_up = any(word in task.canceled for word in ("ttl", "timeout", "timedout", "workflow"))
        return Left.TIMED_OUT if gave_up else Left.ABANDONED
    return Left.OPTED_OUT if task.completed_at is not None else Left.UNFINISHED


def _between(start: datetime, end: datetime) -> float:
    return min(max(0.0, (end - start).total_seconds()), SPAN_S_MAX)


def _earlier(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else min(one, other)


def _later(one: datetime | None, other: datetime) -> datetime:
    return other if one is None else max(one, other)
