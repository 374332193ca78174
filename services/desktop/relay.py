"""From the log to desktops and back: the third step of the walk on the agents' side.

`follow` folds decisions and tells the sessions of the agents concerned; `sweep` does for all sockets at once what time
asks for: pings, renewals of presence, and giving up on those who stay silent. Facts go straight to `intake`.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from agent_gateway.desk import Desk, DeskBook
from agent_gateway.presence import vouch
from schemas.agents import AgentDisconnected
from schemas.errors import BusUnavailable
from schemas.ids import AgentId, SessionId
from schemas.intake import FactEnvelope
from schemas.topics import DECISIONS
from services.desktop.link import Link
from services.runtime.bus import Bus, Place
from services.runtime.clock import Clock
from services.runtime.decisions_reader import Decided, DecisionsReader
from services.runtime.facts import FactPublisher
from services.runtime.limits import Limits
from services.runtime.telemetry import DESKTOP_CLOSED, DESKTOP_FACTS_LOST, DESKTOP_SESSIONS, Metrics, get_logger

_RETRY_S: Final = 0.5  # between attempts while the bus is away
_BATCH_MAX: Final = 1000  # renewals in one publish

_Links = dict[AgentId, dict[SessionId, Link]]

_log = get_logger(__name__)


class Relay:
    """Every desktop that is connected here."""

    def __init__(
        self,
        bus: Bus,
        *,
        clock: Clock,
        limits: Limits,
        metrics: Metrics,
        starts: Mapping[int, int] | None = None,
        desks: Iterable[Desk] = (),
    ) -> None:
        """Read `decisions` from `starts` (by partition), where `desks` were as given; without them from the start."""
        self.book: Final = DeskBook(changes_max=limits.resume_changes_max)
        for desk in desks:
            self.book.restore(desk)
        self.caught_up: Final = asyncio.Event()
        self.draining = False
        self._bus = bus
        self._limits = limits
        self._metrics = metrics
        self._starts = starts
        self._publisher = FactPublisher(bus, clock, limits=limits, metrics=metrics)
        self._clock = clock
        self._links: _Links = {}
        self._count = 0

    @property
    def full(self) -> bool:
        """Whether no more sockets fit."""
        return self._count >= self._limits.sockets_max

    def not_ready(self) -> str | None:
        """Return why desktops should go elsewhere, or None."""
        if self.draining:
            return "restarting"
        return None if self.caught_up.is_set() else "reading the log"

    # ---- the log to desktops

    async def follow(self) -> None:
        """Tell desktops what is decided, until cancelled; waits for a bus that is away.

        Raises:
            OffsetGone: retention passed us by; the process has to start anew from a snapshot.
        """
        while True:
            try:
                ends = await self._ends()
                async with DecisionsReader(self._bus, partitions=ends, starts=self._starts) as reader:
                    await self._follow(reader, ends)
            except BusUnavailable:
                _log.warning("desktop.bus_unavailable")
                await asyncio.sleep(_RETRY_S)

    async def _ends(self) -> Mapping[int, int]:
        places = [Place(DECISIONS.name, partition) for partition in range(self._bus.partitions)]
        return {place.partition: (await self._bus.bounds(place)).end for place in places}

    async def _follow(self, reader: DecisionsReader, ends: Mapping[int, int]) -> None:
        while True:
            if all(reader.next_offset(partition) >= end for partition, end in ends.items()):
                self.caught_up.set()
            try:
                decided = await reader.fetch(
                    wait_s=self._limits.fetch_wait_s, records_max=self._limits.fetch_records_max
                )
            except BusUnavailable:  # the reader has kept its place
                _log.warning("desktop.bus_unavailable")
                await asyncio.sleep(_RETRY_S)
                continue
            for one in decided:
                self.tell(one)
            await asyncio.sleep(0)  # a long log is read in turns with everything else

    def tell(self, decided: Decided) -> None:
        """Fold one step and pass it on to the desktops concerned."""
        for agent_id, position, change in self.book.fold(decided.offset, decided.step, decided.time):
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
            await self._publish([_gone(link)])

    async def heard(self, link: Link, message: str | bytes) -> None:
        """Take a message from a desktop. What follows is on the log, or the desktop was told that it may not be."""
        session = link.session
        greeted = session.greeted
        session.receive(message, now=self._clock.monotonic())
        link.pump()
        if session.greeted and not greeted:
            await self._vouch([link])
        facts = [link.envelope(data) for data in session.facts()]
        if facts and not await self._publish(facts):
            session.unavailable()
            link.pump()

    # ---- what time asks for

    async def sweep(self) -> None:
        """Renew presence and ping, every `limits.presence_renew_s`, until cancelled."""
        while True:
            await asyncio.sleep(self._limits.presence_renew_s)
            await self.sweep_once()

    async def sweep_once(self) -> None:
        """Vouch for everyone who answers, ping who is due, and give up on who is silent."""
        await self._vouch([link for link in self.links() if link.session.vouchable])
        now = self._clock.monotonic()
        for link in list(self.links()):
            link.session.beat(now)
            link.pump()
            closing = link.session.close_requested is not None
            if closing and link.overdue:
                link.abort()
            link.overdue = closing

    async def drain(self) -> None:
        """Send every desktop elsewhere; returns when they are told and the log knows."""
        self.draining = True
        links = list(self.links())
        for link in links:
            link.session.restart()
            link.pump()
        senders = [link.sending for link in links if link.sending is not None]
        if senders:
            await asyncio.wait(senders, timeout=self._limits.publish_timeout_s)
        for batch in _batches([link for link in links if link.session.greeted]):
            await self._publish([_gone(link) for link in batch])

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
