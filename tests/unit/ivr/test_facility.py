"""Hours, address and directions."""

# ruff: noqa: E501 - what is spoken is compared on one line

from datetime import UTC, date, datetime, time

import pytest

from ivr.tasks.facility import answer, opening, task_for
from schemas.tenant_config import Facility, Hours

DAY = [{"opens": "08:00", "closes": "17:00"}]
WEEKDAYS = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), DAY)
ROUND_THE_CLOCK = ({"opens": "00:00", "closes": "23:59:59"},)
NIGHT = [{"opens": "00:00", "closes": "06:00"}, {"opens": "18:00", "closes": "23:59"}]


def hours(week, *closed_on: str, zone: str = "America/New_York") -> Hours:
    return Hours.model_validate({"zone": zone, "week": week, "closed_on": closed_on})


def facility(week=WEEKDAYS, *closed_on: str, **changes) -> Facility:
    document = {
        "name": {"en": "X"}, "address": {"en": "12 River Street", "es": "Calle River 12"},
        "directions": {"en": "Take bus 5."}, "hours": hours(week, *closed_on),
    }  # fmt: skip
    return Facility.model_validate({**document, **changes})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_open_until_the_end_of_the_day() -> None:
    state = opening(hours(WEEKDAYS), at("2026-03-02T17:00"))
    assert (state.is_open, state.until) == (True, (date(2026, 3, 2), time(17)))


@pytest.mark.parametrize(("utc", "is_open"), [("13:00", True), ("12:59", False), ("21:59", True), ("22:00", False)])
def test_the_edges_of_a_winter_day(utc, is_open) -> None:
    assert opening(hours(WEEKDAYS), at(f"2026-03-02T{utc}")).is_open is is_open


@pytest.mark.parametrize(("utc", "is_open"), [("12:00", True), ("11:59", False), ("20:59", True), ("21:00", False)])
def test_daylight_saving_moves_the_day_by_an_hour(utc, is_open) -> None:
    assert opening(hours(WEEKDAYS), at(f"2026-03-09T{utc}")).is_open is is_open


def test_the_next_opening_skips_the_weekend_and_holidays() -> None:
    state = opening(hours(WEEKDAYS, "2026-03-09"), at("2026-03-06T23:00"))
    assert state.until == (date(2026, 3, 10), time(8))


def test_before_opening_and_between_two_intervals() -> None:
    split = {"mon": [{"opens": "13:00", "closes": "17:00"}, {"opens": "08:00", "closes": "12:00"}]}
    assert opening(hours(split), at("2026-03-02T12:00")).until == (date(2026, 3, 2), time(8))
    assert opening(hours(split), at("2026-03-02T17:30")).until == (date(2026, 3, 2), time(13))


def test_a_night_ends_in_the_morning() -> None:
    week = dict.fromkeys(("mon", "tue"), NIGHT)
    assert opening(hours(week), at("2026-03-03T04:00")).until == (date(2026, 3, 3), time(6))
    assert opening(hours(week), at("2026-03-04T04:59:30")).until == (date(2026, 3, 4), time(0))


def test_touching_intervals_are_one() -> None:
    week = {"mon": [{"opens": "08:00", "closes": "12:00"}, {"opens": "12:00", "closes": "17:00"}]}
    assert opening(hours(week), at("2026-03-02T15:00")).until == (date(2026, 3, 2), time(17))


def test_day_and_night() -> None:
    week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), ROUND_THE_CLOCK)
    state = opening(hours(week), at("2026-03-02T17:00"))
    assert (state.is_open, state.until) == (True, None)


def test_never_open() -> None:
    state = opening(hours({}), at("2026-03-02T17:00"))
    assert (state.is_open, state.until) == (False, None)


def said(prompts, task, place, language="en", now="2026-03-02T17:00") -> list[str]:
    return [say.text for say in answer(task, place, prompts, language, at(now))]


@pytest.mark.parametrize(
    ("week", "now", "language", "text"),
    [
        (WEEKDAYS, "2026-03-02T17:00", "en", "We are open now, until 5 p.m. Our usual hours are: Monday to Friday, 8 a.m. to 5 p.m.."),
        (WEEKDAYS, "2026-03-02T23:00", "en", "We are closed now. We open tomorrow at 8 a.m."),
        (WEEKDAYS, "2026-03-07T17:00", "en", "We are closed now. We open Monday at 8 a.m."),
        ({"mon": DAY}, "2026-03-03T17:00", "en", "We open Monday at 8 a.m."),
        ({"mon": DAY}, "2026-03-02T23:00", "en", "We open Monday March 9 at 8 a.m."),
        ({"mon": DAY}, "2026-03-02T23:00", "es", "Abrimos el lunes 9 de marzo a las 8 de la mañana."),
        (WEEKDAYS, "2026-03-02T17:00", "es", "hasta las 5 de la tarde. Nuestro horario habitual es: lunes a viernes, de las 8 de la mañana a las 5 de la tarde"),
        ({"mon": NIGHT}, "2026-03-02T17:00", "en", "Monday, midnight to 6 a.m. and 6 p.m. to midnight"),
        (WEEKDAYS, "2026-03-02T12:00", "en", "We open at 8 a.m."),
        (WEEKDAYS, "2026-03-02T12:00", "es", "Abrimos a las 8 de la mañana."),
        (WEEKDAYS, "2026-03-02T23:00", "es", "Abrimos mañana a las 8 de la mañana."),
        ({"mon": NIGHT, "tue": NIGHT}, "2026-03-03T02:00", "en", "We are open now, until tomorrow at 6 a.m."),
        ({}, "2026-03-02T17:00", "en", "We are closed at the moment."),
    ],
)  # fmt: skip
def test_hours_as_they_are_said(prompts, week, now, language, text) -> None:
    (spoken,) = said(prompts, "facility.hours", facility(week), language, now)
    assert text.rstrip(".") in spoken
    assert ".." not in spoken


def test_day_and_night_needs_no_list(prompts) -> None:
    week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), ROUND_THE_CLOCK)
    assert said(prompts, "facility.hours", facility(week)) == ["We are open day and night."]


def test_address_and_directions(prompts) -> None:
    assert said(prompts, "facility.address", facility(), "es") == ["Nuestra dirección es: Calle River 12"]
    assert said(prompts, "facility.directions", facility())[1] == "Take bus 5."
    assert said(prompts, "facility.directions", facility(), "es")[1] == "Take bus 5."
    assert "sorry" in said(prompts, "facility.directions", facility(directions={}))[1]
    assert len(said(prompts, "facility.summary", facility())) == 2
    assert said(prompts, "facility.address", facility(address={})) == ["Our address is: "]


@pytest.mark.parametrize(
    ("text", "task"),
    [
        ("what time do you open", "hours"), ("a qué hora cierran", "hours"), ("what is your address", "address"),
        ("dónde están", "address"), ("how do I get there", "directions"), ("is there parking", "directions"),
        ("where are you and when do you open", "summary"), ("tell me about the place", "summary"),
    ],
)  # fmt: skip
def test_which_question_was_asked(text, task) -> None:
    assert task_for(text) == f"facility.{task}"
