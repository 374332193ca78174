"""The envelope: time with its zone, tolerance on the log, and patient data that no repr shows."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from schemas.agents import OfferAccepted
from schemas.contacts import ContactArrived
from schemas.envelope import Sealed
from schemas.intake import FactEnvelope

AT = datetime(2030, 1, 7, 9, 2, tzinfo=UTC)


def around(data=None, **changes):
    attributes = {"id": "f1", "source": "/test", "subject": "c1", "time": AT, "cell": "demo"} | changes
    return FactEnvelope.around(data or OfferAccepted(agent_id="carl", reservation_id="r1"), **attributes)


def test_the_type_is_that_of_the_data():
    assert around().type == "offer.accepted"


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValidationError, match="a time needs its zone"):
        around(time=AT.replace(tzinfo=None))


def test_every_time_is_told_in_utc():
    there = AT.astimezone(timezone(timedelta(hours=-5)))
    assert around(time=there).model_dump(mode="json")["time"] == "2030-01-07T09:02:00Z"


def test_a_reader_ignores_what_it_does_not_know():
    document = around().model_dump(mode="json")
    document["newer"] = 1
    document["data"]["newer"] = 1
    assert FactEnvelope.model_validate(document) == around()


def test_a_type_that_it_does_not_know_is_refused_as_such():
    document = around().model_dump(mode="json")
    document["data"]["type"] = "newer.fact"
    with pytest.raises(ValidationError) as caught:
        FactEnvelope.model_validate(document)
    assert {error["type"] for error in caught.value.errors()} == {"union_tag_invalid"}


def test_a_record_is_frozen():
    with pytest.raises(ValidationError):
        around().id = "other"


def test_no_repr_shows_what_is_sealed_or_said():
    sealed = Sealed(kid="k1", key="wrapped-key", box="ciphertext")
    arrived = ContactArrived(
        contact_id="c1", carrier="twilio", account="AC1", call="CA1", number="+15005550100", sealed=sealed
    )
    assert "k1" in repr(sealed)
    for shown in (repr(sealed), repr(arrived), repr(around(arrived))):
        assert "wrapped-key" not in shown
        assert "ciphertext" not in shown
    assert "CA1" not in repr(around(arrived))
