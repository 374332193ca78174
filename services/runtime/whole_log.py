"""Reads all that a partition holds: for compacted topics, where a part of it would be taken for the truth."""

from collections.abc import Callable
from typing import Final

from schemas.errors import BusUnavailable
from services.runtime.bus import Bus, Place, Record

SILENT_FETCHES_MAX: Final = 10  # of a second each; the bus itself complains of a broker that is away before that


async def read_whole(bus: Bus, place: Place, take: Callable[[Record], None]) -> None:
    """Hand every record that is in a partition now to `take`, in order.

    A fetch that returns nothing is no end: the broker may be slow. The end is where the reader stands behind everything
    that was there at the beginning, what compaction left out included.

    Raises:
        BusUnavailable: the end was not reached; what was taken is a part, and no more than that.
    """
    bounds = await bus.bounds(place)
    silent = 0
    async with bus.read({place: bounds.first}) as reader:
        while reader.position(place) < bounds.end:
            before = reader.position(place)
            for record in await reader.fetch():
                take(record)
            silent = silent + 1 if reader.position(place) == before else 0
            if silent >= SILENT_FETCHES_MAX:
                raise BusUnavailable(f"{place.topic}/{place.partition} holds more than is handed over")
