import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.whatif.patience import PATIENCE_S_MAX, Survival, kaplan_meier

# Weeks of remission of 21 patients on 6-mercaptopurine, a plus marks the censored (Freireich and
# others, Blood 21, 1963), with the product-limit estimate as textbooks of survival analysis print it.
WEEKS = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PRINTED = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}


def textbook() -> Survival:
    return kaplan_meier((float(week.strip("+")), not week.endswith("+")) for week in WEEKS.split())


def test_the_worked_example() -> None:
    curve = textbook()
    assert dict(zip(curve.times_s, (round(share, 3) for share in curve.shares), strict=True)) == PRINTED
    assert (curve.hang_ups, curve.waits, curve.longest_s) == (9, 21, 35)
    assert curve.at(5.9) == 1
    assert curve.at(6) == pytest.approx(18 / 21)
    assert curve.at(21.9) == curve.at(16)
    assert curve.median_s() == 23


def test_the_tail_goes_on_at_the_mean_rate() -> None:
    curve = textbook()
    rate = 9 / sum(float(week.strip("+")) for week in WEEKS.split())
    assert curve.tail_rate == pytest.approx(rate)
    assert curve.at(35) == curve.at(23)
    assert curve.at(45) == pytest.approx(curve.at(35) * math.exp(-10 * rate))
    assert curve.draw(0.1) == pytest.approx(35 + math.log(curve.at(35) / 0.1) / rate)


def test_exponential_patience_is_found_again_within_its_interval() -> None:
    """4,000 callers of mean patience 180 s, answered after 90 s on average: two in three are censored."""
    random = Random(20260302)
    waits = []
    for _ in range(4000):
        patience_s, answer_s = random.expovariate(1 / 180), random.expovariate(1 / 90)
        waits.append((min(patience_s, answer_s), patience_s < answer_s))
    curve = kaplan_meier(waits)
    assert 0.30 < curve.hang_ups / curve.waits < 0.37
    assert 1 / curve.tail_rate == pytest.approx(180, abs=1.96 * 180 / math.sqrt(curve.hang_ups))
    for wait_s in (15, 30, 60, 120, 240):
        assert abs(curve.at(wait_s) - math.exp(-wait_s / 180)) < 1.96 * greenwood(waits, wait_s) * curve.at(wait_s)


def greenwood(waits: list[tuple[float, bool]], until_s: float) -> float:
    """Greenwood's relative standard error of the estimate at `until_s`, for waits that all differ."""
    ordered = sorted(waits)
    at_risk = ((len(ordered) - place, gave_up) for place, (wait_s, gave_up) in enumerate(ordered) if wait_s <= until_s)
    return math.sqrt(sum(1 / (left * (left - 1)) for left, gave_up in at_risk if gave_up))


def test_draws_follow_the_curve_also_of_those_who_waited_already() -> None:
    curve = textbook()
    chances = [(place + 0.5) / 10_000 for place in range(10_000)]
    for beyond_s in (None, 0.0, 8.0):
        drawn = [curve.draw(chance, beyond_s=beyond_s) for chance in chances]
        for wait_s in (9, 12, 20, 30, 50):
            share = sum(one > wait_s for one in drawn) / len(drawn)
            assert share == pytest.approx(curve.at(wait_s) / curve.at(beyond_s or 0.0), abs=2e-4)


def test_who_is_answered_at_the_moment_of_a_hang_up_was_still_at_risk() -> None:
    assert kaplan_meier([(5, True), (5, False)]).shares == (0.5,)


def test_nobody_hung_up() -> None:
    curve = kaplan_meier([(5, False), (9, False)])
    assert curve.at(1e6) == 1
    assert curve.draw(0.001) == PATIENCE_S_MAX


def test_no_waits_at_all() -> None:
    curve = kaplan_meier([])
    assert (curve.at(10), curve.draw(0.5)) == (1, PATIENCE_S_MAX)


def test_everybody_hung_up_at_once() -> None:
    curve = kaplan_meier([(0, True), (0, True)])
    assert curve.draw(0.5) == 0
    assert curve.draw(0.5, beyond_s=3) == PATIENCE_S_MAX


def test_whoever_outwaits_the_curve_goes_on_at_the_mean_rate() -> None:
    curve = kaplan_meier([(10, True), (30, True)])
    assert curve.at(30) == 0
    assert curve.draw(0.5, beyond_s=30) == pytest.approx(30 + math.log(2) * 20)


waits = st.lists(st.tuples(st.integers(0, 400).map(float), st.booleans()), max_size=40)


@given(waits, st.floats(1e-9, 1), st.floats(0, 86400))
def test_any_draw_is_sound(told: list[tuple[float, bool]], chance: float, beyond_s: float) -> None:
    curve = kaplan_meier(told)
    assert list(curve.shares) == sorted(curve.shares, reverse=True)
    assert all(0 <= share < 1 for share in curve.shares)
    drawn = curve.draw(chance, beyond_s=beyond_s)
    assert beyond_s <= drawn <= max(beyond_s, PATIENCE_S_MAX)
