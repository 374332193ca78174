"""Snapshots of a partition's folded state: written in chunks, two kept, read back whole or not at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from schemas.decisions import SnapshotChunk
from schemas.envelope import Envelope
from schemas.ids import CellId, EventId, derived_id
from schemas.topics import SNAPSHOTS
from services.runtime.bus import Bus, Message, Place, Record
from services.runtime.whole_log import read_whole

CHUNK_CHARS_MAX: Final = 256 * 1024  # well below a broker's usual limit of 1 MiB a record
KEPT: Final = 2

_Chunk = Envelope[SnapshotChunk]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A partition's state as of the record of `decisions` that `epoch` and `seq` name."""

    epoch: int
    seq: int
    intake_next: int
    decisions_next: int
    image: Mapping[str, Any]
    slot: int = 0
    """Which of the slots it is in; the next snapshot goes into the other."""


async def save(bus: Bus, partition: int, snapshot: Snapshot, *, slot: int, at: datetime) -> None:
    """Write a snapshot over the older of the two. Losing it costs time, never truth."""
    text = json.dumps(snapshot.image, separators=(",", ":"))
    pieces = [text[start : start + CHUNK_CHARS_MAX] for start in range(0, len(text), CHUNK_CHARS_MAX)]
    messages = []
    for number, piece in enumerate(pieces):
        chunk = SnapshotChunk(
            partition=partition,
            epoch=snapshot.epoch,
            seq=snapshot.seq,
            intake_next=snapshot.intake_next,
            decisions_next=snapshot.decisions_next,
            chunk=number,
            chunks=len(pieces),
            text=piece,
        )
        key = f"{partition}/{slot % KEPT}/{number}"
        envelope = _Chunk.around(
            chunk,
            id=EventId(derived_id("snapshot", key, str(snapshot.decisions_next))),
            source="/routing",
            subject=str(partition),
            time=at,
            cell=CellId("*"),
        )
        messages.append(Message(envelope.model_dump_json(exclude_none=True).encode(), key=key))
    await bus.publish(SNAPSHOTS.name, partition, messages)


async def load(bus: Bus, partition: int) -> Snapshot | None:
    """Return the newest snapshot that is whole, or None.

    Raises:
        BusUnavailable: not everything could be read, and a newer one than those that were may be there.
    """
    chunks: dict[tuple[int, int], SnapshotChunk] = {}  # by slot and number

    def take(record: Record) -> None:
        chunk = _read(record.value)
        if chunk is not None and record.key is not None:
            _, slot, number = record.key.split("/")
            chunks[int(slot), int(number)] = chunk

    await read_whole(bus, Place(SNAPSHOTS.name, partition), take)
    return _newest(chunks)


def _read(value: bytes) -> SnapshotChunk | None:
    try:
        return _Chunk.model_validate_json(value).data
    except ValidationError:
        return None


def _newest(chunks: Mapping[tuple[int, int], SnapshotChunk]) -> Snapshot | None:
    whole = [snapshot for slot in range(KEPT) if (snapshot := _in_slot(chunks, slot)) is not None]
    return max(whole, key=lambda snapshot: snapshot.decisions_next, default=None)


def _in_slot(chunks: Mapping[tuple[int, int], SnapshotChunk], slot: int) -> Snapshot | None:
    """Return the snapshot in a slot, if all of its chunks are there and of one and the same."""
    first = chunks.get((slot, 0))
    if first is None:
        return None
    parts = [chunks.get((slot, number)) for number in range(first.chunks)]
    texts = [part.text for part in parts if part is not None and part.decisions_next == first.decisions_next]
    if len(texts) < first.chunks:
        return None
    image = json.loads("".join(texts))
    return Snapshot(first.epoch, first.seq, first.intake_next, first.decisions_next, image, slot)
