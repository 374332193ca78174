"""Lets in what a carrier really sent, and nothing else: size, kind, form, signature, in this order.

What is refused leaves no trace but a count.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from schemas.errors import ConfigurationError, MalformedInput
from services.carriers.accounts import Accounts
from services.carriers.twilio_signature import HEADER, is_signed
from services.carriers.twilio_webhooks import CARRIER, FORM_TYPE, Webhook, account_of, fields_of, webhook_of
from services.runtime.limits import Limits
from services.runtime.telemetry import get_logger
from services.webhooks.gate import Gate

_BAD_REQUEST: Final = 400
_FORBIDDEN: Final = 403
_TIMEOUT: Final = 408
_TOO_LARGE: Final = 413
_WRONG_TYPE: Final = 415
_BODY_S_MAX: Final = 5.0  # a carrier sends its few hundred octets at once
_log = get_logger(__name__)


class Rejected(Exception):
    """A request that is answered with an HTTP status alone. `outcome` is the word under which it is counted."""

    def __init__(self, status: int, outcome: str) -> None:
        super().__init__(outcome)
        self.status = status
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Edge:
    """Checks requests. `public_url` is ours as carriers reach and sign it; headers such as Host are not asked."""

    accounts: Accounts
    public_url: str
    limits: Limits
    bodies: Gate

    async def admit(self, request: Request, path: str) -> Webhook:
        """Return what a request to `path` says, once it is known who sent it.

        Raises:
            Rejected: 413 too large, 415 no form, 408 too slow, 400 malformed, 403 unknown account or forged.
            Busy: too many bodies are being read; nothing is known of who sent this one.
        """
        with self.bodies.place():
            body = await self._body(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
            raise Rejected(_WRONG_TYPE, "wrong_type")
        try:
            fields = fields_of(body)
            secrets = self._secrets(account_of(fields))
            url = self.url(path, request)
            if not is_signed(request.headers.get(HEADER, ""), secrets=secrets, url=url, fields=fields):
                raise Rejected(_FORBIDDEN, "forged")
            return webhook_of(fields)
        except MalformedInput:
            raise Rejected(_BAD_REQUEST, "malformed") from None

    def url(self, path: str, request: Request) -> str:
        """Return the address that the carrier asked for, with its raw query string."""
        query = request.scope["query_string"].decode("latin-1")
        return f"{self.public_url}{path}" + (f"?{query}" if query else "")

    def _secrets(self, account: str) -> tuple[str, ...]:
        try:
            secrets = tuple(self.accounts.secrets(CARRIER, account))
        except ConfigurationError:
            _log.error("webhook.secret_missing", account=account)
            raise Rejected(_FORBIDDEN, "no_secret") from None
        if not secrets:
            raise Rejected(_FORBIDDEN, "unknown_account")
        return secrets

    async def _body(self, request: Request) -> bytes:
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:12]) > self.limits.webhook_body_bytes_max:
            raise Rejected(_TOO_LARGE, "too_large")
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_S_MAX):
                more = True
                while more:
                    message = await request.receive()
                    if message["type"] == "http.disconnect":
                        raise Rejected(_BAD_REQUEST, "cut_off")
                    body += message.get("body", b"")
                    if len(body) > self.limits.webhook_body_bytes_max:
                        raise Rejected(_TOO_LARGE, "too_large")
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Rejected(_TIMEOUT, "too_slow") from None
        return bytes(body)
