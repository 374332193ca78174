"""A day of another router, run again."""

import json
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from services import cli
from services.simulation.options import POLICY_NAMES, Again
from services.simulation.yesterday_again import AS_IT_WAS, FIGURES, LEAST_LEVEL, level_of, pace_of, rerun
from services.whatif.records import Change
from services.whatif.yesterday import rebuild
from tests.unit.services.whatif.examples import NINE, QUEUE_LOG, call, change, hang_up, imported

TABLE = """\
arrived_at,queue,caller,wait_s,answered_by,talk_s
2026-03-02 09:00:00,front,a,0,Ann,300
2026-03-02 09:00:10,front,b,200,Ann,60
2026-03-02 09:00:20,front,c,60,,
2026-03-02 09:00:30,back,d,0,Bob,600
"""


def day(*calls, changes=()):
    return rebuild(imported(*calls, changes=changes))


def figures(outcome, policy):
    return outcome.as_json()["figures"][policy]


def test_a_queue_log_from_the_command_line(tmp_path, capsys) -> None:
    file, picture = tmp_path / "queue_log", tmp_path / "day.svg"
    file.write_text(QUEUE_LOG)
    assert cli.main(["whatif", "--from", "queue_log", str(file), "--plot", str(picture)]) == 0
    told = capsys.readouterr().out
    assert "The same day again: the record beside the simulated policies" in told
    assert f"Difference from {AS_IT_WAS}" in told
    assert all(policy in told for policy in POLICY_NAMES)
    assert "Assumed, for the policies:" in told
    assert "5005550" not in told
    assert len(ET.parse(picture).getroot()) > 5
    assert cli.main(["whatif", "--from", "queue_log", str(file), "--plot", "/nowhere/day.svg"]) == 2
    assert "/nowhere/day.svg cannot be written" in capsys.readouterr().err


def test_a_table_from_the_command_line_as_json(tmp_path, capsys) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(TABLE)
    asked = ["--policy", "frontdoor", "--policy", "longest_idle", "--json", "--zone", "UTC"]
    assert cli.main(["whatif", "--from", "csv", str(file), *asked]) == 0
    told = json.loads(capsys.readouterr().out)["under_policies"]
    assert list(told["figures"]) == [AS_IT_WAS, "frontdoor", "longest_idle"]
    assert all(set(day) == set(FIGURES) for day in told["figures"].values())
    assert told["figures"]["longest_idle"]["transfers"] > 0  # Bob hears people of the other queue
    assert told["figures"]["frontdoor"]["transfers"] == 0
    assert told["figures"][AS_IT_WAS]["abandoned"] == 25.0


def test_the_record_is_measured_as_the_simulation_is() -> None:
    was = figures(rerun(day(call(0), call(100, waited_s=30.0), hang_up(110)), ["gcmu"]), AS_IT_WAS)
    assert (was["calls"], was["asa_s"], was["abandoned"]) == (3, 20.0, 33.333)
    assert was["aht_s"] == 60.0
    assert was["transfers"] is None
    assert was["occupancy"] == pytest.approx(100 * 120 / 180, abs=0.01)


def test_the_same_callers_bring_the_same_work_to_the_same_people() -> None:
    yesterday = day(call(0, waited_s=0.0, talked_s=100.0), call(300, waited_s=0.0, talked_s=50.0))
    now = figures(rerun(yesterday, ["frontdoor"]), "frontdoor")
    assert (now["calls"], now["abandoned"]) == (2, 0.0)
    assert now["aht_s"] == pytest.approx(75.0, abs=0.01)


def test_who_hung_up_does_so_again_unless_served_before() -> None:
    busy = (call(0, waited_s=0.0, talked_s=600.0), hang_up(10, waited_s=20.0))
    alone = figures(rerun(day(*busy), ["frontdoor"]), "frontdoor")
    assert alone["abandoned"] == 50.0
    helped = day(*busy, call(0, answered_by="Bob", waited_s=0.0, talked_s=5.0), call(900, answered_by="Bob"))
    assert figures(rerun(helped, ["frontdoor"]), "frontdoor")["abandoned"] == 0.0


def test_a_redial_is_made_only_if_the_first_call_was_in_vain() -> None:
    busy = call(0, waited_s=0.0, talked_s=600.0)
    vain = (busy, hang_up(10, caller="k"), call(700, caller="k"))
    assert figures(rerun(day(*vain), ["frontdoor"]), "frontdoor")["calls"] == 3
    bob = (call(0, answered_by="Bob", waited_s=0.0, talked_s=5.0), call(900, answered_by="Bob"))
    assert figures(rerun(day(*vain, *bob), ["frontdoor"]), "frontdoor")["calls"] == 4  # of five


def test_shifts_and_breaks_are_those_of_the_record() -> None:
    away = (change(-60, Change.SIGNED_IN), change(70, Change.PAUSED), change(400, Change.UNPAUSED))
    calls = (call(0, waited_s=0.0), hang_up(100, waited_s=200.0), call(900))
    assert figures(rerun(day(*calls, changes=away), ["frontdoor"]), "frontdoor")["abandoned"] == pytest.approx(33.333)
    assert figures(rerun(day(*calls), ["frontdoor"]), "frontdoor")["abandoned"] == 0.0


def test_the_pace_of_an_agent_is_kept() -> None:
    assert [level_of(pace) for pace in (0.5, 2.0)] == [1.0, pytest.approx(LEAST_LEVEL)]
    assert [pace_of(level_of(pace)) for pace in (0.5, 1.0, 1.7)] == pytest.approx([0.5, 1.0, 1.7])


def test_a_queue_in_which_nobody_answered_stays_so() -> None:
    outcome = rerun(day(call(0, waited_s=0.0), hang_up(1, queue="billing", waited_s=30.0)), ["gcmu"])
    assert figures(outcome, "gcmu")["abandoned"] == 50.0
    assert "Nobody answered in billing" in outcome.assumptions[-1]


def test_a_wait_of_nothing_is_pointed_out() -> None:
    told = rerun(day(call(0), hang_up(5, waited_s=0.0)), ["gcmu"])
    assert "Of 1 hang-ups the file gives 1 a wait of 0 s" in told.assumptions[-1]
    assert "a wait of 0 s" not in " ".join(rerun(day(call(0), hang_up(5)), ["gcmu"]).assumptions)


def test_a_day_comes_out_the_same_twice() -> None:
    yesterday = day(*(call(30 * number) for number in range(20)), hang_up(95), hang_up(400))
    assert Again()(yesterday, ["gcmu"]).as_json() == rerun(yesterday, ["gcmu"]).as_json()
    assert yesterday.window[0] == NINE
    assert yesterday.window[1] > NINE + timedelta(minutes=9)
