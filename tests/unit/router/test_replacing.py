"""Copies of records with changes: what `dataclasses.replace` returns, and nothing else."""

import dataclasses

import pytest

from router.entities import AgentRecord, Contact, Item, Reservation
from router.replacing import replace
from schemas.routing import ContactState

RECORDS = (Contact, Item, Reservation, AgentRecord)


def record_of(kind):
    return kind(**{field.name: f"a value of {field.name}" for field in dataclasses.fields(kind)})


@pytest.mark.parametrize("kind", RECORDS)
def test_each_field_can_be_changed_alone(kind):
    record = record_of(kind)
    for field in dataclasses.fields(kind):
        changed = replace(record, **{field.name: "another"})
        assert dataclasses.astuple(changed) == dataclasses.astuple(
            dataclasses.replace(record, **{field.name: "another"})
        )
    assert record == record_of(kind)


@pytest.mark.parametrize("kind", RECORDS)
def test_a_record_is_nothing_but_its_fields(kind):
    assert not hasattr(kind, "__post_init__")
    assert vars(record_of(kind)).keys() == {field.name for field in dataclasses.fields(kind)}
    assert all(field.init for field in dataclasses.fields(kind))


def test_the_copy_is_as_frozen_as_the_record():
    copy = replace(Contact("c1", "demo"), state=ContactState.ENDED)
    with pytest.raises(dataclasses.FrozenInstanceError):
        copy.state = ContactState.ARRIVED


def test_a_field_that_is_not_there_is_refused():
    with pytest.raises(AssertionError):
        replace(Contact("c1", "demo"), mood="good")
