"""One day out of a file that may hold many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from schemas.errors import ConfigurationError
from services.whatif.records import Call
from services.whatif.shifts import Span

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Day:
    """The calls of the day, and the time from the first arrival to the end of the last call."""

    calls: tuple[Call, ...]
    window: Span
    assumed: str


def choose_day(calls: Sequence[Call], *, day: date | None, zone: tzinfo | None) -> Day:
    """Return the calls that arrived on `day`; without one, all if they lie within 24 hours, else the busiest day.

    `calls` are in the order of arrival, at least one. `zone` says when a day begins; UTC if None.

    Raises:
        ConfigurationError: nobody called on `day`.
    """
    if day is None and calls[-1].arrived_at - calls[0].arrived_at < _DAY:
        return _day(calls, "All calls of the file lie within 24 hours and count as one day.")
    zone = zone or UTC
    dates = [call.arrived_at.astimezone(zone).date() for call in calls]
    by_day = Counter(dates)
    chosen = day or max(by_day, key=lambda one: (by_day[one], one))
    if chosen not in by_day:
        raise ConfigurationError(
            f"nobody called on {chosen}", remedy=f"The file has calls from {min(by_day)} to {max(by_day)} ({zone})."
        )
    which = "asked for" if day else f"the busiest of {len(by_day)} in the file"
    return _day(
        [call for call, one in zip(calls, dates, strict=True) if one == chosen],
        f"The day is {chosen} ({zone}), {which}.",
    )


def _day(calls: Sequence[Call], assumed: str) -> Day:
    end: datetime = max(call.released_at for call in calls)
    return Day(tuple(calls), (calls[0].arrived_at, end), assumed)
