import csv

import pytest

from services.whatif.columns import BROKEN_ROW, Header, cell, plain, rows
from services.whatif.tally import Tally


@pytest.mark.parametrize("heading", ["QueueName", "queue_name", "Queue.Name", " queue name "])
def test_headings_agree_whatever_their_case_and_separators(heading: str) -> None:
    assert plain(heading) == "queuename"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_separates_columns_is_taken_from_the_first_line(delimiter: str) -> None:
    header = Header.of(delimiter.join(["Arrived, at", "Queue", "Agent"]).replace("Arrived, at", '"Arrived, at"') + "\n")
    assert header.delimiter == delimiter
    assert header.first(["nothing", "queue"]) == 1


def test_a_first_line_that_is_no_header_has_no_columns() -> None:
    assert Header.of("x" * (csv.field_size_limit() + 1)).places == {}


def test_the_first_spelling_wins_and_the_first_column_of_two() -> None:
    header = Header.of("time,date,time")
    assert header.first(["time", "date"]) == 0
    assert header.first(["nothing"]) is None


@pytest.mark.parametrize(("text", "told"), [(" a ", "a"), ("NULL", ""), ("-", ""), ("n/a", ""), ("", "")])
def test_what_stands_for_nothing_is_nothing(text: str, told: str) -> None:
    assert cell([text], 0) == told
    assert cell([text], 1) == cell([text], None) == ""


def test_rows_carry_the_line_in_which_they_end() -> None:
    tally = Tally()
    found = list(rows(['a,"two\n', 'lines"\n', "\n", "b,c\n"], Header.of("x,y"), tally))
    assert found == [(3, ["a", "two\nlines"]), (5, ["b", "c"])]
    assert tally.read == 5


def test_a_quote_that_does_not_close_costs_some_lines_and_no_more() -> None:
    tally = Tally()
    long = [f"{'x' * 80}\n" for _ in range(csv.field_size_limit() // 80 + 5)]
    found = list(rows(['a,"open\n', *long, "b,c\n"], Header.of("x,y"), tally))
    assert found[-1][1] == ["b", "c"]
    assert tally.bad[BROKEN_ROW].count == 1
