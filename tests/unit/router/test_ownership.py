"""Who may decide: claims, epochs and sequence numbers."""

import pytest

from router.ownership import Lineage, Ownership, Role
from schemas.decisions import Claim, Heartbeat
from schemas.errors import Defect


def beat(epoch, seq):
    return Heartbeat(epoch=epoch, seq=seq)


def claim(owner="other#1"):
    return Claim(owner=owner, versions={})


def owner(offset=7):
    router = Ownership("me")
    router.observe(offset, router.claim({}))
    return router


def test_a_reader_accepts_the_last_claimants_records_in_order():
    lineage = Lineage()
    log = [claim("a"), beat(0, 1), beat(0, 2), claim("b"), beat(3, 1), beat(3, 2)]
    assert [lineage.admit(offset, record) for offset, record in enumerate(log)] == [True] * 6
    assert (lineage.epoch, lineage.seq) == (3, 2)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (beat(0, 3), "superseded"),
        (beat(3, 1), "doubled"),
        (beat(3, 3), "after a gap"),
        (beat(9, 2), "an epoch that nobody claimed"),
    ],
)
def test_a_reader_ignores_everything_else(record, why):
    lineage = Lineage(epoch=3, seq=1)
    assert not lineage.admit(5, record), why
    assert (lineage.epoch, lineage.seq) == (3, 1)


def test_after_a_gap_only_a_claim_heals():
    lineage = Lineage(epoch=3, seq=1)
    assert not lineage.admit(5, beat(3, 3))
    assert not lineage.admit(6, beat(3, 4))
    assert lineage.admit(7, claim())
    assert lineage.admit(8, beat(7, 1))


def test_the_epoch_is_the_offset_of_the_own_claim():
    router = owner(offset=7)
    assert router.role is Role.OWNING
    assert [router.number(), router.number()] == [(7, 1), (7, 2)]


def test_nobody_numbers_records_before_their_claim_is_seen():
    router = Ownership("me")
    router.claim({})
    with pytest.raises(Defect):
        router.number()


def test_own_records_count_but_are_not_folded_again():
    router = owner()
    epoch, seq = router.number()
    assert not router.read_back
    assert router.observe(8, beat(epoch, seq)) is False
    assert router.read_back


def test_a_later_claim_supersedes():
    router = owner()
    assert router.observe(8, claim())
    assert router.role is Role.FOLLOWING
    assert router.observe(9, beat(8, 1)) is True


def test_a_late_copy_of_the_own_claim_supersedes_too():
    router = Ownership("me")
    mine = router.claim({})
    router.observe(7, mine)
    router.observe(8, mine)
    assert router.role is Role.FOLLOWING


def test_a_late_copy_of_an_earlier_claim_is_not_taken_for_the_present_one():
    router = Ownership("me")
    first = router.claim({})
    router.doubt()
    second = router.claim({})
    router.observe(4, first)
    assert router.role is Role.CLAIMING
    router.observe(5, second)
    assert router.role is Role.OWNING


def test_a_gap_in_the_own_records_is_doubt():
    router = owner()
    router.number()
    epoch, seq = router.number()
    assert router.observe(9, beat(epoch, seq)) is False
    assert router.role is Role.FOLLOWING


def test_a_doubled_own_record_is_no_doubt():
    router = owner()
    epoch, seq = router.number()
    router.observe(8, beat(epoch, seq))
    assert router.observe(9, beat(epoch, seq)) is False
    assert router.role is Role.OWNING


def test_a_zombies_record_is_nobodys():
    router = owner()
    assert router.observe(8, beat(2, 1)) is False
    assert router.role is Role.OWNING
