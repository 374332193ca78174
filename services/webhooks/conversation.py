"""One turn of a call: the dialog takes a step, its facts become durable, the caller hears what follows.

In this order, so that whatever a caller has been told is on the log, or on a disk on its way there. When something
behind it fails, the caller hears the emergency notice and is held or passed on, and the same turn is tried again with
what they had said.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ivr import dialog
from ivr.session import Session
from ivr.steps import DialogFact, Step
from schemas import ids
from schemas.contacts import CallerLegEnded
from schemas.dialog import Heard, Instruction
from schemas.errors import BusUnavailable, MalformedInput
from schemas.intake import FactEnvelope
from schemas.tenant_config import TenantConfig
from services.carriers.addresses import CarrierAddresses
from services.carriers.twilio_webhooks import CARRIER, ENDED, Webhook
from services.carriers.twiml import Addresses, render
from services.runtime.clock import Clock
from services.runtime.crypto import Vault
from services.runtime.facts import Publishing, fact
from services.runtime.limits import Limits
from services.runtime.telemetry import get_logger
from services.webhooks.callers import CALLER_CHARS_MAX, Callers, contact_of, inputs
from services.webhooks.doors import opening_of
from services.webhooks.gate import Busy, Gate
from services.webhooks.scripts import Scripts
from services.webhooks.understanding import Understanding

SOURCE: Final = f"/carriers/{CARRIER}"
_SHARE: Final = 0.85  # of the time that a caller may wait; the rest is for writing the answer
_UNDERSTAND_S: Final = 0.25
_NOTHING: Final = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
Take = Callable[[Webhook, Sequence[Heard]], Awaitable["Answer"]]
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """TwiML, and the word under which the turn is counted."""

    markup: bytes
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Takes turns. Keeps nothing between them: the session travels with the call."""

    callers: Callers
    addresses: CarrierAddresses
    scripts: Scripts
    understanding: Understanding
    publisher: Publishing
    vault: Vault
    clock: Clock
    limits: Limits
    under_way: Gate

    async def arrive(self, webhook: Webhook, url: str, *, pending: str = "") -> Answer:
        """Answer a call. `url` is the address that the carrier asked, to be asked again after a failure."""
        return await self._answer(webhook, url, pending, self._arrive)

    async def turn(self, webhook: Webhook, url: str, *, token: str, pending: str = "") -> Answer:
        """Take the caller's next input. `token` and `pending` are from the address."""
        return await self._answer(webhook, url, pending, partial(self._turn, token))

    async def _answer(self, webhook: Webhook, url: str, pending: str, take: Take) -> Answer:
        """Answer in time, whatever happens."""
        before = self.callers.pending(pending, webhook)
        try:
            with self.under_way.place():
                async with asyncio.timeout(self.limits.webhook_answer_s * _SHARE):
                    if webhook.call_status in ENDED:  # the carrier tells of the end by asking how to go on
                        return await self._end(webhook)
                    return await take(webhook, before)
        except (BusUnavailable, Busy, TimeoutError):
            _log.warning("webhook.unavailable", contact_id=contact_of(webhook))
        except Exception:  # noqa: BLE001  no failure of ours may become an error tone
            _log.exception("webhook.failed", contact_id=contact_of(webhook))
        again = self.callers.keep(url, inputs(webhook, before), webhook)
        instructions = dialog.safe_instructions(self.callers.tenant_of(webhook))
        return Answer(self._render(instructions, turn=again), "safe")

    def unheard(self, url: str) -> Answer:
        """Return the answer to a request that was not read, so that nothing is known of it but its address `url`."""
        return Answer(self._render(dialog.safe_instructions(None), turn=url), "busy")

    async def _arrive(self, webhook: Webhook, before: Sequence[Heard]) -> Answer:
        tenant = self.callers.tenant_of(webhook)
        if tenant is None:
            return self._refuse()
        session = self.callers.arriving(webhook, tenant)
        step = await self._steps(session, inputs(webhook, before, first=Heard(kind="start")), tenant)
        return await self._publish_and_tell(step, "answered")

    async def _turn(self, token: str, webhook: Webhook, before: Sequence[Heard]) -> Answer:
        try:
            session, tenant, returns = self.callers.session(token, webhook)
        except MalformedInput:
            return await self._lost(webhook, before)
        first = Heard(kind="returned") if returns else None
        step = await self._steps(session, inputs(webhook, before, first=first), tenant)
        return await self._publish_and_tell(step, "returned" if returns else "answered")

    async def _lost(self, webhook: Webhook, before: Sequence[Heard]) -> Answer:
        """The session is gone: a person, with all haste; what was just said is heard all the same."""
        tenant = self.callers.tenant_of(webhook)
        if tenant is None:
            return self._refuse()
        step = dialog.lost(
            contact_id=contact_of(webhook),
            tenant=tenant,
            prompts=self.scripts.prompts,
            account=webhook.account,
            call=webhook.call,
            number=webhook.number,
            caller=webhook.caller[:CALLER_CHARS_MAX] or None,
        )
        _log.warning("webhook.dialog_lost", contact_id=contact_of(webhook), tenant=tenant.tenant)
        said = [heard for heard in inputs(webhook, before) if heard.kind == "speech"]
        if said:
            after = await self._steps(step.session, said, tenant)
            if after.facts:  # they told of something that needs a person sooner
                step = Step(after.session, after.instructions, (*step.facts, *after.facts))
        return await self._publish_and_tell(step, "lost_dialog")

    async def _end(self, webhook: Webhook) -> Answer:
        tenant = self.callers.owner_of(webhook)
        if tenant is not None:
            await self.publisher.publish([caller_ended(webhook, tenant, self.clock)])
        return Answer(_NOTHING, "ended")

    def _refuse(self) -> Answer:
        return Answer(self._render(dialog.unknown_number(), turn=""), "unknown_number")

    async def _publish_and_tell(self, step: Step, outcome: str) -> Answer:
        session = step.session
        if step.facts:
            await self.publisher.publish([self._envelope(told, session) for told in step.facts])
        turn = self.addresses.turn(session.to_bytes(), account=session.account, call=session.call)
        return Answer(self._render(step.instructions, turn=turn), outcome)

    async def _steps(self, session: Session, heard: Sequence[Heard], tenant: TenantConfig) -> Step:
        """Let the dialog take one input after the other; the caller hears what follows from the last."""
        facts: list[DialogFact] = []
        for one in heard:
            now = self.clock.now()
            step = dialog.step(
                session,
                await self._understood(one, session),
                flow=self.scripts.flow(tenant),
                prompts=self.scripts.prompts,
                tenant=tenant,
                now=now,
                opening=opening_of(tenant.facility.hours, now),
            )
            session = step.session
            facts += step.facts
        return Step(session, step.instructions, tuple(facts))

    async def _understood(self, heard: Heard, session: Session) -> Heard:
        if heard.kind != "speech":
            return heard
        try:
            async with asyncio.timeout(_UNDERSTAND_S):
                understood = await self.understanding.understand(heard.text, language=session.language)
        except Exception:  # noqa: BLE001  a model may fail in any way
            _log.exception("webhook.understanding_failed", contact_id=session.contact_id)
            return heard  # the dialog's own rules take over
        return heard.model_copy(update={"understood": understood})

    def _envelope(self, told: DialogFact, session: Session) -> FactEnvelope:
        data = told.data
        if told.private:
            sealed = self.vault.seal(session.tenant, session.contact_id, told.private)
            data = data.model_copy(update={"sealed": sealed})
        return fact(
            data,
            id=ids.fact_id(CARRIER, session.account, session.call, told.name),
            source=SOURCE,
            subject=session.contact_id,
            cell=session.cell,
            tenant=session.tenant,
            time=self.clock.now(),
        )

    def _render(self, instructions: Sequence[Instruction], *, turn: str) -> bytes:
        return render(instructions, Addresses(turn=turn, hold_music=self.addresses.hold_music))


def caller_ended(webhook: Webhook, tenant: TenantConfig, clock: Clock) -> FactEnvelope:
    """Return the fact that a caller's leg is gone: one id, however it became known."""
    contact = contact_of(webhook)
    now = clock.now()
    return fact(
        CallerLegEnded(contact_id=contact, cause=ENDED[webhook.call_status]),
        id=ids.fact_id(CARRIER, webhook.account, webhook.call, "caller_ended"),
        source=SOURCE,
        subject=contact,
        cell=tenant.cell,
        tenant=tenant.tenant,
        time=min(webhook.at or now, now),
    )
