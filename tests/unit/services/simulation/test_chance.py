"""Chance is a function of what it is for."""

from statistics import NormalDist, fmean, stdev

import pytest

from services.simulation import chance

MANY = range(4000)


def test_the_same_for_the_same_and_other_for_others() -> None:
    assert chance.uniform(1, 2, "patience") == chance.uniform(1, 2, "patience")
    assert (
        len({chance.uniform(*what) for what in ((1, 2, "a"), (1, 2, "b"), (12, "a"), (2, 1, "a"), ("1", 2, "a"))}) == 5
    )
    assert chance.stream(1, "x").random() == chance.stream(1, "x").random()


def test_uniform_is_strictly_between_and_even() -> None:
    values = [chance.uniform(number) for number in MANY]
    assert 0.0 < min(values) < 0.01
    assert 0.99 < max(values) < 1.0
    assert fmean(values) == pytest.approx(0.5, abs=0.015)
    assert stdev(values) == pytest.approx(12**-0.5, abs=0.01)


def test_exponential_and_lognormal_have_their_mean() -> None:
    times = [chance.exponential(100.0, number) for number in MANY]
    assert fmean(times) == pytest.approx(100.0, rel=0.05)
    assert stdev(times) == pytest.approx(100.0, rel=0.08)
    assert fmean(chance.lognormal(100.0, 0.84, number) for number in MANY) == pytest.approx(100.0, rel=0.05)


def test_a_lognormal_median_is_where_it_belongs() -> None:
    below = [chance.lognormal(100.0, 1.0, number) < 100.0 for number in MANY]
    assert fmean(below) == pytest.approx(NormalDist().cdf(0.5), abs=0.03)


def test_between_follows_its_quantiles() -> None:
    values = [chance.between((0.0, 1.0, 10.0), number) for number in MANY]
    assert min(values) >= 0.0
    assert max(values) <= 10.0
    assert fmean(value < 1.0 for value in values) == pytest.approx(0.5, abs=0.03)


def test_pick_goes_by_shares() -> None:
    picked = [chance.pick("ab", (1.0, 3.0), number) for number in MANY]
    assert picked.count("b") / len(picked) == pytest.approx(0.75, abs=0.03)
    assert chance.pick("ab", (0.0, 1.0), 1) == "b"
