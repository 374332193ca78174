from datetime import timedelta

import pytest

from schemas.errors import CarrierUnavailable
from services.call_control.patience import Patience, Unwanted
from services.carriers.port import CarrierRefused
from services.runtime.limits import Limits
from services.runtime.telemetry import CARRIER_BREAKER, CARRIER_FAILURES
from tests.carrier_cases import NOW


class Act:
    """Fails so many times, then returns."""

    def __init__(self, failures, error=None):
        self.failures = failures
        self.error = error or CarrierUnavailable("down", status=503)
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "done"


@pytest.fixture
def patience(world):
    return Patience(world.clock, Limits(breaker_failures_max=4, breaker_rest_s=5.0), world.metrics, pause=world.pause)


async def test_success_needs_no_pause(world, patience):
    assert await patience.attempt("AC1", Act(0), attempts_max=3) == "done"
    assert world.pauses == []


async def test_pauses_grow_and_attempts_are_bounded(world, patience):
    act = Act(9)
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", act, attempts_max=3)
    assert (act.calls, world.pauses) == (3, [0.25, 0.5])
    assert world.metrics.value(CARRIER_FAILURES, account="AC1", status="503") == 3


async def test_a_refusal_is_not_repeated(world, patience):
    act = Act(9, CarrierRefused("no", status=400))
    with pytest.raises(CarrierRefused):
        await patience.attempt("AC1", act, attempts_max=3)
    assert act.calls == 1


async def test_after_failures_in_a_row_the_account_is_given_a_rest(world, patience):
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", Act(9), attempts_max=4)
    assert world.metrics.value(CARRIER_BREAKER, account="AC1") == 1
    world.pauses.clear()
    assert await patience.attempt("AC1", Act(0), attempts_max=1) == "done"
    assert world.pauses == [5.0]
    assert world.metrics.value(CARRIER_BREAKER, account="AC1") == 0


async def test_a_rest_longer_than_the_deadline_is_a_failure_without_asking(world, patience):
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", Act(9), attempts_max=4)
    act = Act(0)
    with pytest.raises(CarrierUnavailable, match="rest"):
        await patience.attempt("AC1", act, attempts_max=3, until=world.clock.now() + timedelta(seconds=2))
    assert act.calls == 0


async def test_one_failure_after_the_rest_begins_another(world, patience):
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", Act(9), attempts_max=4)
    world.clock.advance(5)
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", Act(9), attempts_max=1)
    act = Act(0)
    with pytest.raises(CarrierUnavailable, match="rest"):
        await patience.attempt("AC1", act, attempts_max=1, until=world.clock.now() + timedelta(seconds=1))


async def test_other_accounts_do_not_rest(world, patience):
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", Act(9), attempts_max=4)
    world.pauses.clear()
    assert await patience.attempt("AC2", Act(0), attempts_max=1) == "done"
    assert world.pauses == []


@pytest.mark.parametrize("answer", [Act(0), Act(9, CarrierRefused("no"))])
async def test_any_answer_ends_the_row_of_failures(world, patience, answer):
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", Act(9), attempts_max=3)
    answer.calls = 0
    try:
        await patience.attempt("AC1", answer, attempts_max=1)
    except CarrierRefused:
        assert answer.failures
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", Act(9), attempts_max=3)
    assert world.metrics.value(CARRIER_BREAKER, account="AC1") == 0


async def test_nothing_is_asked_when_it_is_not_wanted(world, patience):
    act = Act(0)
    with pytest.raises(Unwanted):
        await patience.attempt("AC1", act, attempts_max=3, wanted=lambda: False)
    assert act.calls == 0


async def test_no_pause_reaches_beyond_the_deadline(world, patience):
    act = Act(9)
    with pytest.raises(CarrierUnavailable):
        await patience.attempt("AC1", act, attempts_max=3, until=NOW + timedelta(seconds=0.25))
    assert (act.calls, world.pauses) == (1, [])
