"""Follows decisions, has them performed, and commits what is done."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from schemas.errors import BusUnavailable
from services.call_control.dispatcher import Dispatcher
from services.call_control.followed import Followed
from services.call_control.patience import Pause
from services.call_control.performer import Performer, act_of
from services.call_control.recollection import Recollection
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.decisions_reader import Decided, GroupDecisionsReader
from services.runtime.limits import Limits
from services.runtime.telemetry import get_logger

GROUP: Final = "call-control"
_BEHIND_S: Final = 2.0  # a step older than this may have been overtaken by one that is on the log already
_AGAIN_S: Final = 1.0
_log = get_logger(__name__)


class _Visit(NamedTuple):
    """How long this member holds a partition without a break."""

    number: int
    ours_from: int
    """Nobody else can have begun what stands at this offset or later: another member, or an earlier run of ours."""


class Worker:
    """One member of the group that performs decisions."""

    def __init__(
        self,
        bus: Bus,
        *,
        performer: Performer,
        followed: Followed,
        recollection: Recollection,
        dispatcher: Dispatcher,
        clock: Clock,
        limits: Limits,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self._bus = bus
        self._performer = performer
        self._followed = followed
        self._recollection = recollection
        self._dispatcher = dispatcher
        self._clock = clock
        self._limits = limits
        self._pause = pause
        self._committed: dict[int, int] = {}
        self._visits: dict[int, _Visit] = {}
        self._draining = False
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
        """Learn who is on the line, in every partition: callers are compared with the carrier's list from now on."""
        for partition in range(self._bus.partitions):
            await self._recollection.catch_up(partition)

    async def _perform(self) -> None:
        self._visits, self._committed = {}, {}  # a new member of the group knows of no partition yet
        async with GroupDecisionsReader(self._bus, GROUP) as reader:
            try:
                while not self._draining:
                    batch = await self._batch_when_there(reader)
                    self._follow(batch)  # all of it first, so that nothing is done for what has ended meanwhile
                    await self._note_visits(batch, reader)
                    self._submit(batch)
                    await self._commit(reader)
                    await self._dispatcher.room()
                await self._dispatcher.idle()
            finally:
                with suppress(BusUnavailable):
                    await self._commit(reader)
        await asyncio.Event().wait()  # drained: there is nothing left to do but to be cancelled

    async def _batch_when_there(self, reader: GroupDecisionsReader) -> Sequence[Decided]:
        """Return the next steps, whenever the bus answers: to leave the group and join again would take far longer."""
        while True:
            try:
                return await self._batch(reader)
            except BusUnavailable:
                _log.warning("call_control.bus_unavailable", group=GROUP)
                await self._pause(_AGAIN_S)

    async def _batch(self, reader: GroupDecisionsReader) -> Sequence[Decided]:
        """Return the next steps; after a pause of ours, all that have piled up, since they may undo one another."""
        batch = await reader.fetch()
        while batch and self._is_behind(batch[-1]) and len(batch) < self._limits.carrier_acts_pending_max:
            try:
                more = await reader.fetch(wait_s=0)
            except BusUnavailable:
                break  # what there is, is worth performing
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

    async def _note_visits(self, batch: Sequence[Decided], reader: GroupDecisionsReader) -> None:
        """Note where each partition ended that was given to us anew, and follow what was decided meanwhile."""
        for partition in sorted({decided.place.partition for decided in batch}):
            number = reader.visit(partition)
            known = self._visits.get(partition)
            if known is None or known.number != number:
                self._visits[partition] = _Visit(number, await self._recollection.catch_up(partition))
            else:
                self._recollection.followed_to(partition, reader.next_offset(partition))

    def _submit(self, batch: Sequence[Decided]) -> None:
        for decided in batch:
            first = decided.offset >= self._visits[decided.place.partition].ours_from
            for decision in decided.step.decisions:
                act = act_of(decision)
                if act is not None:
                    work = partial(self._performer.perform, act, decided.step.cell, first=first)
                    self._dispatcher.submit(act.contact_id, (decided.place.partition, decided.offset), work)

    async def _commit(self, reader: GroupDecisionsReader) -> None:
        """Commit up to the first record of each partition that is not dealt with."""
        done = {
            partition: self._dispatcher.low_water(partition, reader.next_offset(partition))
            for partition in self._visits
        }
        news = {partition: offset for partition, offset in done.items() if self._committed.get(partition) != offset}
        if news:
            await reader.commit(news)
            self._committed.update(news)
