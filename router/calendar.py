"""Business hours in real time: open or closed at an instant, until when, and for how many seconds in between.

One definition, from which all else follows: **it is open at an instant if the clock on the wall of the calendar's zone
then shows a date and a time inside an interval of that date.** An interval holds its beginning and not its end. So

* a night that is split at midnight is one stretch, and so are intervals that touch;
* where clocks are put forward, the hour that is left out opens nothing: an interval that begins in it begins when it is
  over, and one that lies in it is not there that day;
* where clocks are put back, the repeated hour is open twice: two hours of real time. An interval that begins within it
  opens, closes when the clock goes back, and opens again.

Which zone does what, and when, is the IANA data of the machine. A decision made by it is recorded with its outcome, so
a router with other data folds the same.

Instants are in UTC. Pure: `at` is always an argument. A search ends at a horizon, so that a calendar that never opens
costs a bounded walk.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from schemas.hours import WEEKDAYS, Hours, Interval

HORIZON: Final = timedelta(days=400)  # a whole year with its holidays, and some
_STEP: Final = timedelta(days=1)  # a zone does not change its clocks twice within it
_DAY: Final = timedelta(days=1)
_TICK: Final = timedelta(microseconds=1)
_MIDNIGHT: Final = time(0)


class Span(NamedTuple):
    """A stretch of real time, from `start` until before `end`."""

    start: datetime
    end: datetime


class Opening(NamedTuple):
    """Whether it is open, and when that changes; None: not within the horizon."""

    is_open: bool
    until: datetime | None


def intervals_on(hours: Hours, day: date) -> Sequence[Interval]:
    """Return the intervals of a local date in their order: its own if it has some, none if closed, else the week's."""
    if day in hours.overrides:
        found = hours.overrides[day]
    elif day in hours.closed_on:
        found = ()
    else:
        found = hours.week.get(WEEKDAYS[day.weekday()], ())
    return sorted(found, key=lambda interval: interval.opens)


def is_open(hours: Hours, at: datetime) -> bool:
    """Tell whether it is open at an instant."""
    local = at.astimezone(ZoneInfo(hours.zone))
    clock = local.time()
    return any(
        span.opens <= clock and (span.ends_at_midnight or clock < span.closes)
        for span in intervals_on(hours, local.date())
    )


def opening(hours: Hours, at: datetime, horizon: timedelta = HORIZON) -> Opening:
    """Return whether it is open at an instant, and until when that holds."""
    end = at + horizon
    first = next(open_spans(hours, at, end), None)
    if first is None:
        return Opening(is_open=False, until=None)
    if first.start > at:
        return Opening(is_open=False, until=first.start)
    return Opening(is_open=True, until=first.end if first.end < end else None)


def next_change(hours: Hours, at: datetime, horizon: timedelta = HORIZON) -> datetime | None:
    """Return when it next opens or closes, after `at`; None: not within the horizon."""
    return opening(hours, at, horizon).until


def next_open(hours: Hours, at: datetime, horizon: timedelta = HORIZON) -> datetime | None:
    """Return the first instant from `at` on at which it is open; None: it never opens within the horizon."""
    first = next(open_spans(hours, at, at + horizon), None)
    return first.start if first is not None else None


def next_closed(hours: Hours, at: datetime, horizon: timedelta = HORIZON) -> datetime | None:
    """Return the first instant from `at` on at which it is closed; None: it never closes within the horizon."""
    now = opening(hours, at, horizon)
    return now.until if now.is_open else at


def open_seconds(hours: Hours, start: datetime, end: datetime) -> float:
    """Return how many seconds of real time between two instants it is open; 0 if `end` is not after `start`."""
    return sum((span.end - span.start).total_seconds() for span in open_spans(hours, start, end))


def open_spans(hours: Hours, start: datetime, end: datetime) -> Iterator[Span]:
    """Yield the stretches between two instants in which it is open, in order, with something closed between any two."""
    last: Span | None = None
    for piece in _pieces(hours, start.astimezone(UTC), end.astimezone(UTC)):
        if last is None:
            last = piece
        elif piece.start <= last.end:
            last = Span(last.start, max(last.end, piece.end))
        else:
            yield last
            last = piece
    if last is not None:
        yield last


def _pieces(hours: Hours, start: datetime, end: datetime) -> Iterator[Span]:
    """Yield what each interval adds, in order of its beginning, cut where the day or the zone's offset changes."""
    for begins, ends, offset in _stretches(ZoneInfo(hours.zone), start, end):
        first, last = (begins + offset).replace(tzinfo=None), (ends + offset).replace(tzinfo=None)
        for day in _days(first, last):
            for interval in intervals_on(hours, day):
                opens = max(first, datetime.combine(day, interval.opens))
                closes = min(last, _end_of(interval, day))
                if opens < closes:
                    yield Span((opens - offset).replace(tzinfo=UTC), (closes - offset).replace(tzinfo=UTC))


def _days(first: datetime, last: datetime) -> Iterator[date]:
    day = first.date()
    while datetime.combine(day, _MIDNIGHT) < last:
        yield day
        day += _DAY


def _end_of(interval: Interval, day: date) -> datetime:
    if interval.ends_at_midnight:
        return datetime.combine(day, _MIDNIGHT) + _DAY
    return datetime.combine(day, interval.closes)


def _stretches(zone: ZoneInfo, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Yield stretches of UTC in which the zone's offset stays the same, with that offset."""
    while start < end:
        stop = min(start + _STEP, end)
        offset = _offset(zone, start)
        if _offset(zone, stop) != offset:
            stop = _changes(zone, start, stop)
        yield start, stop, offset
        start = stop


def _changes(zone: ZoneInfo, same: datetime, other: datetime) -> datetime:
    """Return the first instant after `same` with another offset than there; `other` has one."""
    offset = _offset(zone, same)
    while other - same > _TICK:
        middle = same + (other - same) // 2
        if _offset(zone, middle) == offset:
            same = middle
        else:
            other = middle
    return other


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)
