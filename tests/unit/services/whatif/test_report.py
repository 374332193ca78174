import json

from services.whatif.report import Report, table
from services.whatif.summary import figures
from services.whatif.tally import Tally
from services.whatif.yesterday import rebuild
from tests.unit.services.whatif.examples import call, hang_up, imported


def report(*, bad: int = 0) -> Report:
    tally = Tally()
    tally.read = 1200
    for line in range(bad):
        tally.note_bad("no time", line + 1)
    if bad:
        tally.note_passed("another channel", 7)
    day = rebuild(imported(call(0), hang_up(1, queue="billing"), tally=tally))
    return Report("log", day, figures(day), 30.0, tally)


def test_a_table_has_names_to_the_left_and_figures_to_the_right() -> None:
    assert list(table(["queue", "n"], [["a", "1"], ["longer", "1,000"]])) == [
        "queue       n",
        "a           1",
        "longer  1,000",
    ]


def test_the_text_tells_the_day_the_assumptions_and_the_lines() -> None:
    text = report().as_text()
    assert text.startswith("log: the day as it was, 2026-03-02 09:00 to 2026-03-02 09:01 (UTC)\n")
    assert "\ntriage            1         1" in text
    assert "* The same 2 callers" in text
    assert text.endswith("Of 1,200 lines, 0 could not be understood.")
    assert max(map(len, text.splitlines())) <= 140


def test_bad_lines_are_told_by_reason_with_the_first_numbers() -> None:
    assert (
        report(bad=7)
        .as_text()
        .endswith(
            "Of 1,200 lines, 7 could not be understood:\n"
            "          7  no time (line 1, 2, 3, 4, 5, ...)\n"
            "Passed over, in order but none of ours:\n"
            "          1  another channel (line 7)"
        )
    )


def test_the_same_as_json() -> None:
    told = report(bad=7).as_json()
    assert json.loads(json.dumps(told)) == told
    assert told["bad_lines"] == [{"reason": "no time", "count": 7, "first_lines": [1, 2, 3, 4, 5]}]
    assert told["passed_over"] == [{"reason": "another channel", "count": 1, "first_lines": [7]}]
    assert [row["queue"] for row in told["as_it_was"]] == ["billing", "triage", "all queues"]
    assert told["from"] == "2026-03-02T09:00:00+00:00"
