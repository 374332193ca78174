"""Hours as a tenant writes them: what is refused, and in which words."""

from datetime import date, time

import pytest
from pydantic import ValidationError

from schemas.hours import WEEKDAYS, Hours, Interval

DAY = {"opens": "09:00", "closes": "17:00"}


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc"])
def test_a_zone_is_one_of_the_known(zone):
    with pytest.raises(ValidationError, match="no time zone is called"):
        Hours(zone=zone, week={})


def test_a_known_zone_is_kept():
    assert Hours(zone="America/New_York", week={"mon": [DAY]}).zone


def test_days_are_in_the_order_of_the_calendar():
    assert WEEKDAYS[date(2026, 3, 2).weekday()] == "mon"
    assert WEEKDAYS[date(2026, 3, 1).weekday()] == "sun"


@pytest.mark.parametrize("closes", ["09:00", "08:59", "00:01"])
def test_a_day_runs_forward(closes):
    with pytest.raises(ValidationError, match=r"is not after opens \(09:00\)"):
        Interval(opens="09:00", closes=closes)


@pytest.mark.parametrize("closes", ["00:00", "24:00", "23:59", "23:59:59", time(0)])
def test_there_are_several_words_for_midnight(closes):
    interval = Interval(opens="09:00", closes=closes)
    assert interval.ends_at_midnight
    assert Interval.model_validate_json(interval.model_dump_json()) == interval


def test_a_minute_before_that_is_no_midnight():
    assert not Interval(opens="09:00", closes="23:58").ends_at_midnight


def test_a_date_is_told_of_once():
    with pytest.raises(ValidationError, match="2026-12-24 is in closed_on and in overrides"):
        Hours(zone="UTC", week={}, closed_on=["2026-12-24"], overrides={"2026-12-24": [DAY]})


def test_a_date_may_have_hours_of_its_own_or_none():
    hours = Hours(zone="UTC", week={}, overrides={"2026-12-24": [DAY], "2026-12-25": []})
    assert [len(intervals) for intervals in hours.overrides.values()] == [1, 0]
    assert Hours.model_validate_json(hours.model_dump_json()) == hours


@pytest.mark.parametrize("day", ["2026-02-30", "christmas", "mon"])
def test_a_date_is_a_date(day):
    with pytest.raises(ValidationError, match=r"overrides"):
        Hours(zone="UTC", week={}, overrides={day: [DAY]})
