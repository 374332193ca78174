"""Bare aiokafka loops, each as a process. No fold, no decision, no ownership: what the bus and the codec cost alone.

`python -m tests.bench.floor_loop drain BOOTSTRAP PREFIX STARTS ENDS`: consume `intake` from the offsets STARTS to ENDS
(JSON, one a partition), decode every fact, and produce steps that hold the decisions which the router made of it.
Prints facts, CPU seconds and seconds as JSON.
`python -m tests.bench.floor_loop relay BOOTSTRAP PREFIX COUNT`: produce so many records as they are consumed.
"""

import asyncio
import gc
import json
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.decisions import Decision, Step
from schemas.ids import EventId
from schemas.intake import FactEnvelope
from schemas.topics import DECISIONS, INTAKE
from services.runtime.codec import DecisionEnvelope, decode_decision, decode_fact, encode
from services.runtime.kafka_bus import _FETCH_WAIT_MS
from services.runtime.kafka_publisher import _BATCH_BYTES_MAX
from tests.bench.pods import PARTITIONS

RECORDS_MAX = 500  # a fetch, as the router's
OUT = "floor-"  # in front of the topics that a loop writes to

Offsets = Sequence[int]


class Steps:
    """Makes steps of facts: those decisions that the router made in their place, in steps as long as its own."""

    def __init__(self) -> None:
        self._decisions: defaultdict[str, deque[Decision]] = defaultdict(deque)
        self._facts: defaultdict[str, int] = defaultdict(int)  # still to come
        self._seq = 0

    def learn(self, facts: Iterable[FactEnvelope], steps: Iterable[Step]) -> None:
        """Take what went through the router."""
        for fact in facts:
            self._facts[fact.cell] += 1
        for step in steps:
            self._decisions[step.cell] += step.decisions

    def of(self, values: Iterable[bytes], partition: int) -> list[bytes]:
        """Decode facts of one partition; return encoded steps, one for each of its cells."""
        by_cell: defaultdict[str, list[FactEnvelope]] = defaultdict(list)
        for value in values:
            fact = decode_fact(value)
            by_cell[fact.cell].append(fact)
        return [self._step(cell, len(facts), partition) for cell, facts in by_cell.items()]

    def _step(self, cell: Any, facts: int, partition: int) -> bytes:
        waiting = self._decisions[cell]
        wanted = round(len(waiting) * facts / self._facts[cell])
        self._facts[cell] -= facts
        self._seq += 1
        now = datetime.now(UTC)
        step = Step(
            epoch=0, seq=self._seq, cell=cell, cause=self._seq, decided_at=now,
            decisions=tuple(waiting.popleft() for _ in range(wanted)),
        )  # fmt: skip
        name = EventId(f"{partition}/{self._seq}")
        return encode(DecisionEnvelope.around(step, id=name, source="/floor", subject=cell, time=now, cell=cell))


def consumer(bootstrap: str) -> AIOKafkaConsumer:
    """Return a consumer that is set up as the system's readers are."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=_FETCH_WAIT_MS, check_crcs=True
    )


def producer(bootstrap: str) -> AIOKafkaProducer:
    """Return a producer that is set up as the system's is."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", max_batch_size=_BATCH_BYTES_MAX
    )


async def learned(bootstrap: str, prefix: str, starts: Offsets, ends: Offsets) -> Steps:
    """Return what makes steps of the facts between these offsets."""
    steps = Steps()
    async with consumer(bootstrap) as logs:
        decisions = [TopicPartition(prefix + DECISIONS.name, number) for number in range(PARTITIONS)]
        firsts, lasts = await logs.beginning_offsets(decisions), await logs.end_offsets(decisions)
        records = [decode_decision(value).data for value in await _values(logs, firsts, lasts)]
        intake = [TopicPartition(prefix + INTAKE.name, number) for number in range(PARTITIONS)]
        between = dict(zip(intake, starts, strict=True)), dict(zip(intake, ends, strict=True))
        facts = [decode_fact(value) for value in await _values(logs, *between)]
    steps.learn(facts, (record for record in records if isinstance(record, Step)))
    del facts, records
    decode_fact.cache_clear()  # what is measured decodes each record itself
    decode_decision.cache_clear()
    gc.collect()
    gc.freeze()  # what was learned is no work of the loop's
    return steps


async def _values(
    logs: AIOKafkaConsumer, firsts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> list[bytes]:
    logs.assign(list(firsts))
    for partition, first in firsts.items():
        logs.seek(partition, first)
    left = {partition: ends[partition] - first for partition, first in firsts.items()}
    found: list[bytes] = []
    while any(count > 0 for count in left.values()):
        for partition, records in (await logs.getmany(timeout_ms=1000)).items():
            found += [record.value for record in records if record.offset < ends[partition]]
            left[partition] = ends[partition] - records[-1].offset - 1
    return found


async def drain(bootstrap: str, prefix: str, starts: Offsets, ends: Offsets) -> dict[str, float]:
    """Turn the facts between the offsets into steps; return how many, and what it took."""
    steps = await learned(bootstrap, prefix, starts, ends)
    topic = OUT + DECISIONS.name
    wanted, done = sum(ends) - sum(starts), 0
    async with consumer(bootstrap) as source, producer(bootstrap) as sink:
        source.assign([TopicPartition(prefix + INTAKE.name, number) for number in range(PARTITIONS)])
        for number, start in enumerate(starts):
            source.seek(TopicPartition(prefix + INTAKE.name, number), start)
        began, cpu = time.perf_counter(), time.process_time()
        while done < wanted:
            acks = []
            for partition, records in (await source.getmany(timeout_ms=1000, max_records=RECORDS_MAX)).items():
                done += len(records)
                values = steps.of([record.value for record in records], partition.partition)
                acks += [await sink.send(topic, value, partition=partition.partition) for value in values]
            await asyncio.gather(*acks)
        return {"facts": done, "cpu_s": time.process_time() - cpu, "seconds": time.perf_counter() - began}


async def relay(bootstrap: str, prefix: str, count: int) -> None:
    """Pass records on, from the beginning of `intake` to `decisions`."""
    async with consumer(bootstrap) as source, producer(bootstrap) as sink:
        partitions = [TopicPartition(prefix + INTAKE.name, number) for number in range(PARTITIONS)]
        source.assign(partitions)
        for partition in partitions:
            source.seek(partition, 0)
        while count > 0:
            acks = []
            for partition, records in (await source.getmany(timeout_ms=1000, max_records=RECORDS_MAX)).items():
                count -= len(records)
                topic = prefix + DECISIONS.name
                acks += [await sink.send(topic, record.value, partition=partition.partition) for record in records]
            await asyncio.gather(*acks)


async def main(what: str, bootstrap: str, prefix: str, *rest: str) -> None:
    """Do what the command line says."""
    if what == "relay":
        await relay(bootstrap, prefix, int(rest[0]))
        return
    starts, ends = (json.loads(text) for text in rest)
    sys.stdout.write(json.dumps(await drain(bootstrap, prefix, starts, ends)))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
