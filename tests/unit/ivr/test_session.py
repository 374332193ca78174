import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flags import LEVELS
from ivr.session import BYTES_MAX, SAID_CHARS_MAX, Session
from schemas.errors import MalformedInput
from schemas.routing import Urgency

SMALL = {
    "contact_id": "c" * 36,
    "tenant": "demo",
    "cell": "demo",
    "account": "AC1",
    "call": "CA1",
    "number": "+15005550100",
}


def test_what_is_written_is_read_back() -> None:
    session = Session(**SMALL, urgency="urgent", said=("one", "two"), red_flags=("eye",), turn=3, node="menu")
    assert Session.from_bytes(session.to_bytes()) == session


def test_a_typical_session_is_small() -> None:
    assert len(Session(**SMALL).to_bytes()) < 120


def test_sessions_of_calls_that_are_on_the_line_now_are_still_read() -> None:
    session = Session(**SMALL, urgency="urgent", said=("uno", "ñ"), turn=3, node="menu")
    octets = (
        f'{{"c":"{"c" * 36}","t":"demo","p":"demo","a":"AC1","l":"CA1","n":"+15005550100","i":3,"o":"menu",'
        '"u":"urgent","d":["uno","ñ"]}'
    ).encode()
    assert session.to_bytes() == octets
    assert Session.from_bytes(octets) == session


def test_the_largest_session_still_fits_into_a_url() -> None:
    longest = sorted(LEVELS, key=len)[-4:]
    session = Session(
        contact_id="c" * 36, tenant="t" * 40, cell="p" * 40, carrier="k" * 20, account="a" * 64, call="l" * 128,
        number="n" * 20, caller="f" * 40, language="es", turn=10**6, node="o" * 40, misunderstood=9, silent=9,
        urgency=Urgency.EMERGENT, intent="w" * 40, red_flags=tuple(longest), waits=10**6, ordinal=10**3,
    ).remembering("ñ" * 300)  # fmt: skip
    size = len(session.to_bytes())
    assert size <= BYTES_MAX
    assert (size + 16) * 4 / 3 < 1450


FULL = {
    "contact_id": "c" * 36, "tenant": "t" * 40, "cell": "p" * 40, "account": "a" * 64, "call": "l" * 64,
    "number": "n" * 20, "language": "es", "turn": 10**6, "node": "o" * 40, "urgency": Urgency.EMERGENT,
}  # fmt: skip


@pytest.mark.parametrize("flag", ["eye", "a flag of a model that is much too long " * 20])
def test_what_does_not_fit_is_left_out_and_the_call_goes_on(flag) -> None:
    said = ("\x00" * 50, "\u20ac" * 100)
    flags = ("chest_pain", flag, flag + "2", "breathing")
    session = Session(**FULL, intent="triage.symptom", caller="\x01" * 40, said=said, red_flags=flags)
    octets = session.to_bytes()
    assert len(octets) <= BYTES_MAX
    assert octets == session.to_bytes()
    read = Session.from_bytes(octets)
    assert read.red_flags[:1] == ("chest_pain",)
    changed = {"caller": None, "said": (), "red_flags": ()}
    assert read.with_(**changed) == session.with_(**changed)


def test_what_is_least_needed_gives_way_first() -> None:
    session = Session(**FULL, caller="+15005550123", said=("x" * 600, "y" * 200), red_flags=("eye",))
    read = Session.from_bytes(session.to_bytes())
    assert (read.said, read.caller, read.red_flags) == (("y" * 200,), "+15005550123", ("eye",))


@given(st.lists(st.text(max_size=400), max_size=5))
def test_what_was_said_is_cut_to_fit_and_the_newest_stays(texts) -> None:
    session = Session(**SMALL)
    for text in texts:
        session = session.remembering(text)
    assert sum(map(len, session.said)) <= SAID_CHARS_MAX
    assert len(session.to_bytes()) <= BYTES_MAX
    spoken = [text for text in texts if text.strip()]
    if spoken:
        assert session.said
        assert " ".join(spoken[-1].split()).startswith(session.said[-1])


@pytest.mark.parametrize(
    "octets", [b"", b"{", b"[]", b"3", b"null", b'{"c":1}', b"\xff\xfe", b'{"c":"x","t":"y"}', b"[" * 200000]
)
def test_anything_else_is_malformed_and_never_quoted(octets) -> None:
    with pytest.raises(MalformedInput) as caught:
        Session.from_bytes(octets)
    assert caught.value.reason == "no dialog session"


def test_a_field_of_a_newer_release_is_ignored() -> None:
    fields = json.loads(Session(**SMALL).to_bytes()) | {"new_field": 1}
    assert Session.from_bytes(json.dumps(fields).encode()) == Session(**SMALL)


def test_repr_shows_nothing_private() -> None:
    session = Session(**SMALL, caller="+15005550123", said=("secret words",), red_flags=("eye",))
    assert not any(word in repr(session) for word in ("0123", "secret", "eye"))
