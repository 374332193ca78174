"""Who claims a partition, and after how long a silence."""

from collections import Counter

import pytest

from router.succession import LEFT_NEXT_S, NEXT_S, SILENCE_S, Standing, patience_s, preference

FIRST, SECOND, THIRD = preference(0, 3)


def test_all_routers_agree_on_an_order_of_all_of_them():
    assert sorted(preference(0, 3)) == [0, 1, 2]
    assert preference(0, 3) == preference(0, 3)


def test_partitions_are_spread_over_the_routers():
    preferred = Counter(preference(partition, 4)[0] for partition in range(400))
    assert min(preferred.values()) > 60


def test_a_router_more_takes_partitions_over_and_moves_no_other():
    for partition in range(100):
        assert [ordinal for ordinal in preference(partition, 4) if ordinal != 3] == list(preference(partition, 3))


@pytest.mark.parametrize(
    ("ordinal", "standing", "expected"),
    [
        (FIRST, Standing(), 0),  # nobody has ever owned it
        (FIRST, Standing(SECOND, claimed=True), 0),  # it prefers the partition
        (FIRST, Standing(None, claimed=True), 0),  # a router without an ordinal
        (FIRST, Standing(FIRST, claimed=True), SILENCE_S + 2 * NEXT_S),  # itself before a restart: others were warm
        (FIRST, Standing(FIRST, claimed=True, left=True), 2 * LEFT_NEXT_S),
        (SECOND, Standing(FIRST, claimed=True), SILENCE_S),  # the standby
        (THIRD, Standing(FIRST, claimed=True), SILENCE_S + NEXT_S),
        (SECOND, Standing(FIRST, claimed=True, left=True), 0),
        (THIRD, Standing(FIRST, claimed=True, left=True), LEFT_NEXT_S),
        (THIRD, Standing(SECOND, claimed=True), SILENCE_S + NEXT_S),  # the first may be back
        (SECOND, Standing(SECOND, claimed=True), SILENCE_S + 2 * NEXT_S),
        (SECOND, Standing(), SILENCE_S + NEXT_S),
    ],
)
def test_patience(ordinal, standing, expected):
    assert patience_s(0, ordinal, 3, standing) == expected


def test_a_router_that_is_the_only_one_waits_as_long_as_a_second_by_mistake_would_have_to():
    assert patience_s(0, 0, 1, Standing(0, claimed=True)) == SILENCE_S
    assert patience_s(0, 0, 1, Standing(0, claimed=True, left=True)) == 0
