"""Frames: strict from the desktop, readable from the server."""

from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.gateway_frames import ClientFrame, OfferFrame, OfferView, ServerFrame
from tests.world import START

CLIENT, SERVER = TypeAdapter(ClientFrame), TypeAdapter(ServerFrame)


def types(union):
    return [model.model_fields["type"].default for model in get_args(get_args(union)[0])]


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "hello"},
        {"type": "hello", "resume": {"session": "s1", "seq": 0}},
        {"type": "status.set", "status": "break", "reason": "lunch"},
        {"type": "offer.accept", "reservation_id": "r1"},
        {"type": "offer.reject", "reservation_id": "r1", "reason": "busy"},
        {"type": "call.hang_up", "contact_id": "c1"},
        {"type": "wrap_up.done", "item_id": "i1", "disposition": "resolved"},
        {"type": "pong"},
    ],
)
def test_a_frame_that_is_agreed_is_read(frame):
    assert CLIENT.validate_python(frame).type == frame["type"]
    with pytest.raises(ValidationError):
        CLIENT.validate_python(frame | {"more": 1})


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "hello", "resume": {"session": "s1", "seq": -1}},
        {"type": "status.set", "status": "asleep"},
        {"type": "status.set", "status": "break", "reason": "x" * 41},
        {"type": "wrap_up.done", "item_id": "i1", "disposition": "bored"},
        {"type": "call.transfer"},
        {},
    ],
)
def test_another_frame_is_refused(frame):
    with pytest.raises(ValidationError):
        CLIENT.validate_python(frame)


def test_no_two_frames_of_a_direction_share_a_type():
    for union in (ClientFrame, ServerFrame):
        assert len(types(union)) == len(set(types(union)))


def test_an_offer_is_read_back_and_its_screen_pop_is_in_no_repr():
    view = OfferView(
        contact_id="c1", item_id="i1", reservation_id="r1", queue="desk", intent="refill.request", urgency="routine",
        language="en", queued_at=START, deadline=START, why="the only one free", screen_pop={"name": "Jane Roe"},
    )  # fmt: skip
    frame = OfferFrame(seq=1, offer=view)
    assert SERVER.validate_json(SERVER.dump_json(frame)) == frame
    assert "Jane" not in repr(frame)
