"""Patient data sealed for the log, sessions sealed for URLs, and callers as keyed hashes.

One root key, made at first start and kept in DATA_DIR/keys, gives every other key by HKDF-SHA256 (RFC 5869). Each
contact has a random data key, which its tenant's key wraps and which travels beside what it sealed; so a reader needs
the root key and nothing else. Root keys are listed newest first: the newest seals, all of them open.
"""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import JsonValue

from schemas.envelope import Sealed
from schemas.errors import ConfigurationError, Unsealable
from services.runtime.limits import Limits
from services.runtime.secrets_store import private_file

ROOT_KEYS: Final = Path("keys") / "root.json"  # in the data directory
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_SIV_KEY_BYTES: Final = 64  # AES-256-SIV takes two keys (RFC 5297)
_VERSION: Final = b"\x01"  # in front of what a URL seals, so that a later format can be told apart
_SEPARATOR: Final = "\x1f"
_NOT_OPENED: Final = "the sealed value was cut, changed or meant for something else"


class RootKey(NamedTuple):
    """A root key and its id."""

    kid: str
    key: bytes

    def __repr__(self) -> str:
        """Show the id only."""
        return f"RootKey({self.kid})"


@dataclass(frozen=True, slots=True)
class RootKeys:
    """All root keys, the newest first."""

    keys: tuple[RootKey, ...] = field(repr=False)

    @property
    def newest(self) -> RootKey:
        """The key that seals."""
        return self.keys[0]

    @property
    def oldest(self) -> RootKey:
        """The key behind names that have to stay the same when keys rotate."""
        return self.keys[-1]

    def find(self, kid: str) -> RootKey:
        """Return a key by its id; raises `Unsealable` if it is unknown."""
        for key in self.keys:
            if key.kid == kid:
                return key
        raise Unsealable("the sealed value names a key that is not here")


def load_root_keys(data_dir: Path) -> RootKeys:
    """Read DATA_DIR/keys/root.json, making it first if it is not there.

    Raises:
        ConfigurationError: the file is broken, or others may read it. It is never replaced: what it sealed would be
            lost.
    """
    path = data_dir / ROOT_KEYS
    fresh = {"keys": [{"kid": os.urandom(4).hex(), "key": base64.b64encode(os.urandom(_KEY_BYTES)).decode()}]}
    content = private_file(path, json.dumps(fresh).encode())
    try:
        keys = [RootKey(str(entry["kid"]), base64.b64decode(entry["key"])) for entry in json.loads(content)["keys"]]
    except (ValueError, KeyError, TypeError):
        keys = []
    if not keys or any(len(root.key) != _KEY_BYTES for root in keys):
        raise ConfigurationError(f"{path} holds no root key", remedy="Restore it from a backup.")
    return RootKeys(tuple(keys))


class _ContactKey(NamedTuple):
    kid: str
    cipher: AESGCM
    wrapped: str


class Vault:
    """Seals patient data under a key of its own contact."""

    def __init__(self, keys: RootKeys, *, limits: Limits | None = None) -> None:
        self._keys = keys
        contacts_max = (limits or Limits()).contact_keys_max
        self._tenant_key = lru_cache(maxsize=1024)(self._derive_tenant_key)
        self._contact_key = lru_cache(maxsize=contacts_max)(self._make_contact_key)
        self._opened_key = lru_cache(maxsize=contacts_max)(self._unwrap)

    def seal(self, tenant: str, contact: str, data: Mapping[str, JsonValue]) -> Sealed:
        """Seal `data` so that it opens only for this tenant and contact. Sealing twice gives two different boxes."""
        key = self._contact_key(tenant, contact)
        nonce = os.urandom(_NONCE_BYTES)
        plain = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()
        box = nonce + key.cipher.encrypt(nonce, plain, _bound(tenant, contact, "box"))
        return Sealed(kid=key.kid, key=key.wrapped, box=_text(box))

    def open(self, tenant: str, contact: str, sealed: Sealed) -> dict[str, Any]:
        """Return what `seal` was given.

        Raises:
            Unsealable: it was cut, changed, sealed for another tenant or contact, or by a key that is not here.
        """
        box = _octets(sealed.box)
        cipher = self._opened_key(tenant, contact, sealed.kid, sealed.key)
        try:
            plain = cipher.decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bound(tenant, contact, "box"))
            document = json.loads(plain)
        except (InvalidTag, ValueError):
            raise Unsealable(_NOT_OPENED) from None
        if not isinstance(document, dict):
            raise Unsealable(_NOT_OPENED)
        return document

    def caller_key(self, tenant: str, number: str) -> str:
        """Name a caller without their number: 32 hex digits, the same for every spelling and after key rotation."""
        digits = "".join(character for character in number if character.isdigit())
        key = _derived(self._keys.oldest.key, f"caller{_SEPARATOR}{tenant}")
        return hmac.new(key, digits.encode(), hashlib.sha256).hexdigest()[:32]

    def _derive_tenant_key(self, root_kid: str, tenant: str) -> AESGCM:
        return AESGCM(_derived(self._keys.find(root_kid).key, f"tenant{_SEPARATOR}{tenant}"))

    def _make_contact_key(self, tenant: str, contact: str) -> _ContactKey:
        root = self._keys.newest
        key, nonce = os.urandom(_KEY_BYTES), os.urandom(_NONCE_BYTES)
        wrapped = self._tenant_key(root.kid, tenant).encrypt(nonce, key, _bound(tenant, contact, "key"))
        return _ContactKey(f"{root.kid}.{tenant}"[:64], AESGCM(key), _text(nonce + wrapped))

    def _unwrap(self, tenant: str, contact: str, kid: str, wrapped: str) -> AESGCM:
        octets = _octets(wrapped)
        cipher = self._tenant_key(kid.partition(".")[0], tenant)
        try:
            return AESGCM(cipher.decrypt(octets[:_NONCE_BYTES], octets[_NONCE_BYTES:], _bound(tenant, contact, "key")))
        except (InvalidTag, ValueError):
            raise Unsealable(_NOT_OPENED) from None


class UrlSeal:
    """Seals what travels in a URL: AES-256-SIV, the same input gives the same text, so a repeat is a repeat."""

    def __init__(self, keys: RootKeys) -> None:
        self._ciphers: Sequence[AESSIV] = tuple(
            AESSIV(_derived(root.key, "url", length=_SIV_KEY_BYTES)) for root in keys.keys
        )

    def seal(self, payload: bytes, *, bound_to: str) -> str:
        """Return `payload` sealed, in letters, digits, `-` and `_`; 4/3 of its length plus 23 characters at most."""
        sealed = self._ciphers[0].encrypt(_VERSION + payload, [bound_to.encode()])
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def open(self, token: str, *, bound_to: str) -> bytes:
        """Return what was sealed for the same `bound_to`.

        Raises:
            Unsealable: it was cut, changed or bound to something else.
        """
        octets = _url_octets(token)
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(octets, [bound_to.encode()])
            except (InvalidTag, ValueError):
                continue
            if plain.startswith(_VERSION):
                return plain.removeprefix(_VERSION)
        raise Unsealable(_NOT_OPENED)


def derive(keys: RootKeys, purpose: str) -> bytes:
    """Return 32 bytes for one purpose, the same in every process that has the root key; changes when it rotates."""
    return _derived(keys.newest.key, f"purpose{_SEPARATOR}{purpose}")


def _derived(root: bytes, info: str, *, length: int = _KEY_BYTES) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info.encode()).derive(root)


def _bound(tenant: str, contact: str, what: str) -> bytes:
    return _SEPARATOR.join((what, tenant, contact)).encode()


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Unsealable(_NOT_OPENED) from None


def _url_octets(token: str) -> bytes:
    try:
        octets = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Unsealable(_NOT_OPENED) from None
    # Base64 has spare bits at its end: only the one spelling that we write is accepted.
    if base64.urlsafe_b64encode(octets).rstrip(b"=") != token.encode():
        raise Unsealable(_NOT_OPENED)
    return octets
