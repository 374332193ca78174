"""Callers told apart without keeping who they are."""

import hashlib
import re
from typing import Final

_WITHHELD: Final = frozenset(
    {"", "none", "null", "unknown", "unavailable", "anonymous", "private", "restricted", "withheld", "asterisk"}
)
_NOT_DIGIT: Final = re.compile(r"[^0-9]")
_SCHEME: Final = re.compile(r"^(?:tel|sips?|client):")
_DIGITS_MIN: Final = 3
_DIGITS_KEPT: Final = 10  # a number with and without its country's code is one caller
_BYTES: Final = 8


class CallerKeys:
    """Turns what a log calls the caller into a keyed hash. The key is drawn for one run and kept nowhere."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, caller: str) -> str | None:
        """Return the caller's opaque key, the same for the same caller; None if the number was withheld."""
        text = _SCHEME.sub("", caller.strip().strip("\"'<>").lower()).partition("@")[0]
        if text in _WITHHELD:
            return None
        digits = _NOT_DIGIT.sub("", text)
        told = digits[-_DIGITS_KEPT:] if len(digits) >= _DIGITS_MIN else text
        return hashlib.blake2b(told.encode("utf-8", "replace"), key=self._key, digest_size=_BYTES).hexdigest()
