from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.whatif.records import AgentChange, Change
from services.whatif.shifts import attendance, clipped, merged, total_s
from tests.unit.services.whatif.examples import NINE, call, change

IN, OUT, PAUSED, UNPAUSED = Change.SIGNED_IN, Change.SIGNED_OUT, Change.PAUSED, Change.UNPAUSED


def at(after_s: float) -> datetime:
    return NINE + timedelta(seconds=after_s)


WINDOW = at(0), at(3600)
CALLS = [call(100, waited_s=0.0, talked_s=60.0), call(400, waited_s=0.0, talked_s=100.0)]


def spans(*changes: AgentChange, calls: list[object] | None = None) -> list[tuple[float, float]]:
    found = attendance(calls or CALLS, changes, WINDOW)  # type: ignore[arg-type]
    return [((start - NINE).total_seconds(), (end - NINE).total_seconds()) for start, end in found.spans]


def test_without_a_word_from_the_first_answer_to_the_end_of_the_last_call() -> None:
    assert spans() == [(100, 500)]
    assert attendance(CALLS, [], WINDOW).signed is False


def test_from_signing_in_to_signing_out() -> None:
    assert spans(change(50, IN), change(900, OUT)) == [(50, 900)]
    assert attendance(CALLS, [change(50, IN)], WINDOW).signed is True


def test_an_open_shift_lasts_as_long_as_the_day() -> None:
    assert spans(change(50, IN)) == [(50, 3600)]
    assert spans(change(900, OUT)) == [(0, 900)]


def test_what_was_signed_before_the_day_counts() -> None:
    assert spans(change(-9000, IN), change(-8000, OUT), change(-60, IN), change(900, OUT)) == [(0, 900)]
    assert spans(change(50, IN), change(5000, OUT)) == [(50, 3600)]


def test_breaks_are_left_out() -> None:
    there = [change(0, IN), change(200, PAUSED), change(300, UNPAUSED), change(900, OUT)]
    assert spans(*there) == [(0, 200), (300, 900)]
    assert spans(change(200, PAUSED, None), change(300, UNPAUSED, None)) == [(100, 200), (300, 500)]


def test_a_break_in_one_of_two_queues_is_none() -> None:
    both = [*CALLS, call(450, queue="billing", waited_s=0.0, talked_s=10.0)]
    pause = [change(200, PAUSED), change(300, UNPAUSED)]
    assert spans(*pause, calls=both) == [(100, 500)]  # type: ignore[arg-type]
    pauses = [change(200, PAUSED), change(210, PAUSED, "billing"), change(300, UNPAUSED)]
    assert spans(*pauses, calls=both) == [(100, 210), (300, 500)]  # type: ignore[arg-type]


def test_a_break_from_all_ends_with_the_first_return() -> None:
    assert spans(change(200, PAUSED, None), change(300, UNPAUSED)) == [(100, 200), (300, 500)]


def test_signed_out_of_one_queue_is_not_gone() -> None:
    there = [change(0, IN), change(0, IN, "billing"), change(600, OUT, "billing"), change(900, OUT)]
    assert spans(*there) == [(0, 900)]
    assert spans(change(0, IN), change(0, IN, "billing"), change(600, OUT, None)) == [(0, 600)]


def test_signing_in_anew_ends_a_break() -> None:
    assert spans(change(0, IN), change(200, PAUSED), change(250, OUT), change(300, IN), change(900, OUT)) == [
        (0, 200),
        (300, 900),
    ]


def test_a_day_without_a_moment_of_work() -> None:
    assert spans(calls=[call(5, waited_s=0.0, talked_s=0.0)]) == []


def test_whoever_talks_is_there() -> None:
    assert spans(change(0, IN), change(110, OUT)) == [(0, 160), (400, 500)]


def test_spans_are_clipped_and_merged() -> None:
    told = [(at(5), at(9)), (at(-5), at(3)), (at(8), at(12)), (at(20), at(20)), (at(99), at(98))]
    found = list(merged(clipped(told, (at(0), at(10)))))
    assert found == [(at(0), at(3)), (at(5), at(10))]
    assert total_s(found) == 8


kinds = st.sampled_from(list(Change))
queues = st.sampled_from([None, "triage", "billing"])
changes = st.lists(st.tuples(st.integers(-500, 5000), kinds, queues), max_size=12).map(
    lambda told: [change(after_s, kind, queue) for after_s, kind, queue in sorted(told, key=lambda one: one[0])]
)


@given(changes)
def test_any_changes_give_spans_apart_in_order_that_hold_the_calls(told: list[AgentChange]) -> None:
    found = attendance(CALLS, told, WINDOW).spans
    edges = [edge for span in found for edge in span]
    assert edges == sorted(set(edges))
    for one in CALLS:
        assert any(start <= one.answered_at and one.released_at <= end for start, end in found)
