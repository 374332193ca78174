"""Exports with one row a contact: Amazon Connect's contact records, and the generic table.

Columns are recognised by heading, whatever its case and separators (`AgentUsername`, `Agent.Username` and
`agent_username` are one), in any order; the first of several that mean the same wins.

* Amazon Connect: contact records (streamed, flattened: `Queue.EnqueueTimestamp`, `Agent.ConnectedToAgentTimestamp`,
  `Agent.AfterContactWorkDuration`, whole seconds) and the table `contact_record` of its data lake
  (`queue_enqueue_timestamp`, `agent_after_contact_work_duration_ms`). Source: its administrator's guide, "Contact
  records data model" and "Contact data in the data lake". A record without an enqueue time never waited for a person.
  Records come at least once: the first with an id counts.
* Generic: `arrived_at,queue,caller,answered_at,answered_by,ended_at`, and instead of instants, durations in seconds:
  `wait_s`, `talk_s`, `wrap_up_s`; and a `status` (answered, abandoned, transferred, timed out, voicemail ...).
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from sys import intern
from typing import Final

from schemas.errors import ConfigurationError
from services.whatif.callers import CallerKeys
from services.whatif.columns import Header, cell, plain, rows
from services.whatif.headings import Columns
from services.whatif.records import Call, Left
from services.whatif.tally import Tally
from services.whatif.times import NoZone, parse_instant, parse_seconds, seconds_between

NO_QUEUE: Final = "all"
NO_ARRIVAL: Final = "no time of arrival, or one in no known form"
NO_INSTANT: Final = "a time in no known form"
NO_SPAN: Final = "a duration that is none, or a time before the one that it follows"
NO_END: Final = "neither answered nor ended"
NEVER_QUEUED: Final = "contacts that never waited for a person"
OTHER_CHANNEL: Final = "contacts by another channel than voice"
NOT_INBOUND: Final = "calls that the center made itself"
REPEATED: Final = "rows of a contact that was there already"

_VOICE: Final = frozenset({"", "voice", "default", "call", "phone", "telephony"})
_OUTBOUND: Final = frozenset({"outbound", "externaloutbound", "monitor", "disconnect", "outboundapi", "agentreply"})
_CONTINUING: Final = frozenset({"transfer", "queuetransfer"})
_ENDS: Final[Mapping[str, Left]] = {  # by how the plain status begins
    "abandon": Left.ABANDONED, "noanswer": Left.ABANDONED, "missed": Left.ABANDONED, "hangup": Left.ABANDONED,
    "customerdisconnect": Left.ABANDONED, "timedout": Left.TIMED_OUT, "timeout": Left.TIMED_OUT,
    "expired": Left.TIMED_OUT, "voicemail": Left.OPTED_OUT, "callback": Left.OPTED_OUT, "optedout": Left.OPTED_OUT,
    "turnedaway": Left.TURNED_AWAY, "busy": Left.TURNED_AWAY, "rejected": Left.TURNED_AWAY,
    "failed": Left.TURNED_AWAY, "overflow": Left.TIMED_OUT,
}  # fmt: skip
_COUNT_DIGITS_MAX: Final = 4
_IDS_MAX: Final = 5_000_000  # beyond it repeats are no longer noticed


class _Unusable(Exception):
    """A row that cannot be understood; the reason is one of the constants."""


class _Passed(Exception):
    """A row that is none of ours; the kind is one of the constants."""


def read_contact_rows(
    lines: Iterable[str], header: Header, *, zone: tzinfo | None, keys: CallerKeys, tally: Tally
) -> Iterator[Call]:
    """Yield one call a row, in the order of the file.

    Raises:
        ConfigurationError: a column is missing, or times have no offset and `zone` is None.
    """
    columns = Columns.of(header)
    columns.check()
    _say(columns, tally)
    seen: set[bytes] = set()
    for number, row in rows(lines, header, tally):
        try:
            call = _call(row, columns, zone, keys)
            _pass_repeats(cell(row, columns.id), seen)
        except _Passed as passed:
            tally.note_passed(str(passed), number)
        except _Unusable as unusable:
            tally.note_bad(str(unusable), number)
        else:
            yield call


def _say(columns: Columns, tally: Tally) -> None:
    if columns.direction is not None:
        tally.assume("A queued call-back in the export counts as a caller who waits on the line.")
    if columns.enqueued is None:
        tally.assume(
            "The export does not tell when callers entered the queue: waits count from the arrival of the call."
        )
    if columns.queue is None:
        tally.assume(f'The export names no queues: all callers wait in one, called "{NO_QUEUE}".')
    if columns.caller is None:
        tally.assume("The export does not tell who called: a caller who tries again counts as another one.")


def _pass_repeats(identity: str, seen: set[bytes]) -> None:
    if not identity:
        return
    digest = hashlib.blake2b(identity.encode("utf-8", "replace"), digest_size=8).digest()
    if digest in seen:
        raise _Passed(REPEATED)
    if len(seen) < _IDS_MAX:
        seen.add(digest)


def _call(row: Sequence[str], columns: Columns, zone: tzinfo | None, keys: CallerKeys) -> Call:
    _pass_over(row, columns)
    method = plain(cell(row, columns.direction))
    arrived_at = _arrival(row, columns, zone)
    answered_at = _instant(cell(row, columns.answered), zone)
    ended_at = _instant(cell(row, columns.ended), zone)
    agent = cell(row, columns.agent)
    reached = _reached(row, columns, answered_at, agent)
    until = answered_at if reached else _instant(cell(row, columns.dequeued), zone) or ended_at
    waited_s = _waited(row, columns, arrived_at, until)
    moved = plain(cell(row, columns.moved)) not in {"", "no", "false", "0"}
    talked_s = _span(row, columns, "talked") if reached else None
    if reached and talked_s is None and ended_at is not None:
        talked_s = _between(answered_at or arrived_at, ended_at)
        talked_s = talked_s if answered_at else max(0.0, talked_s - waited_s)
    return Call(
        arrived_at=arrived_at,
        queue=intern(cell(row, columns.queue) or NO_QUEUE),
        caller=keys.of(cell(row, columns.caller)),
        waited_s=waited_s,
        answered_by=intern(agent) if reached and agent else None,
        talked_s=talked_s,
        left=_left(row, columns, reached=reached, moved=moved, open_=reached and talked_s is None),
        position=None,
        ring_no_answers=_ring_no_answers(row, columns, reached=reached),
        wrap_up_s=_span(row, columns, "wrapped") if reached else None,
        continues=method in _CONTINUING,
    )


def _pass_over(row: Sequence[str], columns: Columns) -> None:
    if plain(cell(row, columns.channel)) not in _VOICE:
        raise _Passed(OTHER_CHANNEL)
    if plain(cell(row, columns.direction)) in _OUTBOUND:
        raise _Passed(NOT_INBOUND)
    if columns.enqueued is not None and not cell(row, columns.enqueued) and len(row) > columns.enqueued:
        raise _Passed(NEVER_QUEUED)


def _arrival(row: Sequence[str], columns: Columns, zone: tzinfo | None) -> datetime:
    place = columns.arrived if columns.enqueued is None else columns.enqueued
    try:
        return told_instant(cell(row, place), zone)
    except ValueError:
        raise _Unusable(NO_ARRIVAL) from None


def _reached(row: Sequence[str], columns: Columns, answered_at: datetime | None, agent: str) -> bool:
    """Tell whether an agent answered: the time says so; without that column the status, without that the agent."""
    if columns.answered is not None:
        return answered_at is not None
    status = plain(cell(row, columns.status))
    if status.startswith(("answered", "completed", "transfer")):
        return True
    return bool(agent) and _end_of(status) is None


def _waited(row: Sequence[str], columns: Columns, arrived_at: datetime, until: datetime | None) -> float:
    told_s = _span(row, columns, "waited")
    if told_s is not None:
        return told_s
    if until is None:
        raise _Unusable(NO_END)
    return _between(arrived_at, until)


def _left(row: Sequence[str], columns: Columns, *, reached: bool, moved: bool, open_: bool) -> Left:
    status = plain(cell(row, columns.status))
    if reached:
        if moved or status.startswith("transfer"):
            return Left.TRANSFERRED
        return Left.UNFINISHED if open_ else Left.ANSWERED
    return Left.TIMED_OUT if moved else _end_of(status) or Left.ABANDONED


def _end_of(status: str) -> Left | None:
    return next((left for start, left in _ENDS.items() if status.startswith(start)), None)


def _ring_no_answers(row: Sequence[str], columns: Columns, *, reached: bool) -> int:
    told = _count(cell(row, columns.ring_no_answers))
    if told is not None:
        return told
    attempts = _count(cell(row, columns.attempts)) or 0
    return max(0, attempts - reached)  # the last attempt is the one that was answered


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _COUNT_DIGITS_MAX else None


def _span(row: Sequence[str], columns: Columns, what: str) -> float | None:
    if what not in columns.spans:
        return None
    place, unit_s = columns.spans[what]
    text = cell(row, place)
    if not text:
        return None
    try:
        return parse_seconds(text, unit_s)
    except ValueError:
        raise _Unusable(NO_SPAN) from None


def _between(start: datetime, end: datetime) -> float:
    try:
        return seconds_between(start, end)
    except ValueError:
        raise _Unusable(NO_SPAN) from None


def _instant(text: str, zone: tzinfo | None) -> datetime | None:
    if not text:
        return None
    try:
        return told_instant(text, zone)
    except ValueError:
        raise _Unusable(NO_INSTANT) from None


def told_instant(text: str, zone: tzinfo | None) -> datetime:
    """Return `times.parse_instant(text, zone)`.

    Raises:
        ConfigurationError: the time has no offset and `zone` is None.
        ValueError: it is no time.
    """
    try:
        return parse_instant(text, zone)
    except NoZone:
        raise ConfigurationError(
            "the times in the file have no offset from UTC",
            remedy="Say where their clock hangs: --zone America/New_York.",
        ) from None
