"""What the dialog remembers between two turns. It travels with the call, sealed in the URL that a carrier posts to.

So any pod takes any turn, without a store and without a lock. The price is size: a session seals into fewer than
1,500 characters of URL, which `BYTES_MAX` leaves room for; what grows (what was said) is cut, oldest first.
"""

import json
from typing import Any, Final, Self

from pydantic import ConfigDict, Field, ValidationError

from schemas.errors import MalformedInput
from schemas.ids import CellId, ContactId, TenantId
from schemas.routing import LogModel, Urgency, UrgencyWord

BYTES_MAX: Final = 1050  # sealed and in base64: under 1,430 characters
SAID_CHARS_MAX: Final = 300
SAID_BYTES_MAX: Final = 360  # as JSON in UTF-8
FLAGS_MAX: Final = 4
START: Final = "start"
WAITING: Final = "waiting"
ENDED: Final = "ended"


class Session(LogModel):
    """One call's place in the dialog. A field of a newer release is ignored, so that a rolling deploy loses nobody.

    Fields are written under their aliases, since what they are written into is short.
    """

    model_config = ConfigDict(validate_by_name=True)

    contact_id: ContactId = Field(alias="c", max_length=36)
    tenant: TenantId = Field(alias="t", max_length=40)
    cell: CellId = Field(alias="p", max_length=40)
    carrier: str = Field(alias="k", default="twilio", max_length=20)
    account: str = Field(alias="a", max_length=64)
    call: str = Field(alias="l", max_length=128)
    number: str = Field(alias="n", max_length=20, description="the tenant's number that was dialled")
    caller: str | None = Field(
        alias="f", default=None, max_length=40, repr=False, description="the caller's number, if shown"
    )
    language: str = Field(alias="g", default="en", pattern=r"^[a-z]{2}$")
    turn: int = Field(alias="i", default=0, ge=0, description="of the input that comes next; 0 is the start")
    node: str = Field(alias="o", default=START, max_length=40)
    misunderstood: int = Field(alias="m", default=0, ge=0, description="in a row")
    silent: int = Field(alias="s", default=0, ge=0, description="in a row")
    urgency: UrgencyWord = Field(alias="u", default=Urgency.ROUTINE)
    intent: str | None = Field(alias="w", default=None, max_length=40)
    red_flags: tuple[str, ...] = Field(alias="r", default=(), repr=False)
    said: tuple[str, ...] = Field(alias="d", default=(), repr=False)
    waits: int = Field(alias="q", default=0, ge=0, description="turns of the waiting loop")
    ordinal: int = Field(
        alias="z", default=0, ge=0, description="how often the caller came back from an agent that was lost"
    )

    def to_bytes(self) -> bytes:
        """Return the session in at most `BYTES_MAX` bytes; equal sessions give equal bytes.

        What does not fit is left out (a number of control characters, a model's long flags): a caller must not be stuck
        because of it. The urgency stays, and all of it is on the log anyway.
        """
        session = self
        while len(octets := session._octets()) > BYTES_MAX:
            session = session._smaller()
        return octets

    def _octets(self) -> bytes:
        return self.model_dump_json(by_alias=True, exclude_defaults=True).encode()

    def _smaller(self) -> Self:
        """Return a copy without what is needed least: the oldest words, the caller's number, the least grave flag."""
        if self.said:
            return self.with_(said=self.said[1:])
        if self.caller:
            return self.with_(caller=None)
        assert self.red_flags, "the other fields' own bounds keep a session small"
        return self.with_(red_flags=self.red_flags[:-1])

    @classmethod
    def from_bytes(cls, octets: bytes) -> Self:
        """Read what `to_bytes` wrote. Raises `MalformedInput`, which quotes nothing, for anything else."""
        try:
            return cls.model_validate_json(octets)
        except ValidationError:
            raise MalformedInput("no dialog session") from None

    def with_(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked like any other session."""
        return type(self).model_validate(self.__dict__ | changes)

    def remembering(self, text: str) -> Self:
        """Return a copy that also knows what was just said, as far as it fits; the oldest gives way."""
        words = " ".join(text.split())[:SAID_CHARS_MAX]
        if not words:
            return self
        said = (*self.said, words)
        while sum(map(len, said)) > SAID_CHARS_MAX or len(_compact(said)) > SAID_BYTES_MAX:
            said = said[1:] if len(said) > 1 else (said[0][: len(said[0]) * 3 // 4],)
        return self.with_(said=said)


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
