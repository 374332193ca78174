"""The facts on `intake` of a stopped system, read and kept, as a process; prints what a waiting caller's take in bytes.

`python -m tests.bench.floor_memory DATA_DIR CALLERS`
"""

import asyncio
import gc
import sys
from pathlib import Path

import psutil

from schemas.intake import FactEnvelope
from schemas.topics import INTAKE
from services.runtime.bus import Place
from services.runtime.codec import decode_fact
from services.runtime.embedded_bus import EmbeddedBus
from tests.bench.floor_bus import PARTITIONS


async def facts(data: Path) -> list[bytes]:
    """Return the records of callers."""
    found: list[bytes] = []
    async with EmbeddedBus(data / "bus.db", PARTITIONS) as bus:
        for partition in range(PARTITIONS):
            place = Place(INTAKE.name, partition)
            position, end = await bus.bounds(place)
            async with bus.read({place: position}) as reader:
                while position < end:
                    records = await reader.fetch()
                    position = records[-1].offset + 1
                    found += [record.value for record in records if b'"type":"contact.' in record.value]
    return found


def main(data: str, callers: str) -> None:
    """Read, keep, and print."""
    values = asyncio.run(facts(Path(data)))
    kept: list[FactEnvelope] = [decode_fact(values[0])]
    gc.collect()
    before = psutil.Process().memory_full_info().uss
    kept += [decode_fact(value) for value in values]
    gc.collect()
    sys.stdout.write(str((psutil.Process().memory_full_info().uss - before) / int(callers)))


if __name__ == "__main__":
    main(*sys.argv[1:])
