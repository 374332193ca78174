"""What becomes of legs, as the carrier tells in status webhooks: facts, and nothing else.

A carrier may not send a status twice, so publishing one is tried longer than a caller could wait. One that did not
become durable is refused, so that a carrier that retries does. What is lost all the same shows in other ways: that a
caller is gone, when call control lists the calls; that an agent never answered, at the connecting deadline; that a
talking agent's leg broke, when the conference ends with it and the caller comes back to the dialog.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from schemas import ids
from schemas.contacts import AgentLegAnswered, AgentLegEnded
from schemas.errors import BusUnavailable, MalformedInput
from schemas.intake import FactEnvelope
from services.carriers.addresses import AgentLeg, CarrierAddresses
from services.carriers.twilio_webhooks import ANSWERED, CARRIER, ENDED, Webhook
from services.runtime.clock import Clock
from services.runtime.facts import Publishing, fact
from services.runtime.limits import Limits
from services.runtime.tenants import Tenants
from services.webhooks.callers import Callers, has_account
from services.webhooks.conversation import SOURCE, caller_ended
from services.webhooks.edge import Rejected
from services.webhooks.gate import Gate

_BAD_REQUEST: Final = 400
_UNAVAILABLE: Final = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    """Turns statuses into facts."""

    callers: Callers
    tenants: Tenants
    addresses: CarrierAddresses
    publisher: Publishing
    clock: Clock
    limits: Limits
    under_way: Gate

    async def take(self, webhook: Webhook, *, token: str) -> str:
        """Publish what a status means and return the word under which it is counted. `token` marks an agent's leg.

        Raises:
            Rejected: 400 for a token that is not ours, 503 if the fact did not become durable.
            Busy: too many wait for that.
        """
        envelope = self._of_agent(webhook, token) if token else self._of_caller(webhook)
        if envelope is None:
            return "ignored"
        with self.under_way.place():
            return await self._publish(envelope)

    async def _publish(self, envelope: FactEnvelope) -> str:
        for attempt in range(self.limits.status_attempts_max):
            if attempt:
                await asyncio.sleep(self.limits.status_pause_s)
            with suppress(BusUnavailable):
                await self.publisher.publish([envelope])
                return "published"
        raise Rejected(_UNAVAILABLE, "unavailable")

    def _of_caller(self, webhook: Webhook) -> FactEnvelope | None:
        tenant = self.callers.owner_of(webhook)
        if webhook.call_status not in ENDED or tenant is None:
            return None
        return caller_ended(webhook, tenant, self.clock)

    def _of_agent(self, webhook: Webhook, token: str) -> FactEnvelope | None:
        leg = self._leg(webhook, token)
        data: AgentLegAnswered | AgentLegEnded
        if webhook.call_status == ANSWERED:
            what, data = "agent_answered", AgentLegAnswered(contact_id=leg.contact, reservation_id=leg.reservation)
        elif webhook.call_status in ENDED:
            cause = ENDED[webhook.call_status]
            what, data = (
                "agent_ended",
                AgentLegEnded(contact_id=leg.contact, reservation_id=leg.reservation, cause=cause),
            )
        else:
            return None
        now = self.clock.now()
        return fact(
            data,
            id=ids.fact_id(CARRIER, webhook.account, webhook.call, what),
            source=SOURCE,
            subject=leg.contact,
            cell=leg.cell,
            tenant=leg.tenant,
            time=min(webhook.at or now, now),
        )

    def _leg(self, webhook: Webhook, token: str) -> AgentLeg:
        try:
            leg = self.addresses.open_agent_status(token)
        except MalformedInput:
            raise Rejected(_BAD_REQUEST, "bad_token") from None
        tenant = self.tenants.get(leg.tenant)
        if tenant is not None and not has_account(tenant, webhook.account):
            raise Rejected(_BAD_REQUEST, "bad_token")
        return leg
