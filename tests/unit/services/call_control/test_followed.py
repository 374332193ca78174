import pytest

from schemas.decisions import ConfigAdopted, Unrecognised
from schemas.routing import Urgency
from services.call_control.followed import Followed


@pytest.fixture
def followed():
    return Followed(3)


def test_what_is_known_of_a_caller(followed, words):
    for decision in (words.queued(), words.raised(Urgency.URGENT), words.reserved(fence=4), words.connecting(fence=4)):
        followed.follow("pool", decision)
    line = followed.line(words.contact)
    assert (line.cell, line.tenant, line.call, line.fence) == ("pool", "demo", "CA1", 4)
    assert (line.language, line.intent) == ("es", "refill.request")


def test_an_urgency_that_changes(followed, words):
    followed.follow("pool", words.queued())
    followed.follow("pool", words.raised(Urgency.EMERGENT))
    assert followed.line(words.contact).urgency is Urgency.EMERGENT


def test_an_urgency_of_somebody_unknown_makes_no_line(followed, words):
    followed.follow("pool", words.raised(Urgency.EMERGENT))
    assert list(followed) == []


@pytest.mark.parametrize("end", ["rescinded", "canceled", "lapsed", "released"])
def test_a_reservation_that_has_ended_does_not_stand(followed, words, end):
    followed.follow("pool", words.connecting())
    assert followed.stands(words.contact, "r-1", 1)
    followed.follow("pool", getattr(words, end)())
    assert not followed.stands(words.contact, "r-1", 1)
    assert followed.line(words.contact) is not None


def test_hanging_up_a_caller_ends_no_reservation(followed, words):
    followed.follow("pool", words.connecting())
    followed.follow("pool", words.released("caller"))
    assert followed.stands(words.contact, "r-1", 1)


def test_a_contact_that_has_ended_does_not_come_back(followed, words):
    followed.follow("pool", words.queued())
    followed.follow("pool", words.ended())
    followed.follow("pool", words.queued())
    assert list(followed) == []
    assert not followed.stands(words.contact, "r-1", 1)


def test_fences_only_grow(followed, words):
    followed.follow("pool", words.reserved("r-2", fence=5))
    followed.follow("pool", words.reserved("r-1", fence=3))
    assert not followed.stands(words.contact, "r-1", 3)
    assert followed.stands(words.contact, "r-2", 5)


def test_the_oldest_are_forgotten(followed, words):
    for number in range(5):
        followed.follow("pool", words.queued(f"c-{number}"))
    assert [line.contact_id for line in followed] == ["c-2", "c-3", "c-4"]
    for number in range(10):
        followed.follow("pool", words.ended(f"c-{number}"))
    assert len(followed._over) == 6


def test_other_decisions_are_ignored(followed, words):
    for decision in (Unrecognised(), ConfigAdopted(tenant="demo", version=1)):
        followed.follow("pool", decision)
    assert list(followed) == []
