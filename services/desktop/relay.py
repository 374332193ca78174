"""From the log to desktops and back: the third step of the walk on the agents' side.

`follow` folds decisions and tells the sessions of the agents concerned; `sweep` does for all sockets at once what time
asks for: pings, renewals of presence, and giving up on those who stay silent. Facts go straight to `intake`. `drain`
sends everyone to the other gateways, one after another.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from agent_gateway.desk import DeskBook
from agent_gateway.frames import resumes_at
from agent_gateway.parting import reconnect_after_s
from agent_gateway.presence import vouch
from schemas.agents import AgentDisconnected
from schemas.decisions import offset_of
from schemas.errors import BusUnavailable, OffsetGone
from schemas.ids import AgentId, SessionId
from schemas.intake import FactEnvelope
from schemas.topics import DECISIONS, partition_of
from services.desktop.link import Link
from services.desktop.starting import newest_start
from services.runtime.bus import Bus, Place
from services.runtime.clock import Clock
from services.runtime.decisions_reader import Decided, DecisionsReader
from services.runtime.facts import FactPublisher
from services.runtime.limits import Limits
from services.runtime.telemetry import (
    DESKTOP_CLOSED,
    DESKTOP_FACTS_LOST,
    DESKTOP_RESTARTED,
    DESKTOP_SESSIONS,
    LIMIT_REACHED,
    Metrics,
    get_logger,
)

_RETRY_S: Final = 0.5  # between attempts while the bus is away
_TURN_MIN: Final = 20  # steps after which others have their turn; fewer are what a busy second brings, one at a time
_BATCH_MAX: Final = 1000  # renewals in one publish
_LAST_WORDS_S: Final = 0.3  # at the end, for the close frames of the last desktops

_Links = dict[AgentId, dict[SessionId, Link]]

_log = get_logger(__name__)


class Relay:
    """Every desktop that is connected here."""

    def __init__(self, bus: Bus, *, clock: Clock, limits: Limits, metrics: Metrics) -> None:
        self.book: Final = DeskBook(changes_max=limits.resume_changes_max)
        self.caught_up: Final = asyncio.Event()
        self.draining = False
        self._bus = bus
        self._limits = limits
        self._metrics = metrics
        self._publisher = FactPublisher(bus, clock, limits=limits, metrics=metrics)
        self._clock = clock
        self._links: _Links = {}
        self._count = 0
        self._swept_at = clock.monotonic()
        self._bus_away = False
        self._read_to: Mapping[int, int] = {}  # the next offset to fold, by partition
        self._read_on = asyncio.Event()  # set, and replaced, whenever something was folded

    @property
    def full(self) -> bool:
        """Whether no more sockets fit."""
        return self._count >= self._limits.sockets_max

    @property
    def welcoming(self) -> bool:
        """Whether a desktop that came here may stay: also while the bus is away, since elsewhere it is no better."""
        return self.caught_up.is_set() and not self.draining

    def not_ready(self) -> str | None:
        """Return why desktops should go elsewhere, or None."""
        if self.draining:
            return "restarting"
        if self._bus_away:
            return "bus"
        return None if self.caught_up.is_set() else "reading the log"

    # ---- the log to desktops

    async def follow(self) -> None:
        """Tell desktops what is decided, until cancelled; waits for a bus that is away.

        Begins at the newest snapshot. Where retention has passed the place that is read, it begins anew, and everyone
        is shown how things stand.
        """
        while True:
            try:
                await self._follow_from_snapshot()
            except BusUnavailable:
                self._bus_away = True
                _log.warning("desktop.bus_unavailable")
            except OffsetGone:
                self._metrics.count(DESKTOP_RESTARTED)
                _log.error("desktop.offset_gone")
            self.caught_up.clear()
            await asyncio.sleep(_RETRY_S)

    async def _follow_from_snapshot(self) -> None:
        start = await newest_start(self._bus)
        self.book.begin(start.desks)
        ends = await self._ends()
        self._bus_away = False
        async with DecisionsReader(self._bus, partitions=ends, starts=start.offsets) as reader:
            while True:
                self._read_to = {partition: reader.next_offset(partition) for partition in ends}
                self._read_on.set()
                self._read_on = asyncio.Event()
                if not self.caught_up.is_set() and all(
                    self._read_to[partition] >= ends[partition] for partition in ends
                ):
                    self._catch_up()
                decided = await self._fetch(reader)
                for one in decided:
                    self.tell(one)
                if len(decided) >= _TURN_MIN or not self.caught_up.is_set():
                    await asyncio.sleep(0)  # a long log is read in turns with everything else

    async def _ends(self) -> Mapping[int, int]:
        places = [Place(DECISIONS.name, partition) for partition in range(self._bus.partitions)]
        return {place.partition: (await self._bus.bounds(place)).end for place in places}

    async def _fetch(self, reader: DecisionsReader) -> Sequence[Decided]:
        try:
            decided = await reader.fetch(wait_s=self._limits.fetch_wait_s, records_max=self._limits.fetch_records_max)
        except BusUnavailable:  # the reader has kept its place
            self._bus_away = True
            _log.warning("desktop.bus_unavailable")
            await asyncio.sleep(_RETRY_S)
            return ()
        self._bus_away = False
        return decided

    def _catch_up(self) -> None:
        self.caught_up.set()
        for link in self.links():  # some, if this is not the first time: nothing was told meanwhile
            link.session.resync()
            link.pump()

    def tell(self, decided: Decided) -> None:
        """Fold one step and pass it on to the desktops concerned."""
        changes = self.book.fold(decided.offset, decided.step, decided.time)
        if not self.caught_up.is_set():
            return
        for agent_id, position, change in changes:
            for link in self._links.get(agent_id, {}).values():
                link.session.decided(position, change)
                link.pump()

    # ---- desktops to the log

    def add(self, link: Link) -> None:
        """A socket is open."""
        self._links.setdefault(link.session.agent_id, {})[link.session.session_id] = link
        self._counted(1)

    async def remove(self, link: Link) -> None:
        """A socket is gone; the log is told, unless it never heard of the session. Again is harmless."""
        links = self._links.get(link.session.agent_id, {})
        if links.pop(link.session.session_id, None) is None:
            return
        if not links:
            del self._links[link.session.agent_id]
        self._counted(-1)
        closing = link.session.close_requested
        if closing is not None:
            self._metrics.count(DESKTOP_CLOSED, code=str(closing.code))
        if link.session.greeted:
            link.parted = await self._publish([_gone(link)])

    async def heard(self, link: Link, message: str | bytes) -> None:
        """Take a message from a desktop. What follows is on the log, or the desktop was told that it may not be."""
        session = link.session
        greeted = session.greeted
        if not greeted:
            await self._reach(link, resumes_at(message))
        session.receive(message, now=self._clock.monotonic())
        link.pump()
        if session.vouchable and (link.lapsed or not greeted):
            link.lapsed = False
            await self._vouch([link])
        facts = [link.envelope(data) for data in session.facts()]
        if facts and not await self._publish(facts):
            session.unavailable()
            link.pump()

    async def _reach(self, link: Link, seq: int | None) -> None:
        """Wait until all is folded that a desktop has seen at another gateway: it shall not be taken back in time."""
        if seq is None or seq <= self.book.desk(link.session.agent_id).position:
            return
        partition, offset = partition_of(link.cell, self._bus.partitions), offset_of(seq)
        try:
            if offset >= (await self._bus.bounds(Place(DECISIONS.name, partition))).end:
                return  # it has outlived its log
            async with asyncio.timeout(self._limits.catch_up_s):
                while self._read_to.get(partition, 0) <= offset:
                    await self._read_on.wait()
        except TimeoutError:
            self._metrics.count(LIMIT_REACHED, limit="catch_up_s")
        except BusUnavailable:
            return  # a snapshot of what is known is better than nothing

    # ---- what time asks for

    async def sweep(self) -> None:
        """Renew presence and ping, every `limits.presence_renew_s`, until cancelled."""
        while True:
            await asyncio.sleep(self._limits.presence_renew_s)
            await self.sweep_once()

    async def sweep_once(self) -> None:
        """Vouch for everyone who answers, ping who is due, and give up on who is silent."""
        self._look_back(self._clock.monotonic())
        await self._vouch([link for link in self.links() if link.session.vouchable])
        now = self._clock.monotonic()
        for link in list(self.links()):
            link.session.beat(now)
            link.pump()
            closing = link.session.close_requested is not None
            if closing and link.overdue:
                link.abort()
            link.overdue = closing

    def _look_back(self, now: float) -> None:
        """Whoever had been stopped knows nothing of what happened meanwhile: ask before vouching for anyone."""
        if now - self._swept_at > self._limits.presence_lease_s:
            _log.warning("desktop.stood_still", wait_s=round(now - self._swept_at, 1))
            for link in self.links():
                link.session.doubt(now)
                link.lapsed = True
                link.pump()
        self._swept_at = now

    async def drain(self) -> None:
        """Send every desktop elsewhere, each at its own time; returns when they are told and the log knows."""
        self.draining = True
        leaving = sorted((self._leaves(link), number, link) for number, link in enumerate(list(self.links())))
        began = self._clock.monotonic()
        for after_s, _, link in leaving:
            wait_s = min(after_s, self._limits.drain_close_s) - (self._clock.monotonic() - began)
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            link.session.restart()
            link.pump()
        senders = [link.sending for link in self.links() if link.sending is not None]
        if senders:
            await asyncio.wait(senders, timeout=_LAST_WORDS_S)
        for batch in _batches([link for *_, link in leaving if link.session.greeted and not link.parted]):
            await self._publish([_gone(link) for link in batch])

    def _leaves(self, link: Link) -> float:
        after_s = reconnect_after_s(
            link.session.session_id,
            desktops=self._count,
            per_s_max=self._limits.reconnects_per_s_max,
            spread_s_max=self._limits.reconnect_spread_s_max,
        )
        link.session.leave(after_s)
        link.pump()
        return after_s

    def links(self) -> Iterator[Link]:
        """Every open socket."""
        for links in self._links.values():
            yield from links.values()

    async def _vouch(self, links: Sequence[Link]) -> None:
        for batch in _batches(links):
            if await self._publish([self._vouched(link) for link in batch]):
                for link in batch:
                    link.announced = True

    def _vouched(self, link: Link) -> FactEnvelope:
        session = link.session
        lease_s = self._limits.presence_lease_s
        data = vouch(session.agent_id, session.session_id, announced=link.announced, lease_s=lease_s)
        return link.envelope(data, None if link.announced else "connected")

    async def _publish(self, facts: Sequence[FactEnvelope]) -> bool:
        """Return whether the facts are on the log for certain."""
        try:
            await self._publisher.publish(facts)
        except BusUnavailable:
            self._metrics.count(DESKTOP_FACTS_LOST, len(facts))
            _log.warning("desktop.facts_unavailable", count=len(facts), type=facts[0].type)
            return False
        return True

    def _counted(self, change: int) -> None:
        self._count += change
        self._metrics.set(DESKTOP_SESSIONS, self._count)


def _gone(link: Link) -> FactEnvelope:
    session = link.session
    return link.envelope(AgentDisconnected(agent_id=session.agent_id, session=session.session_id), "disconnected")


def _batches(links: Sequence[Link]) -> Iterator[Sequence[Link]]:
    for start in range(0, len(links), _BATCH_MAX):
        yield links[start : start + _BATCH_MAX]
