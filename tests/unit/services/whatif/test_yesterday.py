from datetime import date, timedelta
from random import Random

import pytest

from schemas.errors import ConfigurationError
from services.whatif.patience import PATIENCE_S_MAX
from services.whatif.queue_log import read_queue_log
from services.whatif.records import Call, Change, Left
from services.whatif.sources import Imported
from services.whatif.tally import Tally
from services.whatif.yesterday import HANG_UPS_MIN, rebuild
from tests.unit.services.whatif.examples import KEYS, NINE, QUEUE_LOG, call, change, hang_up, imported


def log() -> Imported:
    tally = Tally()
    records = list(read_queue_log(QUEUE_LOG.splitlines(), keys=KEYS, tally=tally))
    calls = sorted((one for one in records if isinstance(one, Call)), key=lambda one: one.arrived_at)
    return Imported(tuple(calls), tuple(one for one in records if not isinstance(one, Call)), tally)


def test_the_same_callers_come_at_the_same_instants() -> None:
    day = rebuild(log())
    assert [(one.arrived_at, one.queue) for one in day.callers] == [(one.arrived_at, one.queue) for one in day.calls]
    assert [one.continues for one in day.callers] == [False, False, False, True, False]


def test_whoever_hung_up_does_so_after_the_same_wait_and_the_others_wait_longer_than_they_did() -> None:
    day = rebuild(imported(*many()))
    for caller, told in zip(day.callers, day.calls, strict=True):
        if told.left is Left.ABANDONED:
            assert caller.patience_s == told.waited_s
        else:
            assert caller.patience_s > told.waited_s


def many(queue: str = "triage") -> list[Call]:
    random = Random(7)
    served = [call(place * 5, queue=queue, waited_s=float(random.randrange(60))) for place in range(60)]
    gone = [hang_up(place * 9, queue=queue, waited_s=float(random.randrange(1, 60))) for place in range(HANG_UPS_MIN)]
    return served + gone


def test_a_queue_with_few_hang_ups_shares_the_patience_of_all() -> None:
    few = [call(1, queue="billing"), hang_up(2, queue="billing")]
    day = rebuild(imported(*many(), *few))
    assert day.patience["triage"].waits == 80
    assert day.patience["billing"].waits == 82
    assert any("share the estimate of all queues together: billing." in sentence for sentence in day.assumptions)
    assert any(sentence.startswith("all queues together: 21 hang-ups") for sentence in day.assumptions)


def test_the_only_queue_has_its_own_patience_however_few_hang_ups() -> None:
    day = rebuild(imported(call(0), hang_up(1, waited_s=4.0)))
    assert day.patience["triage"].hang_ups == 1
    assert any(sentence.startswith("triage: 1 hang-ups in 2 waits") for sentence in day.assumptions)


def test_where_nobody_hung_up_nobody_does() -> None:
    day = rebuild(imported(call(0), call(1)))
    assert {caller.patience_s for caller in day.callers} == {PATIENCE_S_MAX}
    assert "triage: nobody hung up after waiting, so nobody does within 4 hours." in day.assumptions


def test_each_caller_brings_the_work_that_they_brought_or_one_of_their_queue() -> None:
    calls = [call(place, talked_s=30.0 + place, answered_by="Ann") for place in range(5)]
    day = rebuild(imported(*calls, call(9, queue="billing", talked_s=500.0, answered_by="Bob"), hang_up(10)))
    (ann, bob) = day.agents
    assert ann.pace["triage"] == bob.pace["billing"] == pytest.approx(1)
    works = [caller.work_s for caller in day.callers]
    assert works[:6] == pytest.approx([30, 31, 32, 33, 34, 500])
    assert works[6] in works[:5]


def test_a_queue_that_served_nobody_borrows_work() -> None:
    day = rebuild(imported(call(0, talked_s=44.0), hang_up(1, queue="billing")))
    assert day.callers[1].work_s == pytest.approx(44)


def test_an_agents_pace_is_drawn_towards_the_mean() -> None:
    fast = [call(place, talked_s=50.0, answered_by="Ann") for place in range(20)]
    slow = [call(place, talked_s=150.0, answered_by="Bob") for place in range(20)]
    ann, bob = rebuild(imported(*fast, *slow)).agents
    assert ann.pace["triage"] == pytest.approx(0.75)  # half of the way from 0.5 to 1
    assert bob.pace["triage"] == pytest.approx(1.25)


def test_a_pace_has_bounds() -> None:
    slow = [call(place, talked_s=9000.0, answered_by="Bob") for place in range(99)]
    day = rebuild(imported(*slow, *(call(place, talked_s=1.0) for place in range(2000))))
    assert [agent.pace["triage"] for agent in day.agents] == [0.5, 2.0]


def test_wrap_up_is_as_told_or_as_assumed() -> None:
    told = call(0, talked_s=60.0, wrap_up_s=5.0)
    day = rebuild(imported(told, call(1, talked_s=60.0), hang_up(2)), wrap_up_s=20.0)
    assert [one.wrap_up_s for one in day.calls] == [5, 20, None]
    assert "The file does not tell the wrap-up of 1 calls: it is taken as 20 s (--wrap-up)." in day.assumptions


def test_a_redial_names_the_call_that_it_tries_again() -> None:
    day = rebuild(log())
    assert [caller.redial_of for caller in day.callers] == [None, None, 1, None, None]


@pytest.mark.parametrize(
    ("first", "again_s", "redial"),
    [
        (hang_up(0, caller="a", waited_s=30.0), 3630, 0),
        (hang_up(0, caller="a", waited_s=30.0), 3631, None),
        (hang_up(0, caller="a", left=Left.TIMED_OUT), 100, 0),
        (hang_up(0, caller="a", left=Left.UNFINISHED), 100, None),
        (hang_up(0, caller=None), 100, None),
        (hang_up(0, caller="b"), 100, None),
        (call(0, caller="a"), 100, None),
    ],
)
def test_what_is_a_redial(first: Call, again_s: float, redial: int | None) -> None:
    again = call(again_s, caller="a" if first.caller else None)
    assert rebuild(imported(first, again)).callers[1].redial_of == redial


def test_one_unanswered_call_is_tried_again_once() -> None:
    calls = hang_up(0, caller="a"), call(60, caller="a"), call(120, caller="a")
    assert [caller.redial_of for caller in rebuild(imported(*calls)).callers] == [None, 0, None]
    calls = hang_up(0, caller="a"), hang_up(60, caller="a"), call(120, caller="a")
    assert [caller.redial_of for caller in rebuild(imported(*calls)).callers] == [None, 0, 1]


def test_agents_serve_what_they_answered_when_they_were_there() -> None:
    day = rebuild(log())
    told = {agent.name: (agent.queues, agent.shifts) for agent in day.agents}
    assert told["Ann"] == (("triage",), (day.window,))
    assert told["Bob"][0] == ("billing",)
    assert any("The shift of 2 is from signing in to signing out, of 0" in sentence for sentence in day.assumptions)


def test_who_answered_nobody_is_no_agent_of_the_day() -> None:
    changes = (change(0, Change.SIGNED_IN, agent="Cid"),)
    assert [agent.name for agent in rebuild(imported(call(0), changes=changes)).agents] == ["Ann"]


def test_what_was_signed_after_the_day_does_not_count() -> None:
    changes = (change(86400, Change.SIGNED_IN), change(90000, Change.SIGNED_OUT))
    day = rebuild(imported(call(0), changes=changes))
    assert day.agents[0].shifts == ((NINE + timedelta(seconds=10), NINE + timedelta(seconds=70)),)


def test_equal_seeds_give_equal_days_and_others_do_not() -> None:
    told = imported(*many())
    assert rebuild(told, seed=3) == rebuild(told, seed=3)
    assert rebuild(told, seed=3).callers != rebuild(told, seed=4).callers


def test_the_day_and_what_the_reader_assumed_are_said_first() -> None:
    tally = Tally()
    tally.assume("The reader takes something for granted.")
    day = rebuild(imported(call(0), call(90000), tally=tally), day=date(2026, 3, 3))
    assert day.assumptions[:2] == (
        "The day is 2026-03-03 (UTC), asked for.",
        "The reader takes something for granted.",
    )
    assert all(sentence.endswith(".") for sentence in day.assumptions)


def test_a_day_without_service_cannot_come_again() -> None:
    with pytest.raises(ConfigurationError, match="no call of the day was answered"):
        rebuild(imported(hang_up(0)))
