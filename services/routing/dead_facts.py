"""Facts that could not be folded, on their way to `intake.dead`.

The fold has passed them: a bus that does not answer must not hold it up, nor lose what came after them. So they wait
here until the bus takes them. Too many in a row, and the owner stops deciding and says so: something is wrong with us
then, and not with the facts, and a bad release must not drain the log into the dead letters.
"""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from schemas.decisions import FactRejected
from schemas.errors import BusUnavailable, Defect, OffsetGone
from schemas.topics import INTAKE, INTAKE_DEAD
from services.runtime.bus import Bus, Place, Record
from services.runtime.dead_letters import dead_letter
from services.runtime.telemetry import DEAD_LETTERS, Metrics, get_logger

RETRY_S: Final = 0.5
log = get_logger(__name__)


class _Dead(NamedTuple):
    place: Place
    offset: int
    reason: str


class TooManyDeadFacts(Defect):
    """More facts in a row could not be folded than can be theirs alone."""


class DeadFacts:
    """What waits to be put aside by one routing process."""

    def __init__(self, bus: Bus, metrics: Metrics, *, run_max: int) -> None:
        self._bus = bus
        self._metrics = metrics
        self._run_max = run_max
        self._run = 0
        self._waiting: deque[_Dead] = deque()
        self._news = asyncio.Event()

    def good(self) -> None:
        """A fact was folded: what was bad before it was bad by itself."""
        self._run = 0

    def unreadable(self, place: Place, offset: int) -> None:
        """Put a record aside that is no fact at all."""
        self._put(_Dead(place, offset, "malformed"), "malformed")

    def rejected(self, rejection: FactRejected, place: Place) -> None:
        """Put a fact aside whose fold failed."""
        log.error(
            "routing.fact_rejected", event_id=rejection.fact_id, type=rejection.fact_type, reason=rejection.reason
        )
        self._put(_Dead(place, rejection.offset, f"rejected: {rejection.reason}"), "rejected")

    def _put(self, dead: "_Dead", why: str) -> None:
        self._run += 1
        self._metrics.count(DEAD_LETTERS, topic=INTAKE.name, why=why)
        if self._run > self._run_max:
            raise TooManyDeadFacts(f"more than {self._run_max} facts in a row could not be folded")
        self._waiting.append(dead)
        self._news.set()

    async def keep_sending(self) -> None:
        """Put on the bus what waits, again and again until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self.send()
            except BusUnavailable:
                log.warning("routing.dead_letters_wait")
                self._news.set()
                await asyncio.sleep(RETRY_S)

    async def send(self) -> None:
        """Put on the bus what waits. Raises `BusUnavailable`; what is left is sent by the next call."""
        while self._waiting:
            dead = self._waiting[0]
            record = await self._record(dead)
            self._waiting.popleft()  # before it is sent: who is cancelled meanwhile has it on its way
            if record is not None:
                await self._publish(dead, record)

    async def _publish(self, dead: "_Dead", record: Record) -> None:
        try:
            await self._bus.publish(INTAKE_DEAD.name, 0, [dead_letter(record, reason=dead.reason)])
        except BusUnavailable:
            self._waiting.appendleft(dead)
            raise

    async def _record(self, dead: "_Dead") -> Record | None:
        """Read a record again; None when retention has passed it."""
        try:
            async with self._bus.read({dead.place: dead.offset}) as reader:
                records = await reader.fetch(records_max=1)
        except OffsetGone:
            return None
        if not records:
            raise BusUnavailable(f"{dead.place.topic} does not answer")
        return records[0]
