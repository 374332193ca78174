from services.whatif.patience import kaplan_meier
from services.whatif.sentences import about_agents, about_callers, about_patience, about_work
from services.whatif.yesterday import rebuild
from tests.unit.services.whatif.examples import call, hang_up, imported


def test_moves_and_redials_are_said_where_there_are_any() -> None:
    plain = rebuild(imported(call(0))).callers
    assert len(list(about_callers(plain))) == 2
    told = imported(hang_up(0, caller="a"), call(60, caller="a"), call(90, continues=True))
    said = " ".join(about_callers(rebuild(told).callers))
    assert "The same 3 callers" in said
    assert "1 of them had been in another queue" in said
    assert "1 of them came within an hour" in said


def test_the_tail_of_patience_is_said() -> None:
    curve = kaplan_meier([(10, True), (30, False)])
    said = list(about_patience([("triage", curve)], (), seed=5))
    assert said[-1] == (
        "triage: 1 hang-ups in 2 waits, median patience 10 s. Beyond the longest wait, 30 s, they hang up as on the "
        "mean of the day: once in 40 s of waiting."
    )
    assert "(seed 5)" in said[0]


def test_wrap_up_is_said_only_where_it_is_not_told() -> None:
    assert len(list(about_work([call(wrap_up_s=3.0)], 0.0, seed=1))) == 2
    assert len(list(about_work([call()], 0.0, seed=1))) == 3


def test_where_shifts_come_from() -> None:
    (said,) = about_agents(rebuild(imported(call(0))).agents, 0)
    assert "of 1 from the first answer" in said
