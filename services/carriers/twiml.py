"""Instructions as TwiML, the markup that Twilio follows. The same instructions give the same bytes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from schemas.dialog import Dial, Gather, HangUp, Instruction, Pause, Play, Say
from schemas.ids import ContactId

MEDIA_TYPE: Final = "text/xml"
LANGUAGES: Final = {"en": "en-US", "es": "es-US"}
HOLD_MUSIC: Final = "hold_music"
_PROLOGUE: Final = '<?xml version="1.0" encoding="UTF-8"?>'
_HINTS_CHARS_MAX: Final = 2000
_WORDS_KEPT: Final = 1024  # what is said and asked are a tenant's and our own words: few, and none of a caller's
# XML 1.0 has no way to write these; a document with one of them is an error tone for the caller.
_UNWRITABLE: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF])


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the carrier goes from here: `turn` for the next step of the dialog, `hold_music` for the sound."""

    turn: str
    hold_music: str


def render(instructions: Sequence[Instruction], addresses: Addresses) -> bytes:
    """Return a document that does the instructions in order.

    A gather asks `addresses.turn` with what it heard, silence included. A document that ends with anything else than a
    question or the end of the call goes on there too, since the carrier would hang up: after words or music, and after
    a number that did not answer.
    """
    verbs = [_verb(instruction, addresses) for instruction in instructions]
    if not instructions or not isinstance(instructions[-1], Gather | HangUp):
        verbs.append(_element("Redirect", [("method", "POST")], _text(addresses.turn)))
    return _document(verbs)


def join_conference(contact_id: ContactId, *, return_url: str) -> str:
    """Return the document that puts a caller into their conference, which ends when they leave it.

    When the agent leaves first, the caller goes on at `return_url`.
    """
    conference = _element(
        "Conference",
        [("beep", "false"), ("startConferenceOnEnter", "true"), ("endConferenceOnExit", "true")],
        _text(contact_id),
    )
    return _document([_element("Dial", [("action", return_url), ("method", "POST")], conference)]).decode()


def _document(verbs: Iterable[str]) -> bytes:
    return f"{_PROLOGUE}<Response>{''.join(verbs)}</Response>".encode()


def _verb(instruction: Instruction, addresses: Addresses) -> str:
    match instruction:
        case Say() | Play():
            return _prompt(instruction, addresses)
        case Pause(seconds=seconds):
            return _element("Pause", [("length", str(math.ceil(seconds)))])
        case Gather():
            return _gather(instruction, addresses)
        case Dial(number=number):
            return _element("Dial", [], _text(number))
        case HangUp():
            return _element("Hangup", [])


def _prompt(prompt: Say | Play, addresses: Addresses) -> str:
    if isinstance(prompt, Say):
        return _said(prompt.text, prompt.language)
    return _element("Play", [], _text(addresses.hold_music if prompt.sound == HOLD_MUSIC else prompt.sound))


@lru_cache(maxsize=_WORDS_KEPT)
def _said(text: str, language: str) -> str:
    return _element("Say", [("language", _language(language))], _text(text))


def _gather(gather: Gather, addresses: Addresses) -> str:
    how = _listening(gather.timeout_s, gather.digits_max, gather.language, gather.hints, speech=gather.speech)
    prompts = "".join(_prompt(prompt, addresses) for prompt in gather.prompts)
    return _element("Gather", [("action", addresses.turn)], prompts, written=how)


@lru_cache(maxsize=_WORDS_KEPT)
def _listening(timeout_s: float, digits_max: int, language: str, hints: tuple[str, ...], *, speech: bool) -> str:
    """Write how to listen; all attributes of a gather but where it leads."""
    attributes = [
        ("input", "dtmf speech" if speech else "dtmf"),
        ("method", "POST"),
        ("actionOnEmptyResult", "true"),
        ("timeout", str(math.ceil(timeout_s))),
        ("numDigits", str(digits_max)),
        ("language", _language(language)),
    ]
    if speech:
        attributes.append(("speechTimeout", "auto"))
        if hints:
            attributes.append(("hints", ",".join(hints)[:_HINTS_CHARS_MAX]))
    return _attributes(attributes)


def _language(language: str) -> str:
    return LANGUAGES.get(language, language)


def _element(name: str, attributes: Iterable[tuple[str, str]], content: str = "", *, written: str = "") -> str:
    """Write an element; `written` are attributes that are written already."""
    written += _attributes(attributes)
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _attributes(attributes: Iterable[tuple[str, str]]) -> str:
    return "".join([f" {key}={quoteattr(_writable(value))}" for key, value in attributes])


def _text(value: str) -> str:
    return escape(_writable(value))


def _writable(value: str) -> str:
    return value if value.isprintable() else value.translate(_UNWRITABLE)
