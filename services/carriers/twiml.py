"""Instructions as TwiML, the markup that Twilio follows. The same instructions give the same bytes."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from schemas.dialog import Dial, Gather, HangUp, Instruction, Pause, Play, Say
from schemas.ids import ContactId

MEDIA_TYPE: Final = "text/xml"
LANGUAGES: Final = {"en": "en-US", "es": "es-US"}
HOLD_MUSIC: Final = "hold_music"
_PROLOGUE: Final = '<?xml version="1.0" encoding="UTF-8"?>'
_HINTS_CHARS_MAX: Final = 2000
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
        return _element("Say", [("language", _language(prompt.language))], _text(prompt.text))
    return _element("Play", [], _text(addresses.hold_music if prompt.sound == HOLD_MUSIC else prompt.sound))


def _gather(gather: Gather, addresses: Addresses) -> str:
    attributes = [
        ("input", "dtmf speech" if gather.speech else "dtmf"),
        ("action", addresses.turn),
        ("method", "POST"),
        ("actionOnEmptyResult", "true"),
        ("timeout", str(math.ceil(gather.timeout_s))),
        ("numDigits", str(gather.digits_max)),
        ("language", _language(gather.language)),
    ]
    if gather.speech:
        attributes.append(("speechTimeout", "auto"))
        if gather.hints:
            attributes.append(("hints", ",".join(gather.hints)[:_HINTS_CHARS_MAX]))
    return _element("Gather", attributes, "".join(_prompt(prompt, addresses) for prompt in gather.prompts))


def _language(language: str) -> str:
    return LANGUAGES.get(language, language)


def _element(name: str, attributes: Iterable[tuple[str, str]], content: str = "") -> str:
    written = "".join(f" {key}={quoteattr(value.translate(_UNWRITABLE))}" for key, value in attributes)
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _text(value: str) -> str:
    return escape(value.translate(_UNWRITABLE))
