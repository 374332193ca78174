"""What a carrier does with TwiML: parse a document into verbs, walk it, and say which request comes next.

Sans-I/O. Stricter than the real carrier, which shrugs at much: an unknown verb or attribute is an error here, since it
is one in the system under test. The walk is three calls::

    script = Interpreter(document, url=where_it_came_from)
    step = script.step()                     # a verb to perform, or a Request to make
    next_request = script.gathered(step, Digits("2"))   # after a Gather; script.dialled(...) after a Dial
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urljoin
from xml.etree import ElementTree as ET

DOCUMENT_CHARS_MAX: Final = 64 * 1024
SAY_CHARS_MAX: Final = 4096
URL_CHARS_MAX: Final = 4000
Method = Literal["GET", "POST"]


class TwimlError(ValueError):
    """The document is not TwiML as we know it; a real caller would hear an error tone or worse."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the carrier asks for next. `fields` are those beyond the ones that every webhook of a call carries."""

    url: str
    method: Method = "POST"
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Say:
    """Text that the caller hears."""

    text: str = field(repr=False)
    language: str


@dataclass(frozen=True, slots=True)
class Play:
    """A sound that the caller hears."""

    url: str
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence."""

    seconds: float = 1.0


Prompt = Say | Play | Pause


@dataclass(frozen=True, slots=True)
class Gather:
    """Listen, while the prompts play and for `timeout_s` after them. `digits_max` None: until a finishing key."""

    prompts: tuple[Prompt, ...]
    request: Request
    timeout_s: float
    digits_max: int | None
    finish_on_key: str
    digits: bool
    speech: bool
    on_empty: bool
    language: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with another document."""

    request: Request


@dataclass(frozen=True, slots=True)
class DialConference:
    """Stand in a conference until it ends."""

    name: str
    label: str | None
    start_on_enter: bool
    end_on_exit: bool
    request: Request | None


@dataclass(frozen=True, slots=True)
class DialNumber:
    """Call somebody else and be connected with them."""

    to: str
    timeout_s: float
    request: Request | None


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call; also what follows the last verb."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not answer the call."""

    reason: str


Verb = Say | Play | Pause | Gather | Redirect | DialConference | DialNumber | Hangup | Reject


@dataclass(frozen=True, slots=True)
class Digits:
    """Keys that were pressed; `finished_on` is the key that ended them, if one did."""

    text: str = field(repr=False)
    finished_on: str = ""


@dataclass(frozen=True, slots=True)
class Speech:
    """Words that were recognised."""

    text: str = field(repr=False)
    confidence: float = 0.93


Heard = Digits | Speech | None  # None: nothing came before the time-out


class Interpreter:
    """Walks one document. Perform what `step` returns, tell how a Gather or Dial came out, and ask again.

    Raises:
        TwimlError: the document is not TwiML.
    """

    def __init__(self, document: str, *, url: str) -> None:
        self._verbs = parse(document, url=url)
        self._next = 0

    def step(self) -> Verb | Request:
        """Return the next verb, the request of a redirect, or Hangup after the last verb."""
        if self._next >= len(self._verbs):
            return Hangup()
        verb = self._verbs[self._next]
        self._next += 1
        return verb.request if isinstance(verb, Redirect) else verb

    def gathered(self, gather: Gather, heard: Heard) -> Request | None:
        """Return the request that carries what was heard; None: go on with the next verb."""
        match heard:
            case Digits(text, finished_on):
                fields = {"Digits": text, "FinishedOnKey": finished_on}
            case Speech(text, confidence):
                fields = {"SpeechResult": text, "Confidence": f"{confidence:.7f}"}
            case None if gather.on_empty:
                fields = {"Digits": "", "msg": "Gather End"}
            case None:
                return None
        return Request(gather.request.url, gather.request.method, fields)

    def dialled(
        self, dial: DialConference | DialNumber, *, status: str, sid: str = "", seconds: float = 0.0
    ) -> Request | None:
        """Return the request of the Dial's action when it is over; None: go on with the next verb."""
        if dial.request is None:
            return None
        fields = {"DialCallStatus": status}
        if sid:
            fields |= {"DialCallSid": sid, "DialCallDuration": str(round(seconds))}
        # After an action nothing that stands behind the Dial is reached.
        return Request(dial.request.url, dial.request.method, fields)


# ---- parsing

_HTTP: Final = {"GET": "GET", "POST": "POST"}
_SPEECH: Final = {
    *("input", "action", "method", "timeout", "numDigits", "finishOnKey", "actionOnEmptyResult", "language", "hints"),
    *("speechTimeout", "speechModel", "enhanced", "profanityFilter", "bargeIn", "debug", "maxSpeechTime"),
    *("partialResultCallback", "partialResultCallbackMethod"),
}
_CALLBACK: Final = {"statusCallback", "statusCallbackMethod", "statusCallbackEvent"}
_ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    "Response": frozenset(),
    "Say": frozenset({"voice", "language", "loop"}),
    "Play": frozenset({"loop", "digits"}),
    "Pause": frozenset({"length"}),
    "Gather": frozenset(_SPEECH),
    "Redirect": frozenset({"method"}),
    "Dial": frozenset({"action", "method", "timeout", "callerId", "timeLimit", "hangupOnStar", "answerOnBridge"}),
    "Conference": frozenset(
        {"participantLabel", "startConferenceOnEnter", "endConferenceOnExit", "beep", "muted", "maxParticipants"}
        | {"waitUrl", "waitMethod", "region", "record", "coach", "trim", "jitterBufferSize"}
        | _CALLBACK
    ),
    "Number": frozenset({"url", "method", "sendDigits"} | _CALLBACK),
    "Client": frozenset({"url", "method"} | _CALLBACK),
    "Sip": frozenset({"url", "method"} | _CALLBACK),
    "Hangup": frozenset(),
    "Reject": frozenset({"reason"}),
}


class _NoDoctype(ET.TreeBuilder):
    def doctype(self, *_: str | None) -> None:
        """Refuse what could define or fetch entities."""
        raise TwimlError("a document type is declared")


def parse(document: str, *, url: str) -> tuple[Verb, ...]:
    """Return the verbs of a document that came from `url`, which relative addresses start from.

    Raises:
        TwimlError: not well formed, too long, or with a verb or attribute that TwiML does not have.
    """
    if len(document) > DOCUMENT_CHARS_MAX:
        raise TwimlError(f"longer than {DOCUMENT_CHARS_MAX} characters")
    try:
        root = ET.fromstring(document, parser=ET.XMLParser(target=_NoDoctype()))  # noqa: S314  no doctype, no entities
    except ET.ParseError as error:
        raise TwimlError(f"not well formed at line {error.position[0]}") from None
    if root.tag != "Response":
        raise TwimlError(f"the root is {root.tag}")
    return tuple(_verb(element, url) for element in _known(root))


def _known(element: ET.Element) -> list[ET.Element]:
    for child in element:
        allowed = _ATTRIBUTES.get(child.tag)
        if allowed is None:
            raise TwimlError(f"no verb is called {child.tag}")
        if unknown := sorted(set(child.attrib) - allowed):
            raise TwimlError(f"{child.tag} has no attribute {unknown[0]}")
    return list(element)


def _verb(element: ET.Element, base: str) -> Verb:
    match element.tag:
        case "Gather":
            return _gather(element, base)
        case "Dial":
            return _dial(element, base)
        case "Redirect":
            return Redirect(_request(_text(element), element, base))
        case "Hangup":
            return Hangup()
        case "Reject":
            return Reject(element.get("reason", "rejected"))
        case _:
            return _prompt(element, base)


def _prompt(element: ET.Element, base: str) -> Prompt:
    match element.tag:
        case "Say":
            text = _text(element)
            if not 0 < len(text) <= SAY_CHARS_MAX:
                raise TwimlError(f"Say holds {len(text)} characters, not 1 to {SAY_CHARS_MAX}")
            return Say(text, element.get("language", "en-US"))
        case "Play":
            return Play(_address(_text(element), base), _count(element, "loop", 1))
        case "Pause":
            return Pause(float(_count(element, "length", 1)))
        case tag:
            raise TwimlError(f"{tag} may not stand here")


def _gather(element: ET.Element, base: str) -> Gather:
    inputs = element.get("input", "dtmf").split()
    if not inputs or set(inputs) - {"dtmf", "speech"}:
        raise TwimlError("Gather listens for dtmf, speech or both")
    return Gather(
        prompts=tuple(_prompt(child, base) for child in _known(element)),
        request=_request(element.get("action", base), element, base),
        timeout_s=float(_count(element, "timeout", 5)),
        digits_max=_count(element, "numDigits", 0) or None,
        finish_on_key=element.get("finishOnKey", "#"),
        digits="dtmf" in inputs,
        speech="speech" in inputs,
        on_empty=_flag(element, "actionOnEmptyResult", default=False),
        language=element.get("language", "en-US"),
    )


def _dial(element: ET.Element, base: str) -> DialConference | DialNumber:
    request = _request(element.get("action", ""), element, base) if "action" in element.attrib else None
    children = _known(element)
    if not children:
        return DialNumber(_text(element), float(_count(element, "timeout", 30)), request)
    (child,) = children if len(children) == 1 else (children[0],)
    if child.tag != "Conference":
        prefix = {"Client": "client:", "Sip": ""}.get(child.tag, "")
        return DialNumber(prefix + _text(child), float(_count(element, "timeout", 30)), request)
    return DialConference(
        name=_text(child),
        label=child.get("participantLabel"),
        start_on_enter=_flag(child, "startConferenceOnEnter", default=True),
        end_on_exit=_flag(child, "endConferenceOnExit", default=False),
        request=request,
    )


def _request(target: str, element: ET.Element, base: str) -> Request:
    method = element.get("method", "POST").upper()
    if method not in _HTTP:
        raise TwimlError(f"{element.tag} has the method {method}")
    return Request(_address(target, base), "GET" if method == "GET" else "POST")


def _address(target: str, base: str) -> str:
    url = urljoin(base, target)
    if not url.startswith(("http://", "https://")) or len(url) > URL_CHARS_MAX:
        raise TwimlError(f"an address is not http, or longer than {URL_CHARS_MAX} characters")
    return url


def _text(element: ET.Element) -> str:
    return " ".join((element.text or "").split())


def _flag(element: ET.Element, name: str, *, default: bool) -> bool:
    value = element.get(name)
    if value not in {None, "true", "false"}:
        raise TwimlError(f"{element.tag} {name} is neither true nor false")
    return default if value is None else value == "true"


def _count(element: ET.Element, name: str, default: int) -> int:
    value = element.get(name)
    if value is None:
        return default
    if not value.isdigit():
        raise TwimlError(f"{element.tag} {name} is no whole number")
    return int(value)
