"""Forgets old records of the embedded bus, as a broker does by its retention time.

Age is measured from a partition's newest record and not from now: a machine that was off for a month finds its log as
it left it. Compacted topics keep the newest record of each key for ever.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from schemas.errors import BusUnavailable
from services.runtime.bus import Place
from services.runtime.bus_rules import topic_named
from services.runtime.telemetry import get_logger

KEPT_S: Final = 30 * 86_400  # as the topics on Kafka; beyond any router's snapshot and any reader's absence
LOOK_EVERY_S: Final = 3600.0
log = get_logger(__name__)


async def keep_trimming(
    places: Iterable[Place],
    *,
    first_younger: Callable[[Place, int], Awaitable[int]],
    trim: Callable[[Place, int], Awaitable[None]],
) -> None:
    """Trim now and every hour, until cancelled.

    `first_younger(place, seconds)` returns the offset of the first record that is not older than its partition's newest
    by more than that; `trim(place, before)` forgets those below it.
    """
    mortal = [place for place in places if not topic_named(place.topic).compacted]
    while True:
        for place in mortal:
            try:
                await trim(place, await first_younger(place, KEPT_S))
            except BusUnavailable:
                log.warning("bus.trim_failed", topic=place.topic, partition=place.partition)
        await asyncio.sleep(LOOK_EVERY_S)
