"""The status of `python -m tests.bench`: a machine that is busy fails nobody, unless that is asked for."""

import pytest

from tests.bench.__main__ import status
from tests.bench.figures import Figure

MET = Figure(name="a", value=1.0, unit="s", value_max=2.0)
MISSED = Figure(name="b", value=3.0, unit="s", value_max=2.0)
WITHOUT = Figure(name="c", value=3.0, unit="s")


@pytest.mark.parametrize(
    ("figures", "failed", "strict", "expected"),
    [
        ([MET, MISSED], {}, False, 0),
        ([MET, MISSED], {}, True, 1),
        ([MET, WITHOUT], {}, True, 0),
        ([MET], {"calls": "OSError"}, False, 1),
    ],
)
def test_a_missed_goal_counts_where_it_is_asked_for(figures, failed, strict, expected):
    assert status(figures, failed, strict=strict) == expected
