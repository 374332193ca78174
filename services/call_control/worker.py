"""Follows decisions, has them performed, and commits what is done."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final

from schemas.errors import BusUnavailable
from services.call_control.dispatcher import Dispatcher
from services.call_control.followed import Followed
from services.call_control.patience import Pause
from services.call_control.performer import Performer, act_of
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.decisions_reader import Decided, DecisionsReader, GroupDecisionsReader, place
from services.runtime.limits import Limits
from services.runtime.telemetry import get_logger

GROUP: Final = "call-control"
_BEHIND_S: Final = 2.0  # a step older than this may have been overtaken by one that is on the log already
_AGAIN_S: Final = 1.0
_log = get_logger(__name__)


class Worker:
    """One member of the group that performs decisions."""

    def __init__(
        self,
        bus: Bus,
        *,
        performer: Performer,
        followed: Followed,
        dispatcher: Dispatcher,
        clock: Clock,
        limits: Limits,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._bus = bus
        self._performer = performer
        self._followed = followed
        self._dispatcher = dispatcher
        self._clock = clock
        self._limits = limits
        self._pause = pause
        self._committed: dict[int, int] = {}
        self._seen: set[int] = set()
        self._draining = False
        self._joined_at = clock.now()
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Perform decisions until cancelled. A bus that does not answer is waited for."""
        await self._patiently(self._catch_up)
        self.caught_up.set()
        try:
            while True:
                await self._patiently(self._perform)
        finally:
            await self._dispatcher.close()

    async def drain(self) -> None:
        """Begin nothing more and finish what was begun."""
        self._draining = True
        await self._dispatcher.idle()

    async def _patiently(self, do: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await do()
            except BusUnavailable:
                _log.warning("call_control.bus_unavailable", group=GROUP)
                await self._pause(_AGAIN_S)

    async def _catch_up(self) -> None:
        """Learn from the end of the log who is on the line; what is read here is followed and not performed."""
        partitions = range(self._bus.partitions)
        bounds = {partition: await self._bus.bounds(place(partition)) for partition in partitions}
        starts = {
            partition: max(bound.first, bound.end - self._limits.carrier_catch_up_records)
            for partition, bound in bounds.items()
        }
        async with DecisionsReader(self._bus, partitions=partitions, starts=starts) as reader:
            while any(reader.next_offset(partition) < bounds[partition].end for partition in partitions):
                self._follow(await reader.fetch())

    async def _perform(self) -> None:
        self._seen, self._committed = set(), {}  # a new member of the group knows of no partition yet
        self._joined_at = self._clock.now()
        async with GroupDecisionsReader(self._bus, GROUP) as reader:
            try:
                while not self._draining:
                    batch = await self._batch(reader)
                    self._follow(batch)  # all of it first, so that nothing is done for what has ended meanwhile
                    self._submit(batch)
                    await self._commit(reader)
                    await self._dispatcher.room()
                await self._dispatcher.idle()
            finally:
                with suppress(BusUnavailable):
                    await self._commit(reader)
        await asyncio.Event().wait()  # drained: there is nothing left to do but to be cancelled

    async def _batch(self, reader: GroupDecisionsReader) -> Sequence[Decided]:
        """Return the next steps; after a pause of ours, all that have piled up, since they may undo one another."""
        batch = await reader.fetch()
        while batch and self._is_behind(batch[-1]) and len(batch) < self._limits.carrier_acts_pending_max:
            more = await reader.fetch(wait_s=0)
            if not more:
                break
            batch += more
        return batch

    def _is_behind(self, decided: Decided) -> bool:
        return self._clock.now() - decided.time > timedelta(seconds=_BEHIND_S)

    def _follow(self, batch: Sequence[Decided]) -> None:
        for decided in batch:
            for decision in decided.step.decisions:
                self._followed.follow(decided.step.cell, decision)

    def _submit(self, batch: Sequence[Decided]) -> None:
        held = frozenset(self._seen)
        for decided in batch:
            self._seen.add(decided.place.partition)
            # Another member, or an earlier run of ours, can have begun only what was decided before we held this.
            first = decided.place.partition in held and decided.time > self._joined_at
            for decision in decided.step.decisions:
                act = act_of(decision)
                if act is not None:
                    work = partial(self._performer.perform, act, decided.step.cell, first=first)
                    self._dispatcher.submit(act.contact_id, (decided.place.partition, decided.offset), work)

    async def _commit(self, reader: GroupDecisionsReader) -> None:
        """Commit up to the first record of each partition that is not dealt with."""
        done = {
            partition: self._dispatcher.low_water(partition, reader.next_offset(partition)) for partition in self._seen
        }
        news = {partition: offset for partition, offset in done.items() if self._committed.get(partition) != offset}
        if news:
            await reader.commit(news)
            self._committed.update(news)
