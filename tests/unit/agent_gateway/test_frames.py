import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_gateway.frames import FrameRefused, encode, parse
from schemas.gateway_frames import AcceptOffer, Hello, Ping, Resumed, SetStatus


def test_reads_frames_as_text_and_as_bytes() -> None:
    assert parse('{"type":"hello"}') == Hello()
    assert parse(b'{"type":"offer.accept","reservation_id":"r"}') == AcceptOffer(reservation_id="r")
    assert parse('{"type":"status.set","status":"break","reason":"lunch"}').reason == "lunch"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed"),
        ("nonsense", "malformed"),
        ("[]", "malformed"),
        ("{}", "malformed"),
        (b"\xff\xfe", "malformed"),
        ('{"type":"hello","resume":{"session":"s","seq":-1}}', "malformed"),
        ('{"type":"offer.accept"}', "malformed"),
        ('{"type":"pong","extra":1}', "malformed"),
        ('{"type":"call.teleport"}', "unknown_type"),
        ('{"type":7}', "unknown_type"),
    ],
)
def test_refuses_what_is_no_frame(text: str | bytes, code: str) -> None:
    with pytest.raises(FrameRefused) as refused:
        parse(text)
    assert refused.value.code == code


def test_a_refusal_names_fields_and_quotes_nothing() -> None:
    with pytest.raises(FrameRefused) as refused:
        parse('{"type":"hello","resume":{"session":"s","seq":"Jane Doe","Jane Doe":1}}')
    assert refused.value.reason == "the frame breaks its schema at hello.resume, hello.resume.seq"


def test_writes_every_field_with_null_for_nothing() -> None:
    assert json.loads(encode(Resumed(seq=7))) == {"type": "resumed", "seq": 7}
    assert encode(Ping()) == '{"type":"ping"}'
    assert json.loads(SetStatus(status="break").model_dump_json())["reason"] is None


@given(st.text() | st.binary())
def test_any_input_is_a_frame_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(FrameRefused):
        assert parse(text).type
