"""Records that cannot be read, put aside with the reason, so that one bad record never holds up the others."""

from typing import Final

from schemas.errors import Defect
from services.runtime.bus import Bus, Record
from services.runtime.dead_letters import dead_letter
from services.runtime.telemetry import RECORDS_UNFOLDED, Metrics, get_logger

READER: Final = "records"
_log = get_logger(__name__)


class TooManyDeadLetters(Defect):
    """So many records in a row could not be read that the fault is rather ours: a person has to look first."""


class DeadLetters:
    """The dead-letter topics. A run beyond `run_max` stops the reader instead of draining the log into them."""

    def __init__(self, bus: Bus, metrics: Metrics, *, run_max: int) -> None:
        self._bus = bus
        self._metrics = metrics
        self._run_max = run_max
        self._run = 0

    def good(self) -> None:
        """A record was read: the run is over."""
        self._run = 0

    async def put(self, record: Record, *, reason: str) -> None:
        """Put a record aside; safe to do again, since its key is made of the record's place.

        Raises:
            BusUnavailable: the outcome is unknown; put it again before the reader moves on.
            TooManyDeadLetters: it would be one more than `run_max` in a row.
        """
        if self._run >= self._run_max:
            raise TooManyDeadLetters(f"{self._run} records of {record.place.topic} in a row cannot be read")
        topic, partition = record.place
        await self._bus.publish(f"{topic}.dead", 0, [dead_letter(record, reason=reason, reader=READER)])
        self._run += 1
        self._metrics.count(RECORDS_UNFOLDED, topic=topic, reason="malformed")
        _log.warning("record.dead_lettered", topic=topic, partition=partition, offset=record.offset, reason=reason)
