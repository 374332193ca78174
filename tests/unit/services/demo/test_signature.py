"""The carrier's signature, against the carrier's own library."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from services.demo.signature import sign

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=20)


@given(st.dictionaries(TEXT, TEXT, max_size=6))
def test_the_official_validator_accepts_it(fields):
    url = "https://clinic.test/v1/carriers/twilio/turn?s=abc"
    assert RequestValidator("secret").validate(url, fields, sign("secret", url, fields.items()))


@pytest.mark.parametrize("change", [{"Digits": "2"}, {"Extra": "1"}])
def test_it_covers_every_field(change):
    fields = {"CallSid": "CA1", "Digits": "1"}
    signature = sign("secret", "https://a.test/", fields.items())
    assert not RequestValidator("secret").validate("https://a.test/", fields | change, signature)


def test_repeated_fields_count_once_and_fragments_not_at_all():
    pairs = [("b", "2"), ("a", "1"), ("b", "2")]
    assert sign("s", "https://a.test/#rc=2", pairs) == sign("s", "https://a.test/", [("a", "1"), ("b", "2")])
