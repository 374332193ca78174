"""What came of an act at the carrier, as facts on `intake` with ids that a repeat gives again."""

import asyncio
from typing import Final

from schemas import ids
from schemas.contacts import CallerJoined, CallerLegEnded, ConnectFailed
from schemas.decisions import CallerJoining, ItemConnecting
from schemas.errors import BusUnavailable
from schemas.intake import FactEnvelope
from schemas.routing import CallEndCause
from services.call_control.patience import Pause
from services.carriers.twilio_webhooks import CARRIER
from services.runtime.clock import Clock
from services.runtime.facts import FactPublisher, fact
from services.runtime.telemetry import get_logger

SOURCE: Final = "/call_control"
_NAME: Final = "call_control"  # in front of ids of facts that only we tell
_AGAIN_S: Final = 1.0
_log = get_logger(__name__)


class Teller:
    """Publishes facts and does not give up: a result that nobody learns of would hold an agent and a caller."""

    def __init__(self, publisher: FactPublisher, clock: Clock, *, pause: Pause = asyncio.sleep) -> None:
        self._publisher = publisher
        self._clock = clock
        self._pause = pause

    async def caller_joined(self, done: CallerJoining, cell: ids.CellId) -> None:
        """Tell that the caller is in the conference."""
        data = CallerJoined(contact_id=done.contact_id, reservation_id=done.reservation_id)
        name = ids.fact_id(_NAME, done.reservation_id, "caller_joined")
        await self._tell(self._fact(data, name, cell=cell, tenant=done.tenant))

    async def connect_failed(self, asked: ItemConnecting | CallerJoining, cell: ids.CellId, status: int | None) -> None:
        """Tell that agent and caller could not be brought together; `status` is the carrier's."""
        data = ConnectFailed(
            contact_id=asked.contact_id,
            reservation_id=asked.reservation_id,
            step="dial_agent" if isinstance(asked, ItemConnecting) else "join_caller",
            carrier_status=status,
        )
        name = ids.fact_id(_NAME, asked.reservation_id, "connect_failed", data.step)
        await self._tell(self._fact(data, name, cell=cell, tenant=asked.tenant))

    async def caller_gone(
        self, contact: ids.ContactId, cell: ids.CellId, tenant: ids.TenantId, *, account: str, call: str
    ) -> None:
        """Tell that a caller's leg is gone; the same fact as the carrier's status, if the call's id is known."""
        data = CallerLegEnded(contact_id=contact, cause=CallEndCause.COMPLETED)
        parts = (CARRIER, account, call) if call else (_NAME, contact)
        await self._tell(self._fact(data, ids.fact_id(*parts, "caller_ended"), cell=cell, tenant=tenant))

    def _fact(
        self,
        data: CallerJoined | ConnectFailed | CallerLegEnded,
        name: ids.EventId,
        *,
        cell: ids.CellId,
        tenant: ids.TenantId,
    ) -> FactEnvelope:
        return fact(
            data, id=name, source=SOURCE, subject=data.contact_id, cell=cell, tenant=tenant, time=self._clock.now()
        )

    async def _tell(self, envelope: FactEnvelope) -> None:
        while True:
            try:
                return await self._publisher.publish([envelope])
            except BusUnavailable:
                _log.warning("call_control.bus_unavailable", contact_id=envelope.subject, type=envelope.type)
                await self._pause(_AGAIN_S)
