"""Hours, address and directions, from the tenant's own document, in the tenant's own time zone.

Whether it is open now, holidays and other dates included, is an input (`Opening`); the week is read out as written.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Final
from zoneinfo import ZoneInfo

from ivr.flow import TaskName
from ivr.speech import Prompts, spoken_time
from ivr.steps import Opening
from ivr.utterance import normalise
from schemas.dialog import Say
from schemas.hours import WEEKDAYS, Hours, Interval
from schemas.tenant_config import Facility

_WEEK_DAYS: Final = 7
_MIDNIGHT: Final = time(0)

_HOURS: Final = re.compile(
    r"\b(?:hours?|open\w*|clos\w+|when|what time|horarios?|abier\w+|abr\w+|cierr\w+|cerrad\w+|hora)\b"
)
_DIRECTIONS: Final = re.compile(
    r"\b(?:directions?|get there|get to|parking|park|bus|train|como llego|llegar|estacion\w+)\b"
)
_ADDRESS: Final = re.compile(r"\b(?:address|located|location|where|street|direccion|ubicacion|ubicad\w+|donde|calle)\b")


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


def answer(
    task: TaskName, facility: Facility, prompts: Prompts, language: str, *, now: datetime, opening: Opening | None
) -> tuple[Say, ...]:
    """Return what the caller asked for, as of `now` (UTC); without an `opening`, hours are the usual ones only."""
    hours = (_hours(facility.hours, opening, prompts, language, now),)
    where = (_address(facility, prompts, language),)
    if task == "facility.hours":
        return hours
    if task == "facility.address":
        return where
    if task == "facility.directions":
        return (*where, _directions(facility, prompts, language))
    return (*hours, *where)


def _hours(hours: Hours, opening: Opening | None, prompts: Prompts, language: str, now: datetime) -> Say:
    today = now.astimezone(ZoneInfo(hours.zone)).date()
    first = _now(opening, today, prompts, language) if opening is not None else ""
    always = opening is not None and opening.is_open and opening.until is None
    usual = "" if always else _usual(hours, prompts, language)
    text = f"{first} {usual}".strip().replace("..", ".")  # "5 p.m." ends a sentence by itself
    return Say(text=text or prompts.text("closed_for_now", language), language=language)


def _now(opening: Opening, today: date, prompts: Prompts, language: str) -> str:
    if opening.until is None:
        return prompts.text("open_always" if opening.is_open else "closed_for_now", language)
    if opening.is_open:
        return prompts.text("open_until", language, when=_moment(*opening.until, today, prompts, language))
    when = _moment(*opening.until, today, prompts, language, same_day="at_time")
    return prompts.text("closed_until", language, when=when)


def _moment(day: date, at: time, today: date, prompts: Prompts, language: str, *, same_day: str | None = None) -> str:
    """Return a moment as it is said today; `same_day` is the prompt around the bare time of a moment of today."""
    clock = spoken_time(at, language)
    offset = (day - today).days
    if offset == 0:
        return prompts.text(same_day, language, time=clock) if same_day else clock
    if offset == 1:
        spoken = prompts.text("tomorrow", language)
    else:
        name = prompts.text(f"day_{WEEKDAYS[day.weekday()]}", language)
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
    for index, day in enumerate(WEEKDAYS):
        spans = tuple(sorted(hours.week.get(day, ()), key=lambda span: span.opens))
        if groups and groups[-1][2] == spans:
            groups[-1] = (groups[-1][0], index, spans)
        else:
            groups.append((index, index, spans))
    told = [_group(first, last, spans, prompts, language) for first, last, spans in groups if spans]
    return prompts.text("usual_hours", language, hours="; ".join(told)) if told else ""


def _group(first: int, last: int, spans: Sequence[Interval], prompts: Prompts, language: str) -> str:
    days = prompts.text(f"day_{WEEKDAYS[first]}", language)
    if last > first:
        days = prompts.text("day_to_day", language, first=days, last=prompts.text(f"day_{WEEKDAYS[last]}", language))
    told = prompts.text("from_to", language, **_ends(spans[0], language))
    for span in spans[1:]:
        told += " " + prompts.text("and_from_to", language, **_ends(span, language))
    return prompts.text("on_days", language, days=days, hours=told)


def _ends(span: Interval, language: str) -> dict[str, str]:
    closes = _MIDNIGHT if span.ends_at_midnight else span.closes
    return {"opens": spoken_time(span.opens, language), "closes": spoken_time(closes, language)}


def _address(facility: Facility, prompts: Prompts, language: str) -> Say:
    return prompts.say("address", language, address=_in(facility.address, language))


def _directions(facility: Facility, prompts: Prompts, language: str) -> Say:
    if not facility.directions:
        return prompts.say("directions_none", language)
    return prompts.say("directions", language, directions=_in(facility.directions, language))


def _in(texts: dict[str, str], language: str) -> str:
    return texts.get(language) or next(iter(texts.values()), "")
