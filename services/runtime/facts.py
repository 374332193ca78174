"""Facts onto `intake`."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel

from schemas.errors import BusUnavailable
from schemas.ids import CellId, EventId, TenantId
from schemas.intake import FactEnvelope
from schemas.topics import INTAKE, partition_of
from services.runtime.bus import Bus, Message
from services.runtime.clock import Clock
from services.runtime.codec import encode
from services.runtime.limits import Limits
from services.runtime.telemetry import FACTS_PUBLISHED, LIMIT_REACHED, PUBLISH_SECONDS, Metrics


def fact(
    data: BaseModel,
    *,
    id: EventId | str,  # noqa: A002  the envelope's own word
    source: str,
    subject: str,
    cell: CellId | str,
    tenant: TenantId | str | None,
    time: datetime,
    causationid: str | None = None,
) -> FactEnvelope:
    """Wrap a fact. `source` says who says so, such as /carriers/twilio; `subject` is the contact, agent or cell."""
    attributes: dict[str, Any] = {
        "id": id, "source": source, "subject": subject, "cell": cell, "tenant": tenant, "time": time,
        "causationid": causationid,
    }  # fmt: skip
    return FactEnvelope.around(data, **attributes)


class Publishing(Protocol):
    """Makes facts durable: on the bus itself, or on a disk from which they are forwarded to it."""

    async def publish(self, envelopes: Sequence[FactEnvelope]) -> None:
        """Return when all facts are durable; raises `BusUnavailable` when that is not known."""


class FactPublisher:
    """Puts facts on `intake`, each into the partition of its cell."""

    def __init__(self, bus: Bus, clock: Clock, *, limits: Limits | None = None, metrics: Metrics | None = None) -> None:
        self._bus = bus
        self._clock = clock
        self._limits = limits or Limits()
        self._metrics = metrics or Metrics()

    async def publish(self, envelopes: Sequence[FactEnvelope]) -> None:
        """Return when all facts are durable. Facts of one cell keep their order.

        Raises:
            BusUnavailable: not within `limits.publish_timeout_s`. Any of them may be there all the same: publish the
                same facts again, their ids make that harmless.
        """
        by_partition: dict[int, list[Message]] = {}
        for envelope in envelopes:
            partition = partition_of(envelope.cell, self._bus.partitions)
            by_partition.setdefault(partition, []).append(Message(encode(envelope), key=envelope.cell))
        started = self._clock.monotonic()
        await self._append(by_partition)
        self._metrics.observe(PUBLISH_SECONDS, self._clock.monotonic() - started)
        for envelope in envelopes:
            self._metrics.count(FACTS_PUBLISHED, type=envelope.type)

    async def _append(self, by_partition: dict[int, list[Message]]) -> None:
        try:
            async with asyncio.timeout(self._limits.publish_timeout_s):
                for partition, messages in by_partition.items():
                    await self._bus.publish(INTAKE.name, partition, messages)
        except TimeoutError:
            self._metrics.count(LIMIT_REACHED, limit="publish_timeout_s")
            raise BusUnavailable("the bus did not acknowledge in time") from None
