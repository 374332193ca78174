"""Means, intervals and paired differences."""

from math import isnan, nan

import pytest

from services.simulation.statistics import estimate, paired, t_quantile


def test_an_interval_worked() -> None:
    of = estimate([1.0, 2.0, 3.0, 4.0])
    assert of.mean == 2.5
    assert of.half == pytest.approx(3.182 * 1.2909944 / 2)
    assert of.holds(2.5)
    assert of.holds(of.low)
    assert not of.holds(of.high + 1e-9)


def test_pairs_take_out_what_they_share() -> None:
    days = [10.0, 50.0, 90.0]
    difference = paired([day + 1.0 for day in days], days)
    assert (difference.mean, difference.half) == (1.0, 0.0)


def test_one_value_has_no_interval_and_what_is_not_known_is_left_out() -> None:
    assert estimate([3.0]).mean == 3.0
    assert isnan(estimate([3.0, nan]).half)
    assert isnan(estimate([nan]).mean)
    assert estimate([1.0, nan, 3.0]).mean == 2.0


@pytest.mark.parametrize(("freedom", "value"), [(1, 12.706), (9, 2.262), (11, 2.201), (30, 2.042), (99, 1.984)])
def test_students_t(freedom, value) -> None:
    assert t_quantile(freedom) == pytest.approx(value, abs=6e-4)
