"""Facts onto `intake` at once, or, while the bus is away, onto the disk and from there to `intake` in order.

While nothing waits, a fact goes to the bus and nothing here costs anything. When the bus does not acknowledge in time,
the same fact (same id, so that a copy which arrived after all is harmless) is made durable on the disk, and the call
goes on. From then on every fact of that partition goes to the disk at once, without trying the bus first: nobody waits
for a bus that is known to be away, and nothing passes what waits. Once all is forwarded, facts go directly again.

Order: a fact whose publishing began after another's had returned comes after it on the log. Facts whose publishing
overlaps may come either way if one of them reached the bus; of those that were spooled, the one that began first.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from schemas.errors import BusUnavailable, Defect, Transient
from schemas.intake import FactEnvelope
from schemas.topics import INTAKE, partition_of
from services.runtime.bus import Bus, Message
from services.runtime.bus_rules import checked_messages
from services.runtime.clock import Clock
from services.runtime.codec import encode
from services.runtime.facts import FactPublisher
from services.runtime.limits import Limits
from services.runtime.telemetry import FACTS_PUBLISHED, SPOOL_FACTS, Metrics, get_logger
from services.webhooks.spool import Lane, Spool
from services.webhooks.spool_file import Spooled

_log = get_logger(__name__)


class SpoolingPublisher:
    """A `Publishing` that outlives the bus. `run` forwards what waits; `drain` and then `close` end it."""

    def __init__(self, bus: Bus, spool: Spool, clock: Clock, *, limits: Limits, metrics: Metrics) -> None:
        self._bus = bus
        self._spool = spool
        self._limits = limits
        self._metrics = metrics
        in_time = replace(limits, publish_timeout_s=limits.spool_after_s)
        self._direct = FactPublisher(bus, clock, limits=in_time, metrics=metrics)

    async def publish(self, envelopes: Sequence[FactEnvelope]) -> None:
        """Return when all facts are durable, here or on the bus. Facts of one cell keep their order.

        Raises:
            BusUnavailable: the bus is away and the spool is full, or its disk fails. Any of them may be there all the
                same: publish the same facts again, their ids make that harmless.
        """
        by_partition: dict[int, list[FactEnvelope]] = {}
        for envelope in envelopes:
            by_partition.setdefault(partition_of(envelope.cell, self._bus.partitions), []).append(envelope)
        for partition, group in by_partition.items():
            await self._publish(self._spool.lanes[partition], group)

    async def run(self) -> None:
        """Forward what waits, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for lane in self._spool.lanes:
                group.create_task(self._keep_forwarding(lane))
            group.create_task(self._keep_looking())

    async def drain(self) -> None:
        """Give what waits a bounded time to be forwarded; what then still waits is left for the next start.

        To be called once nothing is published any more.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.spool_drain_s):
                await self._spool.empty.wait()

    async def close(self) -> None:
        """Close the spool, after `run` has been cancelled."""
        await self._spool.close()

    async def _publish(self, lane: Lane, envelopes: Sequence[FactEnvelope]) -> None:
        place = self._spool.reserve(lane, len(envelopes))
        try:
            if not lane.waiting:
                with suppress(BusUnavailable):
                    return await self._direct.publish(envelopes)
            records = [(envelope.cell, envelope.type, encode(envelope)) for envelope in envelopes]
            checked_messages(INTAKE, [Message(value, key=cell) for cell, _, value in records])
            await self._spool.put(lane, place, records)
        finally:
            lane.release(place)

    async def _keep_forwarding(self, lane: Lane) -> None:
        while True:
            await lane.news.wait()
            lane.news.clear()  # before looking, so that what comes meanwhile is not missed
            pause_s = self._limits.spool_pause_s
            while lane.waiting:
                try:
                    if not await self._forward(lane):
                        break  # an earlier outcome is open; there will be news
                    pause_s = self._limits.spool_pause_s
                except Transient:
                    self._spool.show_age()
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, self._limits.spool_pause_s_max)

    async def _forward(self, lane: Lane) -> bool:
        """Forward a lane's next batch; return whether there was one."""
        facts = await self._spool.first(lane)
        if not facts:
            return False
        try:
            await self._append(lane, facts)
        except Defect:
            await self._append_one_by_one(lane, facts)
        await self._spool.forget(lane, facts)
        for fact in facts:
            self._metrics.count(FACTS_PUBLISHED, type=fact.type)
        self._metrics.count(SPOOL_FACTS, len(facts), outcome="forwarded")
        return True

    async def _append(self, lane: Lane, facts: Sequence[Spooled]) -> None:
        messages = [Message(fact.value, key=fact.cell) for fact in facts]
        try:
            async with asyncio.timeout(self._limits.spool_forward_s):
                await self._bus.publish(INTAKE.name, lane.number, messages)
        except TimeoutError:
            raise BusUnavailable("the bus did not acknowledge what was spooled") from None

    async def _append_one_by_one(self, lane: Lane, facts: Sequence[Spooled]) -> None:
        """One of them is more than the bus takes: no other shall wait for it."""
        for fact in facts:
            try:
                await self._append(lane, [fact])
            except Defect:
                await self._spool.put_aside(fact)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(self._limits.spool_look_s)
            self._spool.show_age()
            try:
                await self._spool.adopt()
            except Transient:
                _log.warning("spool.not_adopted")
