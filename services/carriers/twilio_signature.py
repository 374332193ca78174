"""How Twilio signs its webhooks: X-Twilio-Signature, as its documentation of request validation describes it.

base64(HMAC-SHA1(auth token, URL + key and value of each form field, in ascending order of key)). Values of a repeated
key are sorted and counted once. There is no time-stamp and no nonce, so that a webhook can be replayed: deterministic
fact ids make that harmless.
"""

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from schemas.errors import ConfigurationError

HEADER: Final = "X-Twilio-Signature"
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_CODEC: Final = ("utf-8", "surrogateescape")  # field values keep the exact octets that were signed

Field = tuple[str, str]


def is_signed(signature: str, *, secrets: Sequence[str], url: str, fields: Iterable[Field] = ()) -> bool:
    """Return whether one of `secrets` (two during a rotation) signed this request.

    `url` is the public one, with the raw query string; a fragment is never signed. `fields` are those of a form, with
    undecodable octets as surrogate escapes.

    Raises:
        ConfigurationError: a secret is empty. Its signatures anyone can make.
    """
    if not secrets or not all(secrets):
        raise ConfigurationError("a carrier's secret is empty", remedy="Set it to the account's auth token.")
    tail = "".join(key + value for key, value in sorted(set(fields)))
    given = signature.encode(*_CODEC)
    # Every combination is compared, so that the time taken tells nothing about which of them came close.
    matches = [
        hmac.compare_digest(sign(secret, spelling + tail), given) for secret in secrets for spelling in spellings(url)
    ]
    return any(matches)


def sign(secret: str, text: str) -> bytes:
    """Return the signature of `text` (URL and fields, joined)."""
    return b64encode(hmac.new(secret.encode(), text.encode(*_CODEC), hashlib.sha1).digest())


def spellings(url: str) -> Iterator[str]:
    """Yield a URL without its port and with it, the scheme's own if none is given: which one is signed varies."""
    url = url.partition("#")[0]
    scheme, _, rest = url.partition("://")
    end = next((index for index, character in enumerate(rest) if character in "/?"), len(rest))
    authority, path = rest[:end], rest[end:]
    host, port = _split(authority)
    yield f"{scheme}://{host}{path}"
    yield f"{scheme}://{host}:{port or _DEFAULT_PORTS[scheme]}{path}"


def _split(authority: str) -> tuple[str, str]:
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):  # a bare IPv6 address has colons too
        return authority, ""
    return host, port
