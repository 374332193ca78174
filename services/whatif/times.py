"""Instants and durations as exports write them."""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

SPAN_S_MAX: Final = 86400.0  # nobody waits or talks longer; whatever says so is a broken line
EPOCH_S_MIN: Final = datetime(1980, 1, 1, tzinfo=UTC).timestamp()
EPOCH_S_MAX: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_MILLISECONDS_FROM: Final = 1e11  # as seconds this would be the year 5138
_UTC_SUFFIX: Final = re.compile(r"\s*(?:UTC|GMT)$", re.IGNORECASE)
_CLOCK: Final = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,9})?)")


class NoZone(Exception):
    """A time without an offset, and nobody said where its clock hangs."""


def instant(epoch_s: float) -> datetime:
    """Return the instant of seconds since 1970.

    Raises:
        ValueError: it lies outside 1980 to 2100, so it is no time of a call.
    """
    if not EPOCH_S_MIN <= epoch_s <= EPOCH_S_MAX:
        raise ValueError("outside 1980 to 2100")
    return datetime.fromtimestamp(epoch_s, tz=UTC)


def parse_instant(text: str, zone: tzinfo | None) -> datetime:
    """Return the instant that `text` tells, in UTC.

    ISO 8601 (a blank for the T is fine, "UTC" for the offset too), or seconds or milliseconds since 1970. `zone` is
    where the clock of times without an offset hangs; in the hour that a clock repeats, the first one is meant.

    Raises:
        NoZone: the time has no offset and `zone` is None.
        ValueError: it is no time, or outside 1980 to 2100. Dates such as 3/2/2026 are refused: which is the day?
    """
    text = text.strip()
    number = _number(text)
    if number is not None:
        return instant(number / 1000 if number >= _MILLISECONDS_FROM else number)
    bare = _UTC_SUFFIX.sub("", text)
    told = datetime.fromisoformat(bare)
    if told.tzinfo is None:
        if bare != text:
            zone = UTC
        if zone is None:
            raise NoZone
        told = told.replace(tzinfo=zone)
    return instant(told.timestamp())


def parse_seconds(text: str, unit_s: float = 1.0) -> float:
    """Return a duration in seconds: a number of units, or `1:02:03`, `2:03`.

    Raises:
        ValueError: it is no duration, below zero, or above a day.
    """
    text = text.strip()
    clock = _CLOCK.fullmatch(text)
    if clock:
        hours, minutes, seconds = clock.groups(default="0")
        return within_day(int(hours) * 3600 + int(minutes) * 60 + float(seconds))
    return within_day(float(text) * unit_s)


def within_day(span_s: float) -> float:
    """Return `span_s`.

    Raises:
        ValueError: it is below zero, above a day or no number.
    """
    if not 0 <= span_s <= SPAN_S_MAX:
        raise ValueError("below zero or above a day")
    return span_s


def seconds_between(start: datetime, end: datetime) -> float:
    """Return the seconds from `start` to `end`.

    Raises:
        ValueError: `end` is before `start`, or more than a day after it.
    """
    return within_day((end - start) / timedelta(seconds=1))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    # Eight digits may be a date in its basic form; as an epoch they would be 1970 anyway.
    return number if math.isfinite(number) and number >= EPOCH_S_MIN else None
