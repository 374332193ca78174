"""The newest records of one partition, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.runtime.bus import Place, Record
from services.runtime.bus_rules import topic_named

TAIL_RECORDS_MAX: Final = 4096
TAIL_BYTES_MAX: Final = 4 * 1024 * 1024


@dataclass(slots=True)
class PlaceState:
    """A partition as the store found it when the bus was opened."""

    first: int = 0
    end: int = 0
    newest: dict[str, int] = field(default_factory=dict)  # compacted topics: the offset of each key's newest record


class _Wakeable(Protocol):
    def wake(self) -> None: ...


class Tail:
    """A window of consecutive offsets that ends at the partition's end.

    Offsets below `base` are on disk only, offsets below `first` are gone. Of a compacted topic it shows just the
    newest record of each key, as the disk does.
    """

    def __init__(self, place: Place, state: PlaceState) -> None:
        self.place = place
        self.first = state.first
        self.end = state.end
        self.base = state.end
        self.readers: dict[_Wakeable, None] = {}  # woken in the order in which they came
        self._newest = dict(state.newest) if topic_named(place.topic).compacted else None
        self._records: list[Record] = []
        self._bytes = 0

    def append(self, records: Sequence[Record]) -> None:
        """Add records that are durable, and wake the readers."""
        if not records:
            return
        if records[0].offset != self.end:
            # A commit that reported a failure was durable after all: those in between are on disk only.
            self._records.clear()
            self._bytes = 0
            self.base = records[0].offset
        self._records.extend(records)
        self._bytes += sum(len(record.value) for record in records)
        self.end = records[-1].offset + 1
        if self._newest is not None:
            self._newest.update({record.key or "": record.offset for record in records})
        # Shrinks to half of what triggers it, so that the cost of moving the list is paid once in thousands of records.
        if len(self._records) > 2 * TAIL_RECORDS_MAX or self._bytes > 2 * TAIL_BYTES_MAX:
            self._shrink()
        self.wake()

    def read(self, offset: int, records_max: int) -> tuple[list[Record], int]:
        """Return up to `records_max` records from `offset` (not below `base`), and the position after them."""
        start = offset - self.base
        if self._newest is None:
            found = self._records[start : start + records_max]
            return found, offset + len(found)
        newest = self._newest
        live = [record for record in self._records[start:] if newest[record.key or ""] == record.offset]
        if len(live) > records_max:
            return live[:records_max], live[records_max].offset
        return live, self.end

    def trim(self, before: int) -> None:
        """Forget offsets below `before`, which the disk has forgotten."""
        self.first = max(self.first, min(before, self.end))
        self._drop(max(0, self.first - self.base))
        self.wake()  # a reader that waits below the new beginning has to learn of it

    def wake(self) -> None:
        """Let every waiting reader look again."""
        for reader in self.readers:
            reader.wake()

    def _shrink(self) -> None:
        excess = max(0, len(self._records) - TAIL_RECORDS_MAX)
        spare = self._bytes - sum(len(record.value) for record in self._records[:excess])
        while spare > TAIL_BYTES_MAX:
            spare -= len(self._records[excess].value)
            excess += 1
        self._drop(excess)

    def _drop(self, count: int) -> None:
        self._bytes -= sum(len(record.value) for record in self._records[:count])
        del self._records[:count]
        self.base = self.end - len(self._records)
