"""What Twilio's webhooks say, in our words. Everything here reads forms; nothing here trusts one.

Twilio adds parameters without notice, so unknown ones are ignored. Callers' numbers and words stay out of `repr`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal
from urllib.parse import parse_qsl

from schemas.errors import MalformedInput
from schemas.routing import CallEndCause
from services.carriers.twilio_signature import Field

CARRIER: Final = "twilio"
FORM_TYPE: Final = "application/x-www-form-urlencoded"
FIELDS_MAX: Final = 200
SPEECH_CHARS_MAX: Final = 2000
_ID_CHARS_MAX: Final = 64
_YEAR_MIN: Final = 2000
_YEAR_MAX: Final = 9000

ENDED: Final[Mapping[str, CallEndCause]] = {
    "completed": CallEndCause.COMPLETED,
    "busy": CallEndCause.BUSY,
    "no-answer": CallEndCause.NO_ANSWER,
    "failed": CallEndCause.FAILED,
    "canceled": CallEndCause.CANCELED,
}
"""Values of CallStatus after which a leg is gone: not `queued`, `initiated`, `ringing` or `in-progress`."""

ANSWERED: Final = "in-progress"

_READ: Final = frozenset(
    {
        "CallSid", "To", "Called", "From", "Caller", "CallStatus", "Digits", "SpeechResult", "DialCallStatus",
        "Timestamp",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One request of the carrier. `number` is ours, `caller` theirs; of an agent's leg `number` is the endpoint."""

    account: str
    call: str
    number: str = field(default="", repr=False)
    caller: str = field(default="", repr=False)
    call_status: str = ""
    heard: Literal["start", "digits", "speech", "silence", "returned"] = "silence"
    text: str = field(default="", repr=False)
    at: datetime | None = None  # the carrier's own time, where it tells one


def fields_of(body: bytes) -> list[Field]:
    """Parse a form exactly: what the signature covers, with undecodable octets as surrogate escapes.

    Raises:
        MalformedInput: it is no form, or has more than 200 fields.
    """
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="surrogateescape",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise MalformedInput("the body is no form") from None


def account_of(fields: Sequence[Field]) -> str:
    """Return whose webhook it says it is, to find the secret that proves it.

    Raises:
        MalformedInput: there is not exactly one account.
    """
    accounts = {value for key, value in fields if key == "AccountSid"}
    if len(accounts) != 1:
        raise MalformedInput("the form names no account, or several")
    return _identifier(accounts.pop(), "AccountSid")


def webhook_of(fields: Sequence[Field]) -> Webhook:
    """Read a verified form.

    Raises:
        MalformedInput: a field that every webhook carries is missing or cannot be what it says.
    """
    form = {key: _clean(value) for key, value in fields if key in _READ}
    heard, text = _heard(form)
    return Webhook(
        account=account_of(fields),
        call=_identifier(form.get("CallSid", ""), "CallSid"),
        number=form.get("To") or form.get("Called", ""),
        caller=form.get("From") or form.get("Caller", ""),
        call_status=form.get("CallStatus", ""),
        heard=heard,
        text=text,
        at=_time(form["Timestamp"]) if "Timestamp" in form else None,
    )


def _heard(form: Mapping[str, str]) -> tuple[Literal["digits", "speech", "silence", "returned"], str]:
    if "DialCallStatus" in form:
        return "returned", ""
    if form.get("Digits"):
        return "digits", form["Digits"][:SPEECH_CHARS_MAX]
    if form.get("SpeechResult"):
        return "speech", form["SpeechResult"][:SPEECH_CHARS_MAX]
    return "silence", ""


def _clean(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip()


def _identifier(value: str, name: str) -> str:
    if not (0 < len(value) <= _ID_CHARS_MAX and value.isascii() and value.isalnum()):
        raise MalformedInput(f"{name} is no identifier")
    return value


def _time(text: str) -> datetime | None:
    """Return an RFC 2822 time in UTC, such as `Tue, 24 Nov 2026 07:00:00 +0000`; None for anything else.

    A year that no carrier's clock can show is none: its neighbours are not dates, and reckoning with it would fail.
    """
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if not _YEAR_MIN <= moment.year <= _YEAR_MAX:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
