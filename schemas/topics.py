"""The topics, and the one function that says which partition a cell is in."""

from typing import Final, NamedTuple
from zlib import crc32

from schemas.ids import CellId


class Topic(NamedTuple):
    """A topic's name and whether only the newest record of each key is kept."""

    name: str
    compacted: bool = False
    per_cell: bool = True  # as many partitions as `intake`; the others have one


INTAKE: Final = Topic("intake")
DECISIONS: Final = Topic("decisions")
SNAPSHOTS: Final = Topic("snapshots", compacted=True)
CONFIG: Final = Topic("config", compacted=True, per_cell=False)
STATUS: Final = Topic("status", compacted=True)
INTAKE_DEAD: Final = Topic("intake.dead", per_cell=False)
DECISIONS_DEAD: Final = Topic("decisions.dead", per_cell=False)

TOPICS: Final = (INTAKE, DECISIONS, SNAPSHOTS, CONFIG, STATUS, INTAKE_DEAD, DECISIONS_DEAD)


def partition_of(cell: CellId, partitions: int) -> int:
    """Return the partition of a cell, in 0..partitions-1; the same on every machine and in every release."""
    return crc32(cell.encode()) % partitions
