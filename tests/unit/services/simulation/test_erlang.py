"""The formulas against worked figures, against one another and against other ways to compute them."""

import pytest

from services.simulation import erlang


def test_erlang_b_by_its_sum() -> None:
    load, agents, term, total = 15.0, 20, 1.0, 1.0
    for number in range(1, agents + 1):
        term *= load / number
        total += term
    assert erlang.erlang_b(load, agents) == pytest.approx(term / total, rel=1e-12)
    assert erlang.erlang_b(load, 0) == 1.0


def test_erlang_c_of_one_agent_is_the_simple_queue() -> None:
    queue = erlang.erlang_c(0.5, 1.0, 1)
    assert queue.p_wait == pytest.approx(0.5)
    assert queue.wait_s == pytest.approx(1.0)
    assert queue.waiting == pytest.approx(0.5)


def test_erlang_c_needs_enough_agents() -> None:
    with pytest.raises(ValueError, match="without end"):
        erlang.erlang_c(2.0, 1.0, 2)


def test_erlang_a_worked() -> None:
    queue = erlang.erlang_a(0.07, 1 / 270, 20, 1 / 240)
    assert queue.p_wait == pytest.approx(0.419, abs=5e-4)
    assert queue.p_abandon == pytest.approx(0.0684, abs=5e-5)
    assert queue.wait_s == pytest.approx(16.4, abs=0.05)


def test_erlang_a_by_its_closed_form() -> None:
    arrivals, service, agents, patience = 0.07, 1 / 270, 20, 1 / 240
    x, y = agents * service / patience, arrivals / patience
    a, term, number = 1.0, 1.0, 0
    while term > 1e-16 * a:
        number += 1
        term *= y / (x + number)
        a += term
    blocked = erlang.erlang_b(arrivals / service, agents)
    rho = arrivals / (agents * service)
    queue = erlang.erlang_a(arrivals, service, agents, patience)
    assert queue.p_wait == pytest.approx(a * blocked / (1 + (a - 1) * blocked), rel=1e-9)
    assert queue.p_abandon / queue.p_wait == pytest.approx(1 / (rho * a) + 1 - 1 / rho, rel=1e-9)


def test_endless_patience_is_erlang_c() -> None:
    patient, exact = erlang.erlang_a(0.07, 1 / 250, 20, 1e-9), erlang.erlang_c(0.07, 1 / 250, 20)
    assert patient.p_wait == pytest.approx(exact.p_wait, rel=1e-4)
    assert patient.wait_s == pytest.approx(exact.wait_s, rel=1e-3)


def test_priority_with_abandonment_worked() -> None:
    first, second = erlang.priority_with_abandonment((0.020, 0.065), 1 / 270, 20, 1 / 240)
    assert (first.wait_s, second.wait_s) == pytest.approx((12.2, 47.5), abs=0.05)


def test_priority_worked() -> None:
    first, second = erlang.priority((0.020, 0.042), 1 / 270, 20)
    assert (first.wait_s, second.wait_s) == pytest.approx((6.4, 39.5), abs=0.05)


def test_classes_together_are_the_whole_queue() -> None:
    classes = erlang.priority_with_abandonment((0.020, 0.030, 0.035), 1 / 270, 20, 1 / 240)
    whole = erlang.erlang_a(0.085, 1 / 270, 20, 1 / 240)
    assert sum(queue.waiting for queue in classes) == pytest.approx(whole.waiting, rel=1e-9)
    patient = erlang.priority((0.020, 0.042), 1 / 270, 20)
    assert sum(queue.waiting for queue in patient) == pytest.approx(erlang.erlang_c(0.062, 1 / 270, 20).waiting)
