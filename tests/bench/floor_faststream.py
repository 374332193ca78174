"""The loop of `floor_loop drain`, written with FastStream, as a process; the same arguments, the same answer.

`python -m tests.bench.floor_faststream each|batches BOOTSTRAP PREFIX STARTS ENDS`: a handler of one message, as its
documentation begins with, or one of a batch.
"""

import asyncio
import json
import sys
import time
from itertools import groupby
from typing import Any

import uvloop
from aiokafka import TopicPartition
from faststream.kafka import KafkaBroker
from faststream.kafka import TopicPartition as Assigned
from faststream.kafka.message import KafkaMessage

from schemas.topics import DECISIONS, INTAKE
from services.runtime.kafka_bus import _FETCH_WAIT_MS
from services.runtime.kafka_publisher import _BATCH_BYTES_MAX
from tests.bench.floor_loop import OUT, RECORDS_MAX, Offsets, learned
from tests.bench.pods import PARTITIONS


async def drain(how: str, bootstrap: str, prefix: str, starts: Offsets, ends: Offsets) -> dict[str, float]:
    """Turn the facts between the offsets into steps; return how many, and what it took."""
    steps = await learned(bootstrap, prefix, starts, ends)
    broker = KafkaBroker(
        bootstrap, enable_idempotence=True, acks="all", max_batch_size=_BATCH_BYTES_MAX, logger=None,
        allow_auto_create_topics=False,
    )  # fmt: skip
    wanted, done = sum(ends) - sum(starts), 0
    placed, over = asyncio.Event(), asyncio.Event()
    began = cpu = 0.0

    async def values(message: KafkaMessage) -> Any:
        """Hand the records over with their partitions; the codec is ours."""
        return message.raw_message

    subscriber = broker.subscriber(
        partitions=[Assigned(prefix + INTAKE.name, number) for number in range(PARTITIONS)],
        batch=how == "batches",
        max_records=RECORDS_MAX,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        decoder=values,
    )

    @subscriber
    async def turn(records: Any) -> None:
        nonlocal done, began, cpu
        if not placed.is_set():
            return  # it begins to read before one can tell it where
        if not began:
            began, cpu = time.perf_counter(), time.process_time()
        acks = []
        for partition, group in groupby(
            records if how == "batches" else [records], key=lambda record: record.partition
        ):
            found = [record.value for record in group if starts[partition] <= record.offset < ends[partition]]
            done += len(found)
            out = {"topic": OUT + DECISIONS.name, "partition": partition, "no_confirm": True}
            acks += [await broker.publish(value, **out) for value in steps.of(found, partition)]
        await asyncio.gather(*acks)
        if done >= wanted:
            over.set()

    async with broker:
        await broker.start()
        for number, start in enumerate(starts):
            assert subscriber.consumer is not None
            subscriber.consumer.seek(TopicPartition(prefix + INTAKE.name, number), start)
        placed.set()
        await over.wait()
        return {"facts": done, "cpu_s": time.process_time() - cpu, "seconds": time.perf_counter() - began}


async def main(how: str, bootstrap: str, prefix: str, starts: str, ends: str) -> None:
    """Measure, and print."""
    sys.stdout.write(json.dumps(await drain(how, bootstrap, prefix, json.loads(starts), json.loads(ends))))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
