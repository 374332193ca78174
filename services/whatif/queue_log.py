"""Asterisk's `queue_log`: one event a line, `epoch|call|queue|agent|EVENT|data...`.

Source of the fields: Asterisk's documentation, "Queue Logs", and what app_queue of 1.2 to 22 writes. By version:

========================  =====================================================  ==================================
event                     data                                                   older versions
========================  =====================================================  ==================================
ENTERQUEUE                url | caller | entry position [| caller's name]        no position before 1.8
CONNECT                   waited | agent's channel | rang for                    no ringing time before 1.6
COMPLETECALLER, -AGENT    waited | talked | entry position                       no position in 1.2
TRANSFER (until 11)       exten | context | waited | talked | entry position     exten | context only in 1.2
BLINDTRANSFER (from 12)   exten | context | waited | talked | entry position
ATTENDEDTRANSFER (12)     method | one or two channels | waited | talked | pos.  read from its end
ABANDON                   position | entry position | waited
EXITEMPTY                 position | entry position | waited                     EXITWITHKEY "empty" in 1.2
EXITWITHTIMEOUT           position | entry position | waited                     position only before 1.6
EXITWITHKEY               key | position | entry position | waited               key and position only before 1.6
RINGNOANSWER              rang for, in milliseconds
ADDMEMBER, REMOVEMEMBER, PAUSE, UNPAUSE, PAUSEALL, UNPAUSEALL, AGENTLOGIN, AGENTLOGOFF, AGENTCALLBACKLOGIN, -LOGOFF
========================  =====================================================  ==================================

Durations are whole seconds. Where an old version leaves one out, the difference of the two time stamps stands in. The
log knows no wrap-up. Times are seconds since 1970, so no zone is needed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from sys import intern
from typing import Final, NamedTuple

from services.whatif.callers import CallerKeys
from services.whatif.records import AgentChange, Call, Change, Left, Record
from services.whatif.tally import Tally
from services.whatif.times import EPOCH_S_MAX, EPOCH_S_MIN, SPAN_S_MAX, instant

OPEN_CALLS_MAX: Final = 100_000  # a log without ends of calls: the oldest count as unfinished
NOT_A_LINE: Final = "not epoch|call|queue|agent|event"
NO_TIME: Final = "the first field is no time between 1980 and 2100"
NO_ENTRY: Final = "the call's entry into this queue is not in the file, or it had left it already"
TWICE: Final = "a call entered a queue without having left the one before"
OTHER_EVENTS: Final = "events that tell nothing of waiting, answering or attendance"
RESTARTS: Final = "restarts of Asterisk, which end the calls of that moment"
_FIELDS_MIN: Final = 5
_NOBODY: Final = frozenset({"", "NONE"})


@dataclass(slots=True)
class _Visit:
    """A call that is in a queue, or talking after it."""

    queue: str
    entered_s: float
    caller: str | None
    position: int | None
    continues: bool
    ring_no_answers: int = 0
    waited_s: float = 0.0
    answered_s: float | None = None
    agent: str | None = None


class _Line(NamedTuple):
    number: int
    at_s: float
    call: str
    queue: str
    agent: str
    data: Sequence[str]


class _Log:
    """Folds the lines in their order and remembers the calls that have not ended."""

    def __init__(self, keys: CallerKeys, tally: Tally) -> None:
        self.keys = keys
        self.tally = tally
        self.last_s = 0.0
        self.visits: dict[str, _Visit] = {}
        self.moved_on: dict[str, None] = {}

    def fold(self, number: int, text: str) -> Iterable[Record]:
        fields = text.strip().split("|")
        if len(fields) < _FIELDS_MIN:
            if fields != [""]:
                self.tally.note_bad(NOT_A_LINE, number)
            return ()
        try:
            at_s = float(fields[0])
        except ValueError:
            at_s = -1.0
        if not EPOCH_S_MIN <= at_s <= EPOCH_S_MAX:
            self.tally.note_bad(NO_TIME, number)
            return ()
        self.last_s = at_s
        handle = _EVENTS.get(fields[4].strip())
        if handle is None:
            self.tally.note_passed(OTHER_EVENTS, number)
            return ()
        call, queue, agent = (intern(field.strip()) for field in fields[1:4])
        return handle(self, _Line(number, at_s, call, queue, agent, fields[5:]))

    def end(self, visit: _Visit, at_s: float, left: Left, talked_s: float | None = None) -> Call:
        waited_s = visit.waited_s if visit.answered_s is not None else _between(visit.entered_s, at_s)
        return Call(
            arrived_at=instant(visit.entered_s),
            queue=visit.queue,
            caller=visit.caller,
            waited_s=waited_s,
            answered_by=visit.agent,
            talked_s=talked_s,
            left=left,
            position=visit.position,
            ring_no_answers=visit.ring_no_answers,
            continues=visit.continues,
        )

    def end_all(self) -> Iterator[Call]:
        for visit in self.visits.values():
            yield self.end(visit, self.last_s, Left.UNFINISHED)
        self.visits.clear()


def read_queue_log(lines: Iterable[str], *, keys: CallerKeys, tally: Tally) -> Iterator[Record]:
    """Yield calls as they end and changes of agents as they happen; a line that makes no sense is counted."""
    log = _Log(keys, tally)
    for number, text in enumerate(lines, 1):
        tally.read = number
        yield from log.fold(number, text)
    yield from log.end_all()


def _enter(log: _Log, line: _Line) -> Iterable[Record]:
    before = log.visits.pop(line.call, None)
    if before and before.answered_s is not None:  # the line of the transfer may come after the entry that it caused
        yield log.end(before, line.at_s, Left.TRANSFERRED, _between(before.answered_s, line.at_s))
    elif before:
        log.tally.note_bad(TWICE, line.number)
        yield log.end(before, line.at_s, Left.UNFINISHED)
    if len(log.visits) >= OPEN_CALLS_MAX:
        yield log.end(log.visits.pop(next(iter(log.visits))), line.at_s, Left.UNFINISHED)
    caller = log.keys.of(line.data[1]) if len(line.data) > 1 else None
    continues = before is not None or line.call in log.moved_on
    log.visits[line.call] = _Visit(line.queue, line.at_s, caller, _position(line.data, 2), continues)


def _connect(log: _Log, line: _Line) -> Iterable[Record]:
    visit = log.visits.get(line.call)
    if visit is None or visit.queue != line.queue:
        log.tally.note_bad(NO_ENTRY, line.number)
    else:
        _answer(visit, line, _seconds(line.data, 0, _between(visit.entered_s, line.at_s)))
    return ()


def _answer(visit: _Visit, line: _Line, waited_s: float) -> None:
    visit.waited_s = waited_s
    visit.answered_s = visit.entered_s + waited_s
    visit.agent = None if line.agent in _NOBODY else line.agent


def _ring_no_answer(log: _Log, line: _Line) -> Iterable[Record]:
    visit = log.visits.get(line.call)
    if visit is not None:
        visit.ring_no_answers += 1
    return ()


def _served(left: Left, waited: int, talked: int, log: _Log, line: _Line) -> Iterable[Record]:
    """End a call that was answered; `waited` and `talked` are the places of its durations, from the end if negative."""
    visit = _leave(log, line, left)
    if visit is None:
        return ()
    if visit.answered_s is None:
        _answer(visit, line, _seconds(line.data, waited, _between(visit.entered_s, line.at_s)))
    answered_s = visit.answered_s if visit.answered_s is not None else line.at_s
    return (log.end(visit, line.at_s, left, _seconds(line.data, talked, _between(answered_s, line.at_s))),)


def _dropped(log: _Log, line: _Line) -> Iterable[Record]:
    visit = _leave(log, line, Left.DROPPED)
    if visit is None:
        return ()
    if visit.answered_s is None:
        _answer(visit, line, _between(visit.entered_s, line.at_s))
    return (log.end(visit, line.at_s, Left.DROPPED, 0.0),)


def _gave_up(left: Left, position: int, waited: int, log: _Log, line: _Line) -> Iterable[Record]:
    """End a call that nobody answered; `position` and `waited` are the places of its entry position and its wait."""
    visit = _leave(log, line, left)
    if visit is None:
        return ()
    if visit.position is None:
        visit.position = _position(line.data, position)
    visit.agent, visit.answered_s = None, None
    return (log.end(visit, visit.entered_s + _seconds(line.data, waited, line.at_s - visit.entered_s), left),)


def _leave(log: _Log, line: _Line, left: Left) -> _Visit | None:
    visit = log.visits.get(line.call)
    if visit is None or visit.queue != line.queue:
        log.tally.note_bad(NO_ENTRY, line.number)
        return None
    del log.visits[line.call]
    if left not in {Left.ABANDONED, Left.ANSWERED, Left.DROPPED}:
        log.moved_on[line.call] = None
        if len(log.moved_on) > OPEN_CALLS_MAX:
            del log.moved_on[next(iter(log.moved_on))]
    return visit


def _attendance(change: Change, log: _Log, line: _Line) -> Iterable[Record]:
    if line.agent in _NOBODY:
        log.tally.note_bad(NOT_A_LINE, line.number)
        return ()
    queue = None if line.queue in _NOBODY else line.queue
    return (AgentChange(instant(line.at_s), line.agent, change, queue),)


def _restart(log: _Log, line: _Line) -> Iterable[Record]:
    log.tally.note_passed(RESTARTS, line.number)
    return tuple(log.end_all())


def _between(start_s: float, end_s: float) -> float:
    """Return the seconds between two stamps: none if the clock was set back, a day at most."""
    return min(max(0.0, end_s - start_s), SPAN_S_MAX)


def _seconds(data: Sequence[str], place: int, otherwise_s: float) -> float:
    try:
        told_s = float(data[place])
    except (ValueError, IndexError):
        return max(0.0, otherwise_s)
    return told_s if 0 <= told_s <= SPAN_S_MAX else max(0.0, otherwise_s)


def _position(data: Sequence[str], place: int) -> int | None:
    try:
        position = int(data[place])
    except (ValueError, IndexError):
        return None
    return position if 0 < position <= OPEN_CALLS_MAX else None


_Handler = Callable[[_Log, _Line], Iterable[Record]]
_EVENTS: Final[Mapping[str, _Handler]] = {
    "ENTERQUEUE": _enter,
    "CONNECT": _connect,
    "RINGNOANSWER": _ring_no_answer,
    "COMPLETECALLER": partial(_served, Left.ANSWERED, 0, 1),
    "COMPLETEAGENT": partial(_served, Left.ANSWERED, 0, 1),
    "TRANSFER": partial(_served, Left.TRANSFERRED, 2, 3),
    "BLINDTRANSFER": partial(_served, Left.TRANSFERRED, 2, 3),
    "ATTENDEDTRANSFER": partial(_served, Left.TRANSFERRED, -3, -2),
    "AGENTDUMP": _dropped,
    "SYSCOMPAT": _dropped,
    "ABANDON": partial(_gave_up, Left.ABANDONED, 1, 2),
    "EXITWITHTIMEOUT": partial(_gave_up, Left.TIMED_OUT, 1, 2),
    "EXITWITHKEY": partial(_gave_up, Left.OPTED_OUT, 2, 3),
    "EXITEMPTY": partial(_gave_up, Left.TURNED_AWAY, 1, 2),
    "ADDMEMBER": partial(_attendance, Change.SIGNED_IN),
    "AGENTLOGIN": partial(_attendance, Change.SIGNED_IN),
    "AGENTCALLBACKLOGIN": partial(_attendance, Change.SIGNED_IN),
    "REMOVEMEMBER": partial(_attendance, Change.SIGNED_OUT),
    "AGENTLOGOFF": partial(_attendance, Change.SIGNED_OUT),
    "AGENTCALLBACKLOGOFF": partial(_attendance, Change.SIGNED_OUT),
    "PAUSE": partial(_attendance, Change.PAUSED),
    "PAUSEALL": partial(_attendance, Change.PAUSED),
    "UNPAUSE": partial(_attendance, Change.UNPAUSED),
    "UNPAUSEALL": partial(_attendance, Change.UNPAUSED),
    "QUEUESTART": _restart,
}
