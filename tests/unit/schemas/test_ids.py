"""Ids that follow from what they name."""

from uuid import uuid5

from hypothesis import given
from hypothesis import strategies as st

from schemas import ids

PARTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=8), min_size=1, max_size=4)


def test_ids_are_the_same_for_ever():
    contact = ids.contact_id("twilio", "AC1", "CA1")
    item = ids.item_id(contact, 1)
    assert contact == "ff567a53-641e-591f-ae52-c095932f5e14"
    assert item == "212a098a-06e1-5d90-9d19-a3620c8feb6f"
    assert ids.reservation_id(item, 1) == "b54ed31f-d884-5761-b9a9-5bcc67eef9b8"
    assert ids.fact_id("twilio", "AC1", "CA1", "arrived") == "d840e017-e3b8-5df6-900f-d6d70b95153a"


@given(PARTS, PARTS)
def test_different_parts_give_different_ids(one, other):
    assert (ids.derived_id(*one) == ids.derived_id(*other)) == (one == other)


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=4))
def test_an_id_is_a_uuid_of_version_5(parts):
    assert ids.derived_id(*parts) == str(uuid5(ids.NAMESPACE, "\x1f".join(parts)))


def test_kinds_never_meet():
    assert ids.derived_id("a", "bc") != ids.derived_id("ab", "c")
    assert ids.fact_id("x", "y", "z") != ids.contact_id("x", "y", "z")
