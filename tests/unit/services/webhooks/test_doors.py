"""The doors as the dialog is told of them: by the clock of the place."""

from datetime import UTC, date, datetime, time

import pytest

from ivr.steps import Opening
from schemas.hours import Hours
from services.webhooks.doors import opening_of

DAY = [{"opens": "08:00", "closes": "17:00"}]
HOURS = Hours.model_validate(
    {
        "zone": "America/New_York",
        "week": {"mon": DAY, "tue": [{"opens": "18:00", "closes": "24:00"}]},
        "closed_on": ["2026-03-16"],
        "overrides": {"2026-03-04": [{"opens": "08:00", "closes": "12:00"}]},
    }
)


@pytest.mark.parametrize(
    ("utc", "is_open", "until"),
    [
        ("2026-03-02T13:00", True, (date(2026, 3, 2), time(17))),
        ("2026-03-02T22:00", False, (date(2026, 3, 3), time(18))),
        ("2026-03-04T04:30", True, (date(2026, 3, 4), time(0))),  # until midnight is until 0:00 of the next day
        ("2026-03-04T06:00", False, (date(2026, 3, 4), time(8))),  # hours of that date only
        ("2026-03-04T14:00", True, (date(2026, 3, 4), time(12))),
        ("2026-03-09T12:00", True, (date(2026, 3, 9), time(17))),  # summer time since the day before
        ("2026-03-15T12:00", False, (date(2026, 3, 17), time(18))),  # the Monday is a holiday
    ],
)
def test_the_doors_at_a_moment(utc, is_open, until) -> None:
    assert opening_of(HOURS, datetime.fromisoformat(utc).replace(tzinfo=UTC)) == Opening(is_open, until)


def test_what_is_far_away_is_not_told() -> None:
    later = Hours.model_validate({"zone": "UTC", "week": {}, "overrides": {"2026-03-20": DAY}})
    assert opening_of(later, datetime(2026, 3, 2, tzinfo=UTC)) == Opening(is_open=False, until=None)
    assert opening_of(later, datetime(2026, 3, 7, tzinfo=UTC)).until == (date(2026, 3, 20), time(8))
