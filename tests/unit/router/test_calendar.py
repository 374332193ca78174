"""Business hours in real time: the cases as data, and a walk minute by minute that knows nothing of the code."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from router import calendar
from schemas.hours import WEEKDAYS, Hours

CASES = yaml.safe_load((Path(__file__).parent / "calendar_cases.yaml").read_text("utf-8"))
EXPECTED = [(case["name"], case["hours"], expected) for case in CASES for expected in case["expect"]]
MINUTE = timedelta(minutes=1)
WEEK = timedelta(days=7)
# Weeks in which a zone changes its clocks, and one in which it does not.
WEEKS = [
    ("America/New_York", "2026-03-05"),
    ("America/New_York", "2026-10-29"),
    ("Europe/Berlin", "2026-03-26"),
    ("Europe/Berlin", "2026-10-22"),
    ("Australia/Lord_Howe", "2026-04-01"),
    ("Australia/Lord_Howe", "2026-10-01"),
    ("Africa/Cairo", "2024-04-22"),
    ("America/Santiago", "2026-09-03"),
    ("Atlantic/Azores", "2026-10-22"),
    ("Pacific/Apia", "2011-12-26"),
    ("Asia/Kolkata", "2026-03-05"),
]


def at(text):
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("name", "hours", "expected"), EXPECTED, ids=[f"{name}-{n}" for n, (name, *_) in enumerate(EXPECTED)]
)
def test_the_cases(name, hours, expected):
    hours = Hours.model_validate(hours)
    if "seconds" in expected:
        assert calendar.open_seconds(hours, at(expected["from"]), at(expected["to"])) == expected["seconds"]
        return
    now = at(expected["at"])
    until = None if expected["until"] == "never" else at(expected["until"])
    assert calendar.opening(hours, now) == (expected["open"], until)
    assert calendar.is_open(hours, now) is expected["open"]
    assert calendar.next_change(hours, now) == until
    assert calendar.next_open(hours, now) == (now if expected["open"] else until)
    assert calendar.next_closed(hours, now) == (until if expected["open"] else now)


def test_a_change_is_told_in_utc():
    hours = Hours.model_validate(CASES[0]["hours"])
    change = calendar.next_change(hours, at("2026-03-04T08:00:00-05:00"))
    assert change is not None
    assert change.tzinfo is UTC


def test_a_search_ends_at_its_horizon():
    hours = Hours.model_validate({"zone": "UTC", "week": {"mon": [{"opens": "08:00", "closes": "12:00"}]}})
    monday = at("2026-03-02T00:00:00Z")
    assert calendar.next_open(hours, monday, timedelta(hours=8)) is None
    assert calendar.next_open(hours, monday, timedelta(hours=9)) == monday + timedelta(hours=8)
    assert calendar.opening(hours, monday + timedelta(hours=9), timedelta(hours=3)) == (True, None)


# ---- properties


@st.composite
def _intervals(draw):
    begin = draw(st.integers(0, 24 * 60 - 1))
    end = draw(st.integers(begin + 1, 24 * 60))
    return {"opens": _clock(begin), "closes": _clock(end)}


def _clock(minute):
    return f"{minute // 60:02}:{minute % 60:02}"


# Near the hours that clocks leave out or repeat, so that many examples meet them.
_near = st.builds(
    lambda begin, length: {"opens": _clock(begin), "closes": _clock(begin + length)},
    st.integers(0, 3 * 60),
    st.integers(1, 60),
)
_days = st.lists(_intervals() | _near, max_size=3)


@st.composite
def calendars(draw):
    """Return hours in a zone and the beginning of a week in which it may change its clocks."""
    zone, first = draw(st.sampled_from(WEEKS))
    dates = [str(date.fromisoformat(first) + timedelta(days=day)) for day in range(9)]
    closed = draw(st.lists(st.sampled_from(dates), max_size=2, unique=True))
    others = st.sampled_from([day for day in dates if day not in closed])
    week = draw(st.dictionaries(st.sampled_from(WEEKDAYS), _days))
    overrides = draw(st.dictionaries(others, _days, max_size=3))
    hours = Hours.model_validate({"zone": zone, "week": week, "closed_on": closed, "overrides": overrides})
    return hours, at(f"{first}T00:00:00Z")


_moments = st.integers(0, 7 * 86_400_000_000).map(lambda microseconds: timedelta(microseconds=microseconds))


def shows_open(hours, moment):
    """Look at the clock on the wall, the calendar beside it and the sign on the door."""
    wall = moment.astimezone(ZoneInfo(hours.zone))
    if wall.date() in hours.closed_on:
        return False
    sign = hours.overrides.get(wall.date(), hours.week.get(f"{wall:%a}".lower(), ()))
    clock = wall.time()
    return any(
        interval.opens <= clock and (interval.closes in {time(0), time(23, 59)} or clock < interval.closes)
        for interval in sign
    )


@settings(derandomize=True, deadline=None, max_examples=40)
@given(calendars())
def test_a_walk_minute_by_minute_finds_the_same(drawn):
    hours, start = drawn
    minutes = [start + n * MINUTE for n in range(7 * 24 * 60)]
    walked = [shows_open(hours, minute) for minute in minutes]
    assert calendar.open_seconds(hours, start, start + WEEK) == 60 * sum(walked)
    spans = list(calendar.open_spans(hours, start, start + WEEK))
    edges = [n for n in range(1, len(walked)) if walked[n] != walked[n - 1]]
    expected = [minutes[n] for n in edges]
    found = sorted({edge for span in spans for edge in span} - {start, start + WEEK})
    assert found == expected
    assert [calendar.is_open(hours, minute) for minute in minutes[::7]] == walked[::7]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(calendars(), _moments, st.floats(0, 1))
def test_the_next_change_changes_and_nothing_before_it_does(drawn, moment, share):
    hours, start = drawn
    now = start + moment
    state = calendar.opening(hours, now, WEEK)
    assert state.is_open is calendar.is_open(hours, now) is shows_open(hours, now)
    change = state.until
    end = now + WEEK if change is None else change
    assert end > now
    between = now + share * (end - now - timedelta(microseconds=1))
    assert calendar.is_open(hours, between) is state.is_open
    if change is not None:
        assert calendar.is_open(hours, change) is not state.is_open
        assert calendar.is_open(hours, change - timedelta(microseconds=1)) is state.is_open


@settings(derandomize=True, deadline=None, max_examples=200)
@given(calendars(), _moments, _moments)
def test_open_and_closed_time_is_all_the_time_there_is(drawn, one, other):
    hours, start = drawn
    now, end = sorted((start + one, start + other))
    opened = calendar.open_seconds(hours, now, end)
    spent = {True: timedelta(0), False: timedelta(0)}
    moment = now
    while moment < end:
        state = calendar.opening(hours, moment, WEEK)
        until = min(state.until or end, end)
        spent[state.is_open] += until - moment
        moment = until
    assert sum(spent.values(), timedelta(0)) == end - now
    assert opened == pytest.approx(spent[True].total_seconds(), abs=1e-6)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(calendars(), _moments, _moments, _moments)
def test_time_adds_up(drawn, one, two, three):
    hours, start = drawn
    first, middle, last = sorted(start + moment for moment in (one, two, three))
    parts = calendar.open_seconds(hours, first, middle) + calendar.open_seconds(hours, middle, last)
    assert calendar.open_seconds(hours, first, last) == pytest.approx(parts, abs=1e-6)
