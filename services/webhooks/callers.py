"""Who is calling, and where they stand: sessions out of addresses, and what was heard before a failure."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import TypeAdapter, ValidationError

from ivr import dialog
from ivr.session import Session
from schemas import ids
from schemas.dialog import Heard
from schemas.errors import MalformedInput
from schemas.ids import TenantId
from schemas.tenant_config import TenantConfig
from services.carriers.addresses import CarrierAddresses, Returning, returning_of
from services.carriers.twilio_webhooks import CARRIER, Webhook
from services.runtime.tenants import Tenants

PENDING_MAX: Final = 2  # inputs that wait to be processed again
CALLER_CHARS_MAX: Final = 40
_PENDING_CHARS_MAX: Final = 300  # of each; they travel in a URL
_PERSON_KEY: Final = "0"
_PENDING: TypeAdapter[tuple[Heard, ...]] = TypeAdapter(tuple[Heard, ...])


@dataclass(frozen=True, slots=True)
class Callers:
    """Finds a webhook's tenant and session."""

    tenants: Tenants
    addresses: CarrierAddresses

    def tenant_of(self, webhook: Webhook) -> TenantConfig | None:
        """Return whose number was dialled, if the account that says so is theirs."""
        config = self.tenants.by_number(webhook.number)
        return config if config is not None and has_account(config, webhook.account) else None

    def owner_of(self, webhook: Webhook) -> TenantConfig | None:
        """Return the tenant of the number, or of the account if the number is not in use any more."""
        return self.tenant_of(webhook) or self.tenants.by_account(CARRIER, webhook.account)

    def arriving(self, webhook: Webhook, tenant: TenantConfig) -> Session:
        """Return the session of a call that has just arrived."""
        return dialog.opened(
            contact_id=contact_of(webhook),
            tenant=tenant,
            account=webhook.account,
            call=webhook.call,
            number=webhook.number,
            caller=webhook.caller[:CALLER_CHARS_MAX] or None,
            carrier=CARRIER,
        )

    def session(self, token: str, webhook: Webhook) -> tuple[Session, TenantConfig, bool]:
        """Return the session inside a turn's address, its tenant, and whether the caller comes from the conference.

        Raises:
            MalformedInput: it was cut, changed, made for another call, or its tenant is not here any more.
        """
        payload = self.addresses.open_turn(token, account=webhook.account, call=webhook.call)
        leg = returning_of(payload)
        if leg is not None:
            tenant = self._owner(leg.tenant, webhook)
            return self._after_conference(leg, webhook, tenant), tenant, True
        session = Session.from_bytes(payload)
        return session, self._owner(session.tenant, webhook), False

    def pending(self, token: str, webhook: Webhook) -> tuple[Heard, ...]:
        """Return what was heard before and is still to be processed; nothing if the token does not open."""
        if not token:
            return ()  # as nearly always
        try:
            return _PENDING.validate_json(self.addresses.open_heard(token, account=webhook.account, call=webhook.call))
        except (MalformedInput, ValidationError):
            return ()

    def keep(self, url: str, heard: Sequence[Heard], webhook: Webhook) -> str:
        """Return a turn's own address, extended by what was heard, so that a failure does not lose it."""
        kept = [one for one in heard if one.kind in {"speech", "digits"}][-PENDING_MAX:]
        if not kept:
            return url
        dumped = [{"kind": one.kind, "text": one.text[:_PENDING_CHARS_MAX]} for one in kept]
        payload = json.dumps(dumped, ensure_ascii=False, separators=(",", ":")).encode()
        return self.addresses.again(url, payload, account=webhook.account, call=webhook.call)

    def _owner(self, name: TenantId, webhook: Webhook) -> TenantConfig:
        tenant = self.tenants.get(name)
        if tenant is None or not has_account(tenant, webhook.account):
            raise MalformedInput("the session's tenant is not here")
        return tenant

    def _after_conference(self, leg: Returning, webhook: Webhook, tenant: TenantConfig) -> Session:
        session = dialog.opened(
            contact_id=leg.contact,
            tenant=tenant,
            account=leg.account,
            call=leg.call,
            number=leg.number,
            caller=webhook.caller[:CALLER_CHARS_MAX] or None,
            carrier=CARRIER,
        )
        known = {"language": leg.language, "intent": leg.intent, "urgency": leg.urgency}
        changes = {name: value for name, value in known.items() if value is not None}
        return session.with_(cell=leg.cell, ordinal=leg.ordinal, **changes)


def contact_of(webhook: Webhook) -> ids.ContactId:
    """Return the contact behind a caller's leg."""
    return ids.contact_id(CARRIER, webhook.account, webhook.call)


def has_account(config: TenantConfig, account: str) -> bool:
    """Return whether a carrier account is a tenant's."""
    return any((line.carrier, line.account) == (CARRIER, account) for line in config.carriers)


def inputs(webhook: Webhook, before: Sequence[Heard], *, first: Heard | None = None) -> tuple[Heard, ...]:
    """Return what the dialog is to take, in order: what opens it, what an earlier failure left, and what is new.

    After a failure the caller has heard no menu, so that only words and the key for a person mean something.
    """
    new = Heard(kind=webhook.heard, text=webhook.text)
    opening = (*((first,) if first else ()), *before)
    if not opening:
        return (new,)
    says_something = new.kind == "speech" or (new.kind == "digits" and new.text == _PERSON_KEY)
    return (*opening, new) if says_something else opening
