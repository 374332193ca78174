from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.whatif.times import NoZone, instant, parse_instant, parse_seconds, seconds_between
from tests.unit.services.whatif.examples import NINE, T0

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T09:00:00Z", "2026-03-02 09:00:00.000 UTC", "2026-03-02T04:00:00-05:00", "2026-03-02 09:00:00 gmt",
        f"{T0}", f"{T0}.0", f"{T0}000", " 2026-03-02T09:00:00.000000+00:00 ",
    ],
)  # fmt: skip
def test_one_instant_in_many_spellings(text: str) -> None:
    assert parse_instant(text, None) == NINE


def test_a_clock_without_an_offset_hangs_where_we_are_told() -> None:
    assert parse_instant("2026-03-02 04:00:00", NEW_YORK) == NINE
    with pytest.raises(NoZone):
        parse_instant("2026-03-02 04:00:00", None)


def test_in_the_hour_that_comes_twice_the_first_is_meant() -> None:
    assert parse_instant("2026-11-01 01:30", NEW_YORK) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "3/2/2026 9:00",
        "02.03.2026 09:00",
        "1e999",
        "nan",
        "-5",
        "12",
        "1979-12-31T00:00Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00",
    ],
)
def test_what_is_no_time_of_a_call(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of the standard library, or ours
        parse_instant(text, UTC)


@pytest.mark.parametrize(
    ("text", "unit_s", "seconds"),
    [
        ("90", 1, 90),
        ("1.5", 1, 1.5),
        ("1500", 0.001, 1.5),
        ("1:30", 1, 90),
        ("01:02:03", 1, 3723),
        ("2:03.5", 1, 123.5),
    ],
)
def test_durations(text: str, unit_s: float, seconds: float) -> None:
    assert parse_seconds(text, unit_s) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-1", "nan", "inf", "86401", "999:00:00", "soon"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        parse_seconds(text)


def test_an_end_before_its_start_is_refused() -> None:
    assert seconds_between(NINE, NINE + timedelta(minutes=1)) == 60
    with pytest.raises(ValueError, match="below zero"):
        seconds_between(NINE, NINE - timedelta(seconds=1))


@given(st.text() | st.from_regex(r"\d{1,4}-?\d\d-?\d\d[T ]\d\d:?\d\d(:\d\d)?([+-]\d\d:\d\d|Z)?", fullmatch=True))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert parse_instant(text, NEW_YORK).utcoffset() == timedelta(0)
    with suppress(ValueError):
        assert 0 <= parse_seconds(text) <= 86400


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_is_an_instant_or_refused(epoch_s: float) -> None:
    with suppress(ValueError):
        assert abs(instant(epoch_s).timestamp() - epoch_s) < 1e-3
