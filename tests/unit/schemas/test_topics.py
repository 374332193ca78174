"""Topics, and the one function that says where a cell is."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import DECISIONS, INTAKE, TOPICS, partition_of


@pytest.mark.parametrize(
    ("cell", "partitions", "partition"), [("demo", 1, 0), ("demo", 4, 0), ("demo", 16, 0), ("north", 4, 2)]
)
def test_a_cell_is_where_it_always_was(cell, partitions, partition):
    assert partition_of(cell, partitions) == partition


@given(st.text(max_size=40), st.integers(1, 64))
def test_every_cell_is_in_one_partition(cell, partitions):
    assert 0 <= partition_of(cell, partitions) < partitions


def test_cells_spread():
    counted = Counter(partition_of(f"cell-{number}", 4) for number in range(400))
    assert len(counted) == 4
    assert min(counted.values()) > 50


def test_names_are_distinct_and_both_logs_are_by_cell():
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert INTAKE.per_cell
    assert DECISIONS.per_cell
    assert not INTAKE.compacted
    assert not DECISIONS.compacted
