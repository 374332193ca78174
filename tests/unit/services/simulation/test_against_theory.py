"""The simulated day, through the real engine, agrees with the exact formulas within its confidence interval.

Several long days each, of which the first part is left out, so that the empty beginning does not count. The seeds are
fixed: a failure is a change of the engine, of the policy or of the simulator, and no bad luck.
"""

from math import inf

import pytest

from router.policies.frontdoor import Frontdoor
from router.policies.priority_longest_idle import PriorityLongestIdle
from schemas.routing import Urgency
from services.simulation import erlang
from services.simulation.callers import arrivals
from services.simulation.center import Center, Habits, Need, Person
from services.simulation.statistics import Estimate, estimate
from services.simulation.world import World

AGENTS = 4
TALK_S = 120.0
PATIENCE_S = 100.0
WARM_UP_S = 1800.0
PARTS = 5  # hours
SEEDS = range(1, 13)


def center(rate: float, *, patience_s: float, urgent_share: float = 0.0) -> Center:
    habits = Habits(
        patience_s=patience_s, redial_share=0.0, answer_s=0.0, connect_s=0.0, talk_spread=None, slowness=0.0,
        failing=0.0, unresolved=0.0, misheard=0.0, underrated=0.0, overrated=0.0,
    )  # fmt: skip
    need = Need("triage.symptom", "nurse", 1.0, TALK_S, 0.0, urgencies=(0.0, urgent_share, 1.0 - urgent_share))
    people = tuple(Person(f"nurse-{number}", "nurse", {"nurse": 1.0}) for number in range(AGENTS))
    return Center((need,), people, rates=(rate,) * PARTS, dispersion=1.0, habits=habits)


def measured(center: Center, policy) -> dict[Urgency, tuple[Estimate, Estimate]]:
    """Return mean wait and abandonment by class, over days that are independent of one another."""
    waits = {urgency: [] for urgency in Urgency}
    abandoned = {urgency: [] for urgency in Urgency}
    for seed in SEEDS:
        calls = World(center, arrivals(center, seed), policy, seed=seed).run().calls
        for urgency in Urgency:
            of_class = [call for call in calls if call.urgency is urgency and call.queued_s >= WARM_UP_S]
            if of_class:
                waits[urgency].append(sum(call.wait_s for call in of_class) / len(of_class))
                abandoned[urgency].append(sum(call.given_up_s is not None for call in of_class) / len(of_class))
    return {urgency: (estimate(waits[urgency]), estimate(abandoned[urgency])) for urgency in Urgency}


@pytest.mark.parametrize("policy", [Frontdoor(), PriorityLongestIdle()], ids=["frontdoor", "priority"])
def test_a_queue_where_nobody_gives_up(policy) -> None:
    rate = 0.6 * AGENTS / TALK_S
    exact = erlang.erlang_c(rate, 1 / TALK_S, AGENTS)
    wait_s, _ = measured(center(rate, patience_s=inf), policy)[Urgency.ROUTINE]
    assert wait_s.holds(exact.wait_s)
    assert wait_s.half < 0.45 * exact.wait_s


def test_each_wait_is_that_of_the_recursion() -> None:
    """Kiefer and Wolfowitz: the next caller waits for whichever agent is free first. No statistics are needed."""
    busy = center(0.9 * AGENTS / TALK_S, patience_s=inf)
    ledger = World(busy, arrivals(busy, 1), PriorityLongestIdle(), seed=1).run()
    free_at = [0.0] * AGENTS
    for call in ledger.calls:
        first = min(range(AGENTS), key=free_at.__getitem__)
        begins = max(call.queued_s, free_at[first])
        assert call.answered_s == pytest.approx(begins, abs=1e-3)
        free_at[first] = begins + call.worked_s
    assert max(call.wait_s for call in ledger.calls) > 100.0


def test_a_queue_with_abandonment() -> None:
    rate = 1.1 * AGENTS / TALK_S
    exact = erlang.erlang_a(rate, 1 / TALK_S, AGENTS, 1 / PATIENCE_S)
    wait_s, abandoned = measured(center(rate, patience_s=PATIENCE_S), PriorityLongestIdle())[Urgency.ROUTINE]
    assert wait_s.holds(exact.wait_s)
    assert abandoned.holds(exact.p_abandon)
    assert abandoned.half < 0.2 * exact.p_abandon


def test_two_classes_with_abandonment() -> None:
    rate, share = 1.1 * AGENTS / TALK_S, 0.3
    exact = erlang.priority_with_abandonment((rate * share, rate * (1 - share)), 1 / TALK_S, AGENTS, 1 / PATIENCE_S)
    found = measured(center(rate, patience_s=PATIENCE_S, urgent_share=share), PriorityLongestIdle())
    for urgency, queue in zip((Urgency.URGENT, Urgency.ROUTINE), exact, strict=True):
        wait_s, abandoned = found[urgency]
        assert wait_s.holds(queue.wait_s)
        assert abandoned.holds(queue.p_abandon)
        assert abandoned.half < 0.3 * queue.p_abandon


def test_two_classes_where_nobody_gives_up() -> None:
    rate, share = 0.6 * AGENTS / TALK_S, 0.4
    exact = erlang.priority((rate * share, rate * (1 - share)), 1 / TALK_S, AGENTS)
    found = measured(center(rate, patience_s=inf, urgent_share=share), PriorityLongestIdle())
    for urgency, queue in zip((Urgency.URGENT, Urgency.ROUTINE), exact, strict=True):
        assert found[urgency][0].holds(queue.wait_s)
        assert found[urgency][0].half < 0.45 * queue.wait_s
