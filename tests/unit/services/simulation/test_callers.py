"""The callers of a day."""

from collections import Counter
from dataclasses import replace
from math import inf
from statistics import fmean, variance

import pytest

from schemas.routing import Urgency
from services.simulation import calibration
from services.simulation.callers import Caller, arrivals, conversation
from services.simulation.center import NURSE, Center, Habits
from services.simulation.clinic import NEEDS, clinic


def counts(center: Center, days: int) -> list[int]:
    """Return the number of calls in the third hour of many days."""
    return [sum(7200 <= caller.calls_at_s < 10800 for caller in arrivals(center, seed)) for seed in range(days)]


def small(**changes) -> Center:
    return replace(clinic(), rates=(0.0, 0.0, 0.02), **changes)


def test_arrivals_are_over_dispersed_as_measured() -> None:
    numbers = counts(small(), 500)
    assert fmean(numbers) == pytest.approx(72.0, rel=0.04)
    assert variance(numbers) / fmean(numbers) == pytest.approx(calibration.DISPERSION, rel=0.15)


def test_arrivals_may_be_poisson() -> None:
    numbers = counts(small(dispersion=1.0), 300)
    assert variance(numbers) / fmean(numbers) == pytest.approx(1.0, rel=0.2)


def test_a_day_is_the_same_for_its_seed_and_in_order() -> None:
    day = arrivals(clinic(), 3)
    assert day == arrivals(clinic(), 3)
    assert day != arrivals(clinic(), 4)
    assert [caller.calls_at_s for caller in day] == sorted(caller.calls_at_s for caller in day)
    assert all(caller.calls_at_s < clinic().closes_s for caller in day)


def test_the_mix_is_that_of_the_center() -> None:
    callers = [caller for seed in range(4) for caller in arrivals(clinic(), seed)]
    by_skill = Counter(caller.need.skill for caller in callers)
    assert by_skill[NURSE] / len(callers) == pytest.approx(0.14, abs=0.01)
    nurses = [caller for caller in callers if caller.need.skill == NURSE]
    assert fmean(caller.urgency is Urgency.EMERGENT for caller in nurses) == pytest.approx(0.16, abs=0.03)
    assert all(caller.urgency is not Urgency.EMERGENT for caller in callers if caller.need.skill != NURSE)
    assert all(caller.heard.skill == NURSE for caller in callers if caller.rated is Urgency.EMERGENT)
    assert 0.02 < fmean(caller.heard is not caller.need for caller in callers) < 0.05


def caller(number: int) -> Caller:
    return Caller(1, number, 0.0, NEEDS[1], Urgency.ROUTINE, NEEDS[1], Urgency.ROUTINE)


def test_about_half_of_those_who_gave_up_come_back_within_the_hour() -> None:
    center = clinic()
    delays = [caller(number).redials_after_s(center, 0) for number in range(2000)]
    back = [delay for delay in delays if delay is not None]
    assert len(back) / len(delays) == pytest.approx(calibration.REDIAL_SHARE, abs=0.03)
    assert max(back) <= 3600
    assert all(caller(number).redials_after_s(center, 4) is None for number in range(50))


def test_patience() -> None:
    center = clinic()
    assert fmean(caller(n).patience_s(center, 0, 0) for n in range(2000)) == pytest.approx(240.0, rel=0.06)
    assert caller(1).patience_s(center, 0, 0) != caller(1).patience_s(center, 1, 0)
    assert caller(1).patience_s(replace(center, habits=Habits(patience_s=inf)), 0, 0) == inf


def test_the_proficient_are_quicker_and_send_fewer_on() -> None:
    center = clinic()
    good = [conversation(center, caller(number), 0.95, 0) for number in range(1000)]
    poor = [conversation(center, caller(number), 0.35, 0) for number in range(1000)]
    assert all(quick.talk_s <= slow.talk_s for quick, slow in zip(good, poor, strict=True) if not slow.sent_on)
    assert sum(talk.sent_on for talk in good) < sum(talk.sent_on for talk in poor)
    assert sum(talk.resolved for talk in good) > sum(talk.resolved for talk in poor)


def test_who_has_not_the_skill_sends_the_caller_on_soon_but_for_the_last() -> None:
    center = clinic()
    talk = conversation(center, caller(1), None, 0)
    assert talk.sent_on
    assert not talk.resolved
    assert not conversation(center, caller(1), None, 2).sent_on
