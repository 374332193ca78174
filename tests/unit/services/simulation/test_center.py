"""What a center says in its document: needs and people always, the rules of the house only for our own policy."""

from dataclasses import replace
from math import inf

import pytest

from router.policies.frontdoor import Frontdoor
from schemas.routing import Urgency
from services.simulation import comparison
from services.simulation.center import Habits, Person, Rules, queue_name
from services.simulation.clinic import RULES, clinic
from services.simulation.world import World
from tests.unit.services.simulation.small import REFILL, TRIAGE, caller, center

KEPT = Rules(reserve=1, reserve_s=60.0, levels=((0.0, 0.5), (30.0, 0.3), (90.0, None)))
STEADY = Habits(answer_s=0.0, connect_s=0.0, redial_share=0.0, patience_s=1e6, failing=0.0)


def requirement(need, rules):
    (asked,) = center().document(rules).queue(queue_name(need)).requires
    return asked


def test_without_rules_a_skill_is_asked_for_and_nobody_is_kept() -> None:
    document = center().document()
    assert document.emergency.reserve == 0
    assert document.emergency.queue == queue_name(TRIAGE)
    assert all(
        (need.level_min, need.hard, need.relax) == (0.0, True, ()) for q in document.queues for need in q.requires
    )


def test_rules_give_way_at_the_desk_and_never_for_a_nurse() -> None:
    asked = requirement(REFILL, KEPT)
    assert (asked.level_min, asked.hard) == (0.5, False)
    assert [(step.after_s, step.level_min) for step in asked.relax] == [(30.0, 0.3), (90.0, None)]
    assert requirement(TRIAGE, KEPT).hard
    assert requirement(REFILL, replace(KEPT, levels=((0.0, 0.4),))).hard
    emergency = center().document(KEPT).emergency
    assert (emergency.reserve, emergency.reserve_s) == (1, 60.0)


def test_a_nurse_is_kept_for_as_long_as_the_rules_say() -> None:
    people = (Person("nora", "nurse", {"nurse": 0.9}), Person("carl", "agent", {"refill": 0.9}, starts_s=inf))
    callers = [caller(0, at_s=5.0, need=TRIAGE)]
    small = center(people=people, habits=STEADY)
    (call,) = World(small, callers, Frontdoor(), rules=KEPT).run().calls
    assert call.wait_s == pytest.approx(60.0)
    callers = [caller(0, at_s=5.0, need=TRIAGE), caller(1, at_s=9.0, need=TRIAGE, urgency=Urgency.EMERGENT)]
    first, second = World(small, callers, Frontdoor(), rules=KEPT).run().calls
    assert (second.wait_s, first.answered_s > second.answered_s) == (0.0, True)


def test_a_clerk_for_whom_it_is_the_second_skill_is_drawn_in_later() -> None:
    people = (Person("una", "agent", {"refill": 0.4}), Person("nora", "nurse", {"nurse": 0.9}, starts_s=inf))
    (call,) = World(center(people=people, habits=STEADY), [caller(at_s=5.0)], Frontdoor(), rules=KEPT).run().calls
    assert call.wait_s == pytest.approx(30.0)


def test_only_our_policy_has_the_rules(monkeypatch) -> None:
    seen = {}

    class Seen(World):
        def __init__(self, center, callers, policy, *, rules, seed) -> None:
            seen[policy.name] = rules
            super().__init__(center, callers, policy, rules=rules, seed=seed)

    monkeypatch.setattr(comparison, "World", Seen)
    names = ("gcmu", "frontdoor")
    comparison.compare(center(rules=KEPT), names, (1,), load=1.0, progress=lambda _done, _days: None)
    assert seen == {"gcmu": None, "frontdoor": KEPT}


def test_the_clinic_has_rules() -> None:
    assert clinic().rules == RULES
    assert clinic().document(RULES).emergency.reserve == 1
