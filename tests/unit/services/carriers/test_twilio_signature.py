"""The signature, with the carrier's own library as the oracle."""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from schemas.errors import ConfigurationError
from services.carriers.twilio_signature import is_signed, sign, spellings
from services.carriers.twilio_webhooks import fields_of

URL = "https://clinic.example/v1/carriers/twilio/voice"


class Multi(dict):
    """Several values for a key, as web frameworks hand forms to the library."""

    def getall(self, key):
        return self[key]


def multi(fields):
    values = Multi()
    for key, value in fields:
        values.setdefault(key, []).append(value)
    return values


# Lone surrogates cannot be in a form; everything else can.
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
fields = st.lists(st.tuples(words.filter(bool), words), max_size=8)
hosts = st.sampled_from(["clinic.example", "a.b.example", "127.0.0.1"])
ports = st.sampled_from(["", ":80", ":443", ":8443", ":8080"])
paths = st.sampled_from(["", "/", "/v1/carriers/twilio/turn", "/a%20b"])
queries = st.sampled_from(["", "?s=Ab-_9", "?s=a&s=b&x=%2B1"])
urls = st.builds("{}://{}{}{}{}".format, st.sampled_from(["http", "https"]), hosts, ports, paths, queries)
secrets = st.text("0123456789abcdef", min_size=1, max_size=32)


@given(urls, fields, secrets)
def test_what_the_carrier_signs_is_accepted(url, given_fields, secret):
    oracle = RequestValidator(secret)
    signature = oracle.compute_signature(url, multi(given_fields))
    assert is_signed(signature, secrets=[secret], url=url, fields=given_fields)
    assert oracle.validate(url, multi(given_fields), signature)


@given(urls, fields, secrets)
def test_every_spelling_that_the_library_accepts_is_accepted(url, given_fields, secret):
    oracle = RequestValidator(secret)
    for spelling in spellings(url):
        signature = sign(secret, spelling + "".join(k + v for k, v in sorted(set(given_fields)))).decode()
        assert is_signed(signature, secrets=[secret], url=url, fields=given_fields)
        assert oracle.validate(url, multi(given_fields), signature)


@given(urls, fields, fields, secrets, secrets)
def test_verdicts_agree_with_the_library(url, signed, sent, secret, other):
    signature = RequestValidator(other).compute_signature(url, multi(signed))
    expected = RequestValidator(secret).validate(url, multi(sent), signature)
    assert is_signed(signature, secrets=[secret], url=url, fields=sent) == expected


@given(fields.filter(bool), secrets)
def test_a_form_on_the_wire_keeps_its_signature(given_fields, secret):
    signature = RequestValidator(secret).compute_signature(URL, multi(given_fields))
    assert is_signed(signature, secrets=[secret], url=URL, fields=fields_of(urlencode(given_fields).encode()))


def test_during_a_rotation_either_secret_counts():
    for secret in ("new", "old"):
        assert is_signed(sign(secret, URL + "ab").decode(), secrets=["new", "old"], url=URL, fields=[("a", "b")])
    assert not is_signed(sign("older", URL + "ab").decode(), secrets=["new", "old"], url=URL, fields=[("a", "b")])


@pytest.mark.parametrize("secrets", [[], [""], ["new", ""]])
def test_an_empty_secret_is_an_error_and_never_a_pass(secrets):
    with pytest.raises(ConfigurationError, match="secret is empty"):
        is_signed(sign("", URL).decode(), secrets=secrets, url=URL)


@pytest.mark.parametrize("signature", ["", "=", "ä", "A" * 28, "\udcff"])
def test_what_is_no_signature_is_refused(signature):
    assert not is_signed(signature, secrets=["s"], url=URL)


def test_a_fragment_is_not_signed():
    assert is_signed(sign("s", URL).decode(), secrets=["s"], url=f"{URL}#rc=2")


def test_ports_of_bracketed_addresses():
    assert list(spellings("http://[::1]/x")) == ["http://[::1]/x", "http://[::1]:80/x"]
    assert list(spellings("http://[::1]:8080/x")) == ["http://[::1]/x", "http://[::1]:8080/x"]
    assert list(spellings("https://a.example?x=/")) == ["https://a.example?x=/", "https://a.example:443?x=/"]


@pytest.mark.parametrize("changed", [{"a": "2"}, {"A": "1"}, {"a": "1", "b": ""}, {}])
def test_a_changed_form_is_refused(changed):
    assert not is_signed(sign("s", URL + "a1").decode(), secrets=["s"], url=URL, fields=list(changed.items()))


def test_octets_that_are_no_text_are_signed_as_they_are():
    expected = base64.b64encode(hmac.new(b"s", URL.encode() + b"a\xff", hashlib.sha1).digest()).decode()
    assert is_signed(expected, secrets=["s"], url=URL, fields=fields_of(b"a=%FF"))
