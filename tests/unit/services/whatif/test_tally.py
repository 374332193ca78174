from services.whatif.tally import Tally


def test_bad_lines_are_counted_by_reason_and_the_first_are_named() -> None:
    tally = Tally()
    for line in range(1, 9):
        tally.note_bad("no time", line)
    tally.note_bad("no end", 4)
    assert tally.bad_lines == 9
    assert (tally.bad["no time"].count, tally.bad["no time"].lines) == (8, [1, 2, 3, 4, 5])
    assert tally.bad["no end"].lines == [4]


def test_what_is_none_of_ours_is_not_bad() -> None:
    tally = Tally()
    tally.note_passed("another channel", 2)
    assert tally.bad_lines == 0
    assert tally.passed["another channel"].lines == [2]


def test_an_assumption_is_said_once() -> None:
    tally = Tally()
    tally.assume("b")
    tally.assume("a")
    tally.assume("b")
    assert tally.assumed == ("b", "a")
