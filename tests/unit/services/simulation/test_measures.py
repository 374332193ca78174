"""The figures of a day, from ledgers written by hand."""

from math import isnan

import pytest

from schemas.routing import Urgency
from services.simulation.ledger import Duty, Ledger
from services.simulation.measures import MEASURES, measure, quantile
from tests.unit.services.simulation.small import TRIAGE, call

EMERGENT = {"urgency": Urgency.EMERGENT, "need": TRIAGE}


def figures(*calls, **duties) -> dict[str, float]:
    return measure(Ledger("p", 1, calls=list(calls), duties=duties))


def test_every_figure_is_there_and_has_a_meaning() -> None:
    assert list(figures(call())) == list(MEASURES)
    assert isnan(figures()["asa_s"])


def test_asa_is_of_the_answered_and_waits_are_of_all() -> None:
    of = figures(call(1, wait_s=10), call(2, wait_s=20), call(3, wait_s=300, answered=False))
    assert (of["calls"], of["asa_s"], of["wait_p50_s"], of["wait_p99_s"]) == (3, 15, 20, 300)
    assert of["abandoned"] == of["routine_abandoned"] == pytest.approx(100 / 3)


def test_an_emergent_caller_is_late_after_ten_seconds_or_if_nobody_came() -> None:
    waits = [(1, 10.0, True), (2, 10.5, True), (3, 2.0, False), (4, 0.0, True)]
    of = figures(*(call(n, wait_s=wait, answered=answered, **EMERGENT) for n, wait, answered in waits))
    assert of["emergent_late"] == 50.0
    assert of["emergent_abandoned"] == of["triage_abandoned"] == 25.0


def test_until_a_nurse_counts_the_wrong_person_too() -> None:
    wrong = call(1, wait_s=1.0, leg=0, sent_on=True, **EMERGENT)
    right = call(1, wait_s=5.0, leg=1, able=True, **EMERGENT)
    of = figures(right, wrong)
    assert of["emergent_p95_s"] == 1.0
    assert of["emergent_helped_p95_s"] == 105.0
    assert of["calls"] == 1


def test_work_is_counted_by_caller() -> None:
    helped = call(1, worked_s=100.0, resolved=True)
    sent, then = call(2, worked_s=60.0, sent_on=True), call(2, leg=1, worked_s=140.0, resolved=True)
    gone, again = call(3, answered=False), call(3, attempt=1, worked_s=300.0, resolved=True)
    lost = call(4, answered=False)
    of = figures(helped, sent, then, gone, again, lost)
    assert of["lost"] == 25.0
    assert of["transfers"] == pytest.approx(100 / 3)
    assert of["aht_s"] == pytest.approx(200.0)
    assert of["fcr"] == pytest.approx(200 / 3)


def test_occupancy_and_its_spread() -> None:
    duties = {
        "a": Duty("agent", present_s=100.0, busy_s=80.0),
        "b": Duty("agent", present_s=100.0, busy_s=40.0),
        "n": Duty("nurse", present_s=200.0, busy_s=100.0),
        "ill": Duty("agent"),
    }
    of = figures(call(), **duties)
    assert of["occupancy"] == pytest.approx(55.0)
    assert of["desk_spread"] == pytest.approx(20.0)
    assert of["nurse_spread"] == 0.0


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.25, 1), (0.5, 2), (0.51, 3), (0.95, 4), (1.0, 4)])
def test_quantile(share, value) -> None:
    assert quantile([4, 2, 1, 3], share) == value


def test_a_duty_is_noted_twice_without_harm() -> None:
    duty = Duty("agent")
    for now, present, busy in ((0.0, True, False), (5.0, True, True), (9.0, False, True), (9.0, False, False)):
        duty.come(now, present=present)
        duty.work(now, busy=busy)
    assert (duty.present_s, duty.busy_s) == (9.0, 4.0)
