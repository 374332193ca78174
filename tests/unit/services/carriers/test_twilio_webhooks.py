from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import MalformedInput
from services.carriers.twilio_webhooks import account_of, fields_of, webhook_of

BASE = [("AccountSid", "AC1"), ("CallSid", "CA1"), ("From", "+15005550006"), ("To", "+15005550100")]


def test_an_arriving_call():
    webhook = webhook_of([*BASE, ("CallStatus", "ringing"), ("StirVerstat", "TN-Validation-Passed-A")])
    assert (webhook.account, webhook.call, webhook.number, webhook.caller) == (
        "AC1", "CA1", "+15005550100", "+15005550006",
    )  # fmt: skip
    assert (webhook.call_status, webhook.heard, webhook.at) == ("ringing", "silence", None)


@pytest.mark.parametrize(
    ("more", "heard", "text"),
    [
        ([("Digits", "2")], "digits", "2"),
        ([("SpeechResult", " I need a refill "), ("Confidence", "0.9")], "speech", "I need a refill"),
        ([("Digits", ""), ("msg", "Gather End")], "silence", ""),
        ([("SpeechResult", "")], "silence", ""),
        ([("DialCallStatus", "completed"), ("Digits", "1")], "returned", ""),
        ([("Digits", "1"), ("SpeechResult", "one")], "digits", "1"),
    ],
)
def test_what_was_heard(more, heard, text):
    webhook = webhook_of([*BASE, *more])
    assert (webhook.heard, webhook.text) == (heard, text)


def test_speech_is_cut_at_a_bound():
    assert len(webhook_of([*BASE, ("SpeechResult", "a" * 5000)]).text) == 2000


def test_nothing_of_the_caller_is_shown():
    shown = repr(webhook_of([*BASE, ("SpeechResult", "my chest hurts")]))
    assert "chest" not in shown
    assert "5550006" not in shown


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Tue, 24 Nov 2026 07:00:00 +0000", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("Tue, 24 Nov 2026 07:00:00", datetime(2026, 11, 24, 7, tzinfo=UTC)),
        ("yesterday", None),
        ("Tue, 99 Nov 2026 07:00:00 +0000", None),
        ("Fri, 31 Dec 9999 23:59:59 -1400", None),
        ("Fri, 01 Jan 0100 00:00:00 +1400", None),
        ("Tue, 24 Nov 99999999999999999999 07:00:00 +0000", None),
        ("Tue, 24 Nov 2026 07:00:00 +9999999999", None),
        ("Thu, 01 Jan 1970 00:00:00 +0000", None),
        ("", None),
    ],
)
def test_the_carriers_time(text, at):
    assert webhook_of([*BASE, ("Timestamp", text)]).at == at


@pytest.mark.parametrize("body", [b"a", b"a=1&b", b"a=\xff", b"&".join(b"a=1" for _ in range(300))])
def test_what_is_no_form(body):
    with pytest.raises(MalformedInput):
        fields_of(body)


@pytest.mark.parametrize("fields", [[], [("AccountSid", "")], [("AccountSid", "AC1"), ("AccountSid", "AC2")]])
def test_a_form_without_one_account(fields):
    with pytest.raises(MalformedInput):
        account_of(fields)


@pytest.mark.parametrize("call", ["", "CA 1", "CA/1", "../1", "a" * 65, "CÄ1"])
def test_a_call_id_that_is_none(call):
    with pytest.raises(MalformedInput):
        webhook_of([("AccountSid", "AC1"), ("CallSid", call)])


@given(st.binary(max_size=300))
def test_any_body_is_read_or_refused(body):
    try:
        webhook_of(fields_of(body))
    except MalformedInput:
        return


@given(st.dictionaries(st.sampled_from(["Digits", "SpeechResult", "To", "From", "CallStatus", "Timestamp"]), st.text()))
def test_any_values_are_read(more):
    more = {key: value.encode("utf-8", "replace").decode() for key, value in more.items()}
    webhook = webhook_of([*BASE[:2], *more.items()])
    assert webhook.call == "CA1"
