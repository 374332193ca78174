"""How long a router leaves a partition's owner alone, after a doubt of its own too."""

import pytest

from router.partition import Partition
from router.succession import SILENCE_S, preference
from services.routing.held_partition import HeldPartition
from services.runtime.clock import ManualClock

FIRST, SECOND = preference(0, 2)


def held(owner):
    partition = Partition("a")
    partition.record(0, Partition("owner").claim(owner))
    one = HeldPartition(0, partition, intake_next=0, decisions_next=1, warm_at=(0, 0), slot=0, clock=ManualClock())
    one.claims_again = True
    return one


@pytest.mark.parametrize(("owner", "patience_s"), [(SECOND, 0), (None, 0), (FIRST, SILENCE_S)])
def test_who_was_in_doubt_claims_at_once_unless_somebody_has_taken_over(owner, patience_s):
    assert held(owner).patience_s(SECOND, 2) == patience_s
