from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.runtime.bus import Place
from services.runtime.kafka_readers import KafkaMember, KafkaReader, Shares

PLACE = Place("config", 0)


def message(offset: int, *, key: bytes | None = b"north", value: bytes | None = b"x") -> Any:
    return SimpleNamespace(topic="p.config", partition=0, offset=offset, key=key, value=value, timestamp=0)


class Consumer:
    """Stands in for aiokafka's: hands over what the test gives, and stands where the test says."""

    def __init__(self, *messages: Any, stands: int = 0) -> None:
        self.messages = list(messages)
        self.stands = stands

    def assign(self, partitions: Any) -> None:
        self.partitions = partitions

    def seek(self, partition: Any, offset: int) -> None: ...

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("p.config", 0)}

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Any]]:
        found, self.messages = self.messages, []
        return {TopicPartition("p.config", 0): found} if found else {}

    async def position(self, partition: TopicPartition) -> int:
        assert partition == TopicPartition("p.config", 0)
        return self.stands

    def last_poll_timestamp(self, partition: TopicPartition) -> int:
        return 2**62  # just now, and for ever


def reader_of(consumer: Consumer) -> KafkaReader:
    reader = KafkaReader(consumer, "p.", 1)
    reader.add(PLACE, 0)
    return reader


@pytest.mark.parametrize("open_reader", [reader_of, lambda consumer: KafkaMember(consumer, "p.", Shares())])
async def test_what_others_wrote_stops_no_reader(open_reader: Any) -> None:
    strange = message(0, key=b"\xff\xfe"), message(1, value=None), message(2, key=None)
    records = await open_reader(Consumer(*strange)).fetch(wait_s=0)
    assert [(record.key, record.value) for record in records] == [("\ufffd\ufffd", b"x"), ("north", b""), (None, b"x")]


async def test_a_batch_that_compaction_emptied_is_passed() -> None:
    reader = reader_of(Consumer(message(0), stands=5))
    await reader.fetch(wait_s=0)
    assert reader.position(PLACE) == 1
    assert list(await reader.fetch(wait_s=0)) == []
    assert reader.position(PLACE) == 5


async def test_silence_moves_no_position() -> None:
    reader = reader_of(Consumer(stands=0))
    assert list(await reader.fetch(wait_s=0)) == []
    assert reader.position(PLACE) == 0
    with pytest.raises(KeyError):
        reader.position(Place("config", 1))
