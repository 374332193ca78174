"""Hours, address and directions, from the tenant's own document, in the tenant's own time zone."""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from ivr.flow import TaskName
from ivr.speech import WEEK, Prompts, spoken_time
from ivr.utterance import normalise
from schemas.dialog import Say
from schemas.tenant_config import Facility, Hours, Interval

SEARCH_DAYS: Final = 14  # an opening later than that is not told
_WEEK_DAYS: Final = 7
_END_OF_DAY: Final = time(23, 59)
_MIDNIGHT: Final = time(0)

_HOURS: Final = re.compile(
    r"\b(?:hours?|open\w*|clos\w+|when|what time|horarios?|abier\w+|abr\w+|cierr\w+|cerrad\w+|hora)\b"
)
_DIRECTIONS: Final = re.compile(
    r"\b(?:directions?|get there|get to|parking|park|bus|train|como llego|llegar|estacion\w+)\b"
)
_ADDRESS: Final = re.compile(r"\b(?:address|located|location|where|street|direccion|ubicacion|ubicad\w+|donde|calle)\b")


class Opening(NamedTuple):
    """The state of the doors at one moment, in local time."""

    is_open: bool
    until: tuple[date, time] | None  # when that changes; None: not within `SEARCH_DAYS`


def task_for(text: str) -> TaskName:
    """Return which of the facility's questions was asked; all of them if that is not plain."""
    normal = normalise(text)
    asked: list[TaskName] = []
    if _HOURS.search(normal):
        asked.append("facility.hours")
    if _DIRECTIONS.search(normal):
        asked.append("facility.directions")
    elif _ADDRESS.search(normal):
        asked.append("facility.address")
    return asked[0] if len(asked) == 1 else "facility.summary"


def answer(task: TaskName, facility: Facility, prompts: Prompts, language: str, now: datetime) -> tuple[Say, ...]:
    """Return what the caller asked for, as of `now` (UTC)."""
    hours = (_hours(facility.hours, prompts, language, now),)
    where = (_address(facility, prompts, language),)
    if task == "facility.hours":
        return hours
    if task == "facility.address":
        return where
    if task == "facility.directions":
        return (*where, _directions(facility, prompts, language))
    return (*hours, *where)


def opening(hours: Hours, now: datetime) -> Opening:
    """Return whether it is open at `now`, and until when that holds. `closed_on` overrides the week."""
    local = now.astimezone(ZoneInfo(hours.zone))
    today, clock = local.date(), local.time()
    current = next((span for span in _spans(hours, today) if span.opens <= clock < _closing(span)), None)
    if current is not None:
        return Opening(is_open=True, until=_closes(hours, today, current))
    for offset in range(SEARCH_DAYS + 1):
        day = today + timedelta(days=offset)
        for span in _spans(hours, day):
            if offset or span.opens > clock:
                return Opening(is_open=False, until=(day, span.opens))
    return Opening(is_open=False, until=None)


def _spans(hours: Hours, day: date) -> Sequence[Interval]:
    if day in hours.closed_on:
        return ()
    return sorted(hours.week.get(WEEK[day.weekday()], ()), key=lambda span: span.opens)


def _closing(span: Interval) -> time:
    return time.max if span.closes >= _END_OF_DAY else span.closes


def _closes(hours: Hours, day: date, span: Interval) -> tuple[date, time] | None:
    """Follow a night over midnight, and touching intervals, to the real end; None: it never closes within reach."""
    for offset in range(SEARCH_DAYS):
        current = day + timedelta(days=offset)
        for later in _spans(hours, current):
            if later.opens == span.closes:
                span = later
        if span.closes < _END_OF_DAY:
            return current, span.closes
        tomorrow = next(iter(_spans(hours, current + timedelta(days=1))), None)
        if tomorrow is None or tomorrow.opens != _MIDNIGHT:
            return current + timedelta(days=1), _MIDNIGHT
        span = tomorrow
    return None


def _hours(hours: Hours, prompts: Prompts, language: str, now: datetime) -> Say:
    today = now.astimezone(ZoneInfo(hours.zone)).date()
    state = opening(hours, now)
    if state.until is None:
        first = prompts.text("open_always" if state.is_open else "closed_for_now", language)
    elif state.is_open:
        first = prompts.text("open_until", language, when=_moment(*state.until, today, prompts, language))
    else:
        when = _moment(*state.until, today, prompts, language, same_day="at_time")
        first = prompts.text("closed_until", language, when=when)
    usual = "" if state.is_open and state.until is None else _usual(hours, prompts, language)
    text = f"{first} {usual}".strip().replace("..", ".")  # "5 p.m." ends a sentence by itself
    return Say(text=text, language=language)


def _moment(day: date, at: time, today: date, prompts: Prompts, language: str, *, same_day: str | None = None) -> str:
    """Return a moment as it is said today; `same_day` is the prompt around the bare time of a moment of today."""
    clock = spoken_time(at, language)
    offset = (day - today).days
    if offset == 0:
        return prompts.text(same_day, language, time=clock) if same_day else clock
    if offset == 1:
        spoken = prompts.text("tomorrow", language)
    else:
        name = prompts.text(f"day_{WEEK[day.weekday()]}", language)
        later = f" {_spoken_date(day, language)}" if offset >= _WEEK_DAYS else ""  # the name alone means this week
        spoken = prompts.text("on_day", language, day=name + later)
    return prompts.text("at_day", language, day=spoken, time=clock)


_MONTHS_EN: Final = "January February March April May June July August September October November December"
_MONTHS_ES: Final = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"


def _spoken_date(day: date, language: str) -> str:
    if language == "es":
        return f"{day.day} de {_MONTHS_ES.split()[day.month - 1]}"
    return f"{_MONTHS_EN.split()[day.month - 1]} {day.day}"


def _usual(hours: Hours, prompts: Prompts, language: str) -> str:
    """Return the week in one sentence; days with the same hours are said together."""
    groups: list[tuple[int, int, tuple[Interval, ...]]] = []
    for index, day in enumerate(WEEK):
        spans = tuple(sorted(hours.week.get(day, ()), key=lambda span: span.opens))
        if groups and groups[-1][2] == spans:
            groups[-1] = (groups[-1][0], index, spans)
        else:
            groups.append((index, index, spans))
    told = [_group(first, last, spans, prompts, language) for first, last, spans in groups if spans]
    return prompts.text("usual_hours", language, hours="; ".join(told)) if told else ""


def _group(first: int, last: int, spans: Sequence[Interval], prompts: Prompts, language: str) -> str:
    days = prompts.text(f"day_{WEEK[first]}", language)
    if last > first:
        days = prompts.text("day_to_day", language, first=days, last=prompts.text(f"day_{WEEK[last]}", language))
    told = prompts.text("from_to", language, **_ends(spans[0], language))
    for span in spans[1:]:
        told += " " + prompts.text("and_from_to", language, **_ends(span, language))
    return prompts.text("on_days", language, days=days, hours=told)


def _ends(span: Interval, language: str) -> dict[str, str]:
    closes = _MIDNIGHT if span.closes >= _END_OF_DAY else span.closes
    return {"opens": spoken_time(span.opens, language), "closes": spoken_time(closes, language)}


def _address(facility: Facility, prompts: Prompts, language: str) -> Say:
    return prompts.say("address", language, address=_in(facility.address, language))


def _directions(facility: Facility, prompts: Prompts, language: str) -> Say:
    if not facility.directions:
        return prompts.say("directions_none", language)
    return prompts.say("directions", language, directions=_in(facility.directions, language))


def _in(texts: dict[str, str], language: str) -> str:
    return texts.get(language) or next(iter(texts.values()), "")
