"""Hours, address and directions."""

# ruff: noqa: E501 - what is spoken is compared on one line

from datetime import UTC, date, datetime, time

import pytest

from ivr.steps import Opening
from ivr.tasks.facility import answer, task_for
from schemas.hours import Hours
from schemas.tenant_config import Facility

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


CLOSED_FOR_LONG = Opening(is_open=False, until=None)


def open_till(day: str, clock: str) -> Opening:
    return Opening(is_open=True, until=(date.fromisoformat(day), time.fromisoformat(clock)))


def closed_till(day: str, clock: str) -> Opening:
    return open_till(day, clock)._replace(is_open=False)


def said(prompts, task, place, language="en", now="2026-03-02T17:00", opening=CLOSED_FOR_LONG) -> list[str]:
    return [say.text for say in answer(task, place, prompts, language, now=at(now), opening=opening)]


@pytest.mark.parametrize(
    ("week", "now", "opening", "language", "text"),
    [
        (WEEKDAYS, "2026-03-02T17:00", open_till("2026-03-02", "17:00"), "en", "We are open now, until 5 p.m. Our usual hours are: Monday to Friday, 8 a.m. to 5 p.m.."),
        (WEEKDAYS, "2026-03-02T23:00", closed_till("2026-03-03", "08:00"), "en", "We are closed now. We open tomorrow at 8 a.m."),
        (WEEKDAYS, "2026-03-07T17:00", closed_till("2026-03-09", "08:00"), "en", "We are closed now. We open Monday at 8 a.m."),
        ({"mon": DAY}, "2026-03-03T17:00", closed_till("2026-03-09", "08:00"), "en", "We open Monday at 8 a.m."),
        ({"mon": DAY}, "2026-03-02T23:00", closed_till("2026-03-09", "08:00"), "en", "We open Monday March 9 at 8 a.m."),
        ({"mon": DAY}, "2026-03-02T23:00", closed_till("2026-03-09", "08:00"), "es", "Abrimos el lunes 9 de marzo a las 8 de la mañana."),
        (WEEKDAYS, "2026-03-02T17:00", open_till("2026-03-02", "17:00"), "es", "hasta las 5 de la tarde. Nuestro horario habitual es: lunes a viernes, de las 8 de la mañana a las 5 de la tarde"),
        ({"mon": NIGHT}, "2026-03-02T17:00", closed_till("2026-03-02", "18:00"), "en", "Monday, midnight to 6 a.m. and 6 p.m. to midnight"),
        (WEEKDAYS, "2026-03-02T12:00", closed_till("2026-03-02", "08:00"), "en", "We open at 8 a.m."),
        (WEEKDAYS, "2026-03-02T12:00", closed_till("2026-03-02", "08:00"), "es", "Abrimos a las 8 de la mañana."),
        (WEEKDAYS, "2026-03-02T23:00", closed_till("2026-03-03", "08:00"), "es", "Abrimos mañana a las 8 de la mañana."),
        ({"mon": NIGHT, "tue": NIGHT}, "2026-03-03T02:00", open_till("2026-03-03", "06:00"), "en", "We are open now, until tomorrow at 6 a.m."),
        ({}, "2026-03-02T17:00", CLOSED_FOR_LONG, "en", "We are closed at the moment."),
        (WEEKDAYS, "2026-03-02T17:00", None, "en", "Our usual hours are: Monday to Friday, 8 a.m. to 5 p.m."),
        ({}, "2026-03-02T17:00", None, "en", "We are closed at the moment."),
    ],
)  # fmt: skip
def test_hours_as_they_are_said(prompts, week, now, opening, language, text) -> None:
    (spoken,) = said(prompts, "facility.hours", facility(week), language, now, opening)
    assert text.rstrip(".") in spoken
    assert ".." not in spoken


def test_another_date_is_told_before_the_usual_hours(prompts) -> None:
    (spoken,) = said(prompts, "facility.hours", facility(), opening=open_till("2026-03-02", "12:00"))
    assert spoken.startswith("We are open now, until noon. Our usual hours are: ")


def test_day_and_night_needs_no_list(prompts) -> None:
    week = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), ROUND_THE_CLOCK)
    always = Opening(is_open=True, until=None)
    assert said(prompts, "facility.hours", facility(week), opening=always) == ["We are open day and night."]


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
