"""A day through the real engine: nobody is lost, people keep their hours, and policies see the same callers."""

from dataclasses import replace
from itertools import pairwise
from math import inf

import pytest

from router.policies.catalogue import POLICIES
from router.policies.longest_idle import LongestIdle
from router.policies.priority_longest_idle import PriorityLongestIdle
from schemas.routing import Urgency
from services.simulation.callers import arrivals
from services.simulation.center import Habits, Person
from services.simulation.world import World
from tests.unit.services.simulation.small import REFILL, TRIAGE, caller, center

PRIORITY = PriorityLongestIdle()
QUIET = Habits(answer_s=0.0, connect_s=0.0, patience_s=inf, redial_share=0.0, failing=0.0, unresolved=0.0)


def day(callers, *, policy=PRIORITY, **changes):
    return World(center(**changes), callers, policy).run()


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_everybody_is_answered_or_gives_up_and_no_agent_has_two(policy) -> None:
    for seed in (1, 2):
        ledger = World(center(), arrivals(center(), seed), policy, seed=seed).run()
        for call in ledger.calls:
            assert (call.answered_s is None) != (call.given_up_s is None)
        for name in ledger.duties:
            talks = sorted((call.answered_s, call.worked_s) for call in ledger.calls if call.agent == name)
            assert all(begins + lasts <= after + 1e-3 for (begins, lasts), (after, _) in pairwise(talks))


def test_a_day_passes_the_same_way_twice() -> None:
    callers = arrivals(center(), 5)
    assert [repr(call) for call in day(callers).calls] == [repr(call) for call in day(callers).calls]


def test_the_same_callers_under_every_policy() -> None:
    callers = arrivals(center(), 5)
    first = {policy: World(center(), callers, POLICIES[policy]).run() for policy in POLICIES}
    shown = {
        policy: [(call.caller.number, call.queued_s) for call in ledger.calls if call.leg == call.attempt == 0]
        for policy, ledger in first.items()
    }
    assert len({tuple(calls) for calls in shown.values()}) == 1


def test_a_free_agent_answers_at_once() -> None:
    (call,) = day([caller(at_s=5.0)], habits=QUIET).calls
    assert (call.wait_s, call.able, call.resolved, call.sent_on) == (0.0, True, True, False)


def test_answering_and_connecting_take_their_time() -> None:
    (call,) = day([caller(at_s=5.0)], habits=replace(QUIET, answer_s=3.0, connect_s=2.0)).calls
    assert call.wait_s > 2.0


def test_who_cannot_help_sends_on_to_the_right_need_and_the_caller_keeps_their_place() -> None:
    lost = caller(1, at_s=400.0, need=TRIAGE, heard=REFILL, urgency=Urgency.URGENT)
    first, second = day([lost], policy=PriorityLongestIdle(level=0.0), habits=QUIET).calls
    assert (first.agent, first.able, first.sent_on) == ("carl", False, True)
    assert (second.agent, second.able, second.leg) == ("nora", True, 1)
    assert (second.placed_s, second.queued_s > second.placed_s) == (400.0, True)


def test_in_one_queue_a_clerk_answers_a_patient_and_sends_them_on() -> None:
    people = center().people[:2]
    callers = [caller(0, at_s=1.0), caller(1, at_s=2.0, need=TRIAGE, urgency=Urgency.EMERGENT)]
    ledger = day(callers, policy=LongestIdle(), people=people, habits=QUIET)
    assert [(call.agent, call.able) for call in ledger.calls] == [("carl", True), ("nora", True)]
    swapped = day([callers[1]], policy=LongestIdle(), people=people, habits=QUIET)
    assert [call.agent for call in swapped.calls] == ["carl", "nora"]


def test_who_gives_up_may_call_again() -> None:
    habits = replace(QUIET, patience_s=1.0, redial_share=0.999)
    people = tuple(replace(person, starts_s=9000.0) for person in center().people)
    ledger = day([caller(0, at_s=1.0, need=TRIAGE)], people=people, habits=habits)
    assert len(ledger.calls) > 1
    assert all(call.given_up_s is not None for call in ledger.calls)
    assert [call.attempt for call in ledger.calls] == list(range(len(ledger.calls)))
    assert all(call.queued_s < center().closes_s for call in ledger.calls)


def test_people_keep_their_hours_and_their_breaks() -> None:
    ledger = day([caller(at_s=100.0), caller(1, at_s=3400.0)], habits=QUIET)
    assert ledger.duties["cleo"].present_s == pytest.approx(2700.0)
    whole = ledger.duties["nora"].present_s
    assert ledger.duties["carl"].present_s == pytest.approx(whole - 300.0)


def test_a_break_waits_for_the_call_and_is_not_shortened() -> None:
    people = (Person("una", "agent", {"nurse": 0.9, "refill": 0.8}, breaks=((600.0, 300.0),)),)
    ledger = day([caller(at_s=599.0)], people=people, habits=QUIET)
    (call,) = ledger.calls
    begins = call.answered_s + call.worked_s
    assert begins > 600.0
    late = day([caller(at_s=599.0), caller(1, at_s=begins + 1.0)], people=people, habits=QUIET)
    assert late.calls[1].answered_s == pytest.approx(begins + 300.0, abs=1e-3)


def test_occupancy_is_talk_and_wrap_up() -> None:
    ledger = day([caller(at_s=5.0)], habits=QUIET)
    (call,) = ledger.calls
    assert ledger.duties[call.agent].busy_s == pytest.approx(call.worked_s, abs=1e-3)
    assert ledger.duties[call.agent].role == "agent"
