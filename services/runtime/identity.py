"""Who is asking: JSON Web Tokens for people and services, and tickets for websockets.

Without an OIDC issuer, tokens are signed with a development key (Ed25519) in DATA_DIR/keys. A ticket stands in a URL,
so it is short-lived; it is signed with a key that every process derives from the root key, since a balancer may send
the socket elsewhere than the request for the ticket. Each process refuses a ticket that it has seen: it is good once
in each of them, and processes do not ask one another.
"""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple, Protocol, get_args

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from fastapi import HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from schemas.errors import ConfigurationError, MalformedInput
from services.runtime.clock import Clock
from services.runtime.crypto import RootKeys, derive
from services.runtime.ids import new_id
from services.runtime.limits import Limits
from services.runtime.secrets_store import private_file
from services.runtime.telemetry import LIMIT_REACHED, NOT_AUTHENTICATED, Metrics

Role = Literal["agent", "nurse", "supervisor", "auditor", "admin", "service"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
AUDIENCE: Final = "frontdoor"
TICKET_AUDIENCE: Final = "frontdoor/ticket"
DEVELOPMENT_ISSUER: Final = "frontdoor/development"
KEY_FILE: Final = Path("keys") / "development.pem"

_BEARER: Final = HTTPBearer(auto_error=False, description="a token of the issuer, or `frontdoor token`")
_SKEW_S: Final = 5.0


class NotAuthenticated(MalformedInput):
    """The token or ticket is missing, false, spent or over."""


class Principal(NamedTuple):
    """Who asks. `tenant` is None for staff of the installation itself."""

    subject: str
    role: Role
    tenant: str | None = None


class VerifyingKey(NamedTuple):
    """A public key and the one algorithm that it is for."""

    key: Any
    algorithm: str


class IssuerKeys(Protocol):
    """Where public keys of tokens come from."""

    issuer: str

    def find(self, kid: str | None) -> VerifyingKey | None:
        """Return the key with this id, or None."""


class DevelopmentKey:
    """The local key that signs tokens when no issuer is set. Also the source of its own public key."""

    issuer = DEVELOPMENT_ISSUER

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self._public: Ed25519PublicKey = private.public_key()

    @classmethod
    def load(cls, data_dir: Path) -> "DevelopmentKey":
        """Read DATA_DIR/keys/development.pem, making it first if it is not there."""
        fresh = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = data_dir / KEY_FILE
        try:
            private = load_pem_private_key(private_file(path, fresh), password=None)
        except ValueError:
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            raise ConfigurationError(f"{path} is no Ed25519 key", remedy="Move it away; a new one is made.")
        return cls(private)

    def find(self, kid: str | None) -> VerifyingKey | None:
        """Return the public key for a token without a key id."""
        return VerifyingKey(self._public, "EdDSA") if kid is None else None

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the claims as a signed token."""
        return jwt.encode(claims, self._private, algorithm="EdDSA")


class Identity:
    """Issues and verifies tokens and tickets."""

    def __init__(
        self,
        keys: IssuerKeys,
        *,
        roots: RootKeys,
        clock: Clock,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._keys = keys
        self._ticket_key = derive(roots, "ticket")
        self._clock = clock
        self._limits = limits or Limits()
        self._metrics = metrics or Metrics()
        self._spent: dict[str, float] = {}  # ticket id to when it is over, in order of redemption

    def issue(self, subject: str, *, role: Role, tenant: str | None, ttl_s: float | None = None) -> str:
        """Return a token signed with the development key, good for `ttl_s` seconds (a shift).

        Raises:
            ConfigurationError: an OIDC issuer is set, so tokens come from there.
        """
        if not isinstance(self._keys, DevelopmentKey):
            raise ConfigurationError(
                f"tokens come from the issuer {self._keys.issuer}",
                remedy="Sign in there, or unset FRONTDOOR_OIDC_ISSUER.",
            )
        ttl = self._limits.token_ttl_s if ttl_s is None else ttl_s
        return self._keys.sign(self._claims(Principal(subject, role, tenant), DEVELOPMENT_ISSUER, AUDIENCE, ttl))

    def verify(self, token: str) -> Principal:
        """Return whose token it is.

        Raises:
            NotAuthenticated: it is malformed, signed by someone else, over, not yet good, or names no known role.
        """
        key = self._key_of(token)
        if key is None:
            raise self._refused("token")
        try:
            return self._principal(token, key, self._keys.issuer, AUDIENCE)[0]
        except jwt.InvalidTokenError:
            raise self._refused("token") from None

    def ticket(self, principal: Principal) -> str:
        """Return a ticket for a websocket of this principal: good for `limits.ticket_s`, once in each process."""
        claims = self._claims(principal, TICKET_AUDIENCE, TICKET_AUDIENCE, self._limits.ticket_s)
        return jwt.encode({**claims, "jti": new_id()}, self._ticket_key, algorithm="HS256")

    def redeem(self, ticket: str) -> Principal:
        """Return whose ticket it is, and refuse it from now on. In this process: another one knows nothing of it.

        Raises:
            NotAuthenticated: it is false, spent or over.
        """
        try:
            principal, claims = self._principal(
                ticket, VerifyingKey(self._ticket_key, "HS256"), TICKET_AUDIENCE, TICKET_AUDIENCE
            )
        except jwt.InvalidTokenError:
            raise self._refused("ticket") from None
        self._spend(str(claims.get("jti")), float(claims["exp"]))
        return principal

    def require(self, *roles: Role) -> Callable[..., Coroutine[Any, Any, Principal]]:
        """Return a FastAPI dependency: the principal, 401 without a good bearer token, 403 with another role."""

        async def principal(
            credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
        ) -> Principal:
            try:
                found = self.verify(credentials.credentials if credentials else "")
            except NotAuthenticated:
                raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"}) from None
            if roles and found.role not in roles:
                raise HTTPException(403, f"this needs the role {' or '.join(roles)}")
            return found

        return principal

    def _key_of(self, token: str) -> VerifyingKey | None:
        if len(token) > self._limits.token_chars_max:
            return None
        try:
            return self._keys.find(jwt.get_unverified_header(token).get("kid"))
        except jwt.InvalidTokenError:
            return None

    def _claims(self, principal: Principal, issuer: str, audience: str, ttl_s: float) -> dict[str, Any]:
        now = self._clock.now()
        claims = {"iss": issuer, "aud": audience, "iat": now, "exp": now + timedelta(seconds=ttl_s)}
        named = {"sub": principal.subject, "role": principal.role}
        return claims | named | ({"tenant": principal.tenant} if principal.tenant else {})

    def _principal(self, token: str, key: VerifyingKey, issuer: str, audience: str) -> tuple[Principal, dict[str, Any]]:
        # The library compares with the machine's clock; times are checked here against ours.
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm],
            audience=audience,
            issuer=issuer,
            options={"require": ["exp", "iat", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        self._check_times(claims)
        role, tenant = claims.get("role"), claims.get("tenant")
        if role not in ROLES or not (tenant is None or isinstance(tenant, str)):
            raise jwt.InvalidTokenError
        return Principal(str(claims["sub"]), role, tenant), claims

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.now()
        try:
            begins = datetime.fromtimestamp(float(claims.get("nbf", claims["iat"])), UTC)
            ends = datetime.fromtimestamp(float(claims["exp"]), UTC)
        except (ValueError, TypeError, OverflowError, OSError):
            raise jwt.InvalidTokenError from None
        if not begins - timedelta(seconds=_SKEW_S) <= now < ends:
            raise jwt.ExpiredSignatureError

    def _spend(self, ticket_id: str, ends: float) -> None:
        now = self._clock.now().timestamp()
        # Tickets live equally long, so the oldest are first.
        while self._spent and next(iter(self._spent.values())) <= now:
            del self._spent[next(iter(self._spent))]
        if ticket_id in self._spent:
            raise self._refused("ticket")
        if len(self._spent) >= self._limits.tickets_max:
            self._metrics.count(LIMIT_REACHED, limit="tickets_max")
            raise self._refused("ticket")
        self._spent[ticket_id] = ends

    def _refused(self, what: str) -> NotAuthenticated:
        self._metrics.count(NOT_AUTHENTICATED, what=what)
        return NotAuthenticated(f"the {what} is not good")
