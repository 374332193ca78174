"""Gathers what a run left behind: both logs whole, the database's tables, and the ledger."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]

from tests.nemesis.history import Document, Evidence, Record
from tests.nemesis.ledger import read

TABLES: Final = ("contacts", "items", "reservations", "agents", "counters", "positions")
HISTORY: Final = 'SELECT topic, "partition", "offset", idx, event_id, type FROM history'
Logs = Mapping[int, Sequence[Record]]


async def gather(bootstrap: str, database: Mapping[str, Any], ledger: Path, *, partitions: int) -> Evidence:
    """Read everything. The ledger is read last, so that it may know of decisions that are not in the logs yet."""
    rows = await read_tables(database)
    intake = await read_log(bootstrap, "intake", partitions)
    decisions = await read_log(bootstrap, "decisions", partitions)
    entries = list(read(ledger))
    frames = [entry for entry in entries if entry["kind"] == "told"]
    return Evidence(entries, intake, decisions, rows, frames)


async def read_log(bootstrap: str, topic: str, partitions: int) -> Logs:
    """Read a topic from its beginning to its present end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(topic, n) for n in range(partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: dict[int, list[Record]] = {n: [] for n in range(partitions)}
        while any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                found[place.partition] += [
                    Record(one.offset, one.timestamp / 1000, document(one.value)) for one in records
                ]
        return found
    finally:
        await consumer.stop()


def document(value: bytes) -> Document | None:
    """Return a record's JSON object, or None if it has none."""
    try:
        found = json.loads(value)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def save(evidence: Evidence, folder: Path) -> None:
    """Write logs and rows beside the ledger, so that a run can be judged again without its servers."""
    for name, log in (("intake", evidence.intake), ("decisions", evidence.decisions)):
        with (folder / f"{name}.jsonl").open("w") as file:
            for partition, records in log.items():
                file.writelines(json.dumps([partition, *record]) + "\n" for record in records)
    (folder / "rows.json").write_text(json.dumps(evidence.rows, default=str))


def load(folder: Path) -> Evidence:
    """Read what `save` wrote."""
    logs: dict[str, dict[int, list[Record]]] = {"intake": {}, "decisions": {}}
    for name, log in logs.items():
        for line in (folder / f"{name}.jsonl").read_text().splitlines():
            partition, *record = json.loads(line)
            log.setdefault(partition, []).append(Record(*record))
    rows = json.loads((folder / "rows.json").read_text())
    entries = list(read(folder / "ledger.jsonl"))
    return Evidence(entries, logs["intake"], logs["decisions"], rows, [one for one in entries if one["kind"] == "told"])


async def read_tables(database: Mapping[str, Any]) -> dict[str, list[Document]]:
    """Read the read model in one snapshot."""
    async with asyncio.timeout(30):
        connection = await asyncpg.connect(**database)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                rows = {table: await connection.fetch(f"SELECT * FROM {table}") for table in TABLES}
                rows["history"] = await connection.fetch(HISTORY)
        finally:
            await connection.close()
    return {table: [dict(row) for row in found] for table, found in rows.items()}
