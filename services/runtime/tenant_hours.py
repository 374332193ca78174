"""Whether a document's calendars and after-hours ways leave a caller without anybody."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from router import calendar
from schemas.hours import Hours, Interval
from schemas.ids import QueueName
from schemas.tenant_config import Queue, TenantConfig
from services.runtime.findings import Finding, Loc

_STRETCHES_MAX: Final = 10_000  # of one calendar within the horizon; whoever has more opens at every whim


def findings(config: TenantConfig, now: datetime) -> Iterator[Finding]:
    """Yield what is wrong with the hours, from `now` on until the calendar's horizon."""
    own: Sequence[tuple[Loc, Hours]] = [
        (("facility", "hours"), config.facility.hours),
        *((("calendars", name), hours) for name, hours in config.calendars.items()),
    ]
    for at, hours in own:
        yield from _overlaps(at, hours)
        yield from _never_open(at, hours, now)
    yield from _emergency(config, now)
    for index, queue in enumerate(config.queues):
        yield from _silent(index, queue)
        yield from _left_alone(config, index, queue, now)


# ---- one calendar


def _overlaps(at: Loc, hours: Hours) -> Iterator[Finding]:
    for day, intervals in hours.week.items():
        yield from _overlapping((*at, "week", day), day, intervals)
    for dated, intervals in hours.overrides.items():
        yield from _overlapping((*at, "overrides", str(dated)), dated, intervals)


def _overlapping(at: Loc, day: date | str, intervals: Sequence[Interval]) -> Iterator[Finding]:
    for one, other in pairwise(sorted(intervals, key=lambda interval: interval.opens)):
        if one.ends_at_midnight or other.opens < one.closes:
            yield Finding(
                at,
                f"on {day}, {_shown(one)} and {_shown(other)} overlap",
                "Join them into one, or let the second begin when the first has ended.",
            )


def _shown(interval: Interval) -> str:
    closes = "24:00" if interval.ends_at_midnight else f"{interval.closes:%H:%M}"
    return f"{interval.opens:%H:%M}-{closes}"


def _never_open(at: Loc, hours: Hours, now: datetime) -> Iterator[Finding]:
    if calendar.next_open(hours, now) is None:
        yield Finding(
            at,
            f"these hours do not open once in {calendar.HORIZON.days} days",
            "Add a day to week:, or a date to overrides:.",
        )


# ---- queues


def _emergency(config: TenantConfig, now: datetime) -> Iterator[Finding]:
    for index, queue in enumerate(config.queues):
        if queue.name == config.emergency.queue and queue.hours is not None:
            hours = config.calendars[queue.hours]
            closed = calendar.next_closed(hours, now)
            if closed is not None:
                yield Finding(
                    ("queues", index, "hours"),
                    f"the emergency queue {queue.name!r} is closed at {_wall(hours, closed)}; emergencies are never"
                    " after hours",
                    "Take hours: away from it, so that it is always open.",
                )


def _silent(index: int, queue: Queue) -> Iterator[Finding]:
    if queue.hours is not None and queue.after_hours is None:
        yield Finding(
            ("queues", index, "hours"),
            f"queue {queue.name!r} has hours, and nothing is said of those who call after them",
            "Add after_hours: with then: on_call, call_back or message.",
        )
    if queue.hours is None and queue.after_hours is not None:
        yield Finding(
            ("queues", index, "after_hours"),
            f"queue {queue.name!r} is always open, so nobody ever meets its after_hours",
            "Add hours: with the name of a calendar, or take after_hours away.",
        )


def _left_alone(config: TenantConfig, index: int, queue: Queue, now: datetime) -> Iterator[Finding]:
    """Find the first instant at which whoever asks for the queue is led to closed ones only.

    Two queues that lead to each other are in order if one of them is always open: a day and a night.
    """
    if queue.hours is None or queue.after_hours is None or queue.after_hours.queue is None:
        return
    way = _way(config, queue)
    if any(step.hours is None for step in way):
        return
    closed = _all_closed([config.calendars[step.hours] for step in way if step.hours is not None], now)
    if closed is not None:
        names = [str(step.name) for step in way]
        after = way[-1].after_hours
        back = after.queue if after is not None else None  # to one that is in the way already
        led = f"after hours leads in a circle: {' -> '.join([*names, back])}" if back else f"so is {names[-1]!r}"
        yield Finding(
            ("queues", index, "after_hours", "queue"),
            f"queue {queue.name!r} is closed at {_wall(config.calendars[queue.hours], closed)}, and {led}",
            "Name a queue that is open then; one without hours always is.",
        )


def _way(config: TenantConfig, queue: Queue) -> list[Queue]:
    """Return the queue and those that after hours leads to from it, each once."""
    queues: Mapping[QueueName, Queue] = {entry.name: entry for entry in config.queues}
    way = [queue]
    while (after := way[-1].after_hours) is not None and after.queue is not None:
        following = queues[after.queue]
        if following in way:
            break
        way.append(following)
    return way


def _all_closed(calendars: Sequence[Hours], now: datetime) -> datetime | None:
    """Return the first instant from `now` on at which all are closed; None: not within the horizon."""
    end = now + calendar.HORIZON
    at = now
    for _ in range(_STRETCHES_MAX):
        openings = [calendar.opening(hours, at, end - at) for hours in calendars]
        latest = max((state.until or end for state in openings if state.is_open), default=at)
        if latest == at:
            return at
        if latest >= end:
            return None
        at = latest
    return None


def _wall(hours: Hours, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(hours.zone)):%Y-%m-%d %H:%M} ({hours.zone})"
