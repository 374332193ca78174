from datetime import date
from zoneinfo import ZoneInfo

import pytest

from schemas.errors import ConfigurationError
from services.whatif.day import choose_day
from tests.unit.services.whatif.examples import call

NEW_YORK = ZoneInfo("America/New_York")
HOUR = 3600


def test_what_lies_within_24_hours_is_one_day() -> None:
    night = [call(0), call(23 * HOUR)]
    chosen = choose_day(night, day=None, zone=None)
    assert len(chosen.calls) == 2
    assert "within 24 hours" in chosen.assumed


def test_of_many_days_the_busiest_is_taken() -> None:
    calls = [call(0), call(24 * HOUR), call(25 * HOUR), call(50 * HOUR)]
    chosen = choose_day(calls, day=None, zone=None)
    assert [one.arrived_at.day for one in chosen.calls] == [3, 3]
    assert chosen.assumed == "The day is 2026-03-03 (UTC), the busiest of 3 in the file."


def test_a_day_begins_where_the_clock_hangs() -> None:
    calls = [call(0), call(18 * HOUR), call(24 * HOUR)]
    assert len(choose_day(calls, day=date(2026, 3, 2), zone=NEW_YORK).calls) == 2
    assert len(choose_day(calls, day=date(2026, 3, 2), zone=None).calls) == 1


def test_a_day_on_which_nobody_called() -> None:
    with pytest.raises(ConfigurationError, match=r"nobody called on 2026-03-09\. .* from 2026-03-02 to 2026-03-03"):
        choose_day([call(0), call(24 * HOUR)], day=date(2026, 3, 9), zone=None)
