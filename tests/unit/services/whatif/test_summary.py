import json
from dataclasses import asdict

import pytest

from services.whatif.records import Change, Left
from services.whatif.summary import ALL, QueueFigures, as_json, figures
from services.whatif.yesterday import rebuild
from tests.unit.services.whatif.examples import call, change, hang_up, imported

CALLS = [
    call(0, waited_s=10.0, talked_s=50.0, wrap_up_s=10.0, ring_no_answers=1),
    call(100, waited_s=50.0, talked_s=100.0, wrap_up_s=20.0, left=Left.TRANSFERRED),
    hang_up(200, waited_s=30.0),
    hang_up(300, waited_s=60.0, left=Left.TIMED_OUT),
    call(400, queue="billing", waited_s=0.0, talked_s=100.0, wrap_up_s=0.0, answered_by="Bob"),
]
CHANGES = (change(0, Change.SIGNED_IN, None), change(500, Change.SIGNED_OUT, None))


def rows(target_s: float = 30.0) -> dict[str, QueueFigures]:
    return {row.queue: row for row in figures(rebuild(imported(*CALLS, changes=CHANGES)), target_s=target_s)}


def test_the_figures_of_a_queue() -> None:
    assert rows()["triage"] == QueueFigures(
        queue="triage",
        offered=4,
        answered=2,
        abandoned=1,
        otherwise=1,
        asa_s=30,
        wait_p95_s=50,
        service_level=0.25,
        abandonment=0.25,
        aht_s=90,
        transfers=0.5,
        ring_no_answers=0.25,
        agents=1,
        occupancy=pytest.approx((60 + 120) / 500),
    )


def test_all_queues_together() -> None:
    together = rows()[ALL]
    assert list(rows()) == ["billing", "triage", ALL]
    assert (together.offered, together.answered, together.agents) == (5, 3, 2)
    assert together.asa_s == pytest.approx(20)
    assert together.occupancy == pytest.approx((180 + 100) / 600)  # Bob was there for his call only


def test_the_target_decides_the_service_level() -> None:
    assert rows(target_s=50.0)["triage"].service_level == 0.5


def test_an_agent_is_not_busy_twice_at_once() -> None:
    day = rebuild(imported(call(0, waited_s=0.0, talked_s=60.0), call(30, waited_s=0.0, talked_s=60.0)))
    assert figures(day)[-1].occupancy == 1


def test_a_queue_without_answers_has_no_figures_of_answers() -> None:
    day = rebuild(imported(hang_up(0, queue="billing"), call(1)))
    billing = figures(day)[0]
    assert (billing.asa_s, billing.wait_p95_s, billing.aht_s, billing.transfers, billing.occupancy) == (None,) * 5
    assert (billing.service_level, billing.abandonment) == (0, 1)


def test_dropped_and_unfinished_calls_do_not_shorten_the_handle_time() -> None:
    odd = call(1, talked_s=0.0, left=Left.DROPPED), call(2, talked_s=None, left=Left.UNFINISHED)
    assert figures(rebuild(imported(call(0, talked_s=60.0), *odd)))[0].aht_s == 60


def test_as_json() -> None:
    told = as_json(rows().values())
    assert json.loads(json.dumps(told)) == told
    assert told[1]["occupancy"] == 0.36
    assert set(told[0]) == set(asdict(rows()["triage"]))
