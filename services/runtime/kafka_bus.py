"""The bus of many machines: any Kafka, through aiokafka.

No broker transactions: what may happen twice is sorted out by the order of the log. Nothing here is retried behind the
caller's back beyond a named time; an outcome that is not known is said to be unknown.
"""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from schemas.errors import BusUnavailable, Defect
from services.runtime.bus import Bounds, GroupReader, Message, Place, Reader
from services.runtime.bus_rules import checked_messages, checked_place, topic_named
from services.runtime.kafka_publisher import Publisher
from services.runtime.kafka_readers import KafkaMember, KafkaReader, Shares
from services.runtime.kafka_topics import ensure_topics
from services.runtime.limits import Limits

_FETCH_WAIT_MS: Final = 20  # how long a broker holds an empty fetch back; a longer hold raises the tail latency
_REQUEST_TIMEOUT_MS: Final = 5000
_START_TIMEOUT_S: Final = 30.0
_SESSION_TIMEOUT_MS: Final = 10_000
_HEARTBEAT_MS: Final = 1000  # also how soon a member learns that the group is being shared out anew
_RETRY_S: Final = 0.25
_STOP_S: Final = 0.5
_STOP_ATTEMPTS: Final = 6


class KafkaBus:
    """A `Bus` on Kafka; an async context manager that makes missing topics.

    Args:
        bootstrap: Brokers as `host:port`, separated by commas.
        partitions: How many partitions per-cell topics have.
        prefix: In front of every topic and group, so that several systems can share a cluster.
        instance: A name of this process that outlives a restart; with it, a group waits for a member that restarts
            instead of sharing its partitions out twice (static membership).
        publish_timeout_s: After this long a publish is given up with `BusUnavailable`.

    Entering raises `BusUnavailable` without a broker, `ConfigurationError` when a topic has other partitions.
    """

    def __init__(
        self,
        bootstrap: str,
        partitions: int,
        prefix: str = "",
        *,
        instance: str | None = None,
        publish_timeout_s: float | None = None,
    ) -> None:
        self.partitions = partitions
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._instance = instance
        self._publisher = Publisher(bootstrap, timeout_s=publish_timeout_s or Limits().publish_timeout_s)
        self._lookups: AIOKafkaConsumer | None = None
        self._memberships: defaultdict[str, set[int]] = defaultdict(set)

    async def __aenter__(self) -> Self:
        await ensure_topics(self._bootstrap, self._prefix, self.partitions, timeout_s=_START_TIMEOUT_S)
        await self._publisher.start()
        try:
            self._lookups = await _started(AIOKafkaConsumer(**self._consumer_settings()))
        except BaseException:
            await self._publisher.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._publisher.close()
        lookups, self._lookups = self._lookups, None
        if lookups is not None:
            await _stop(lookups)

    async def publish(self, topic: str, partition: int, messages: Sequence[Message]) -> Sequence[int]:
        """Append in order; see `Bus.publish`. A caller that is cancelled leaves the records on their way."""
        size = checked_messages(checked_place(Place(topic, partition), self.partitions), messages)
        if not messages:
            return ()
        return await self._publisher.publish(self._prefix + topic, partition, messages, size)

    async def bounds(self, place: Place) -> Bounds:
        """Return where a partition begins and ends."""
        checked_place(place, self.partitions)
        if self._lookups is None:
            raise BusUnavailable("the bus is closed")
        partition = TopicPartition(self._prefix + place.topic, place.partition)
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_MS / 1000):
                firsts, ends = await asyncio.gather(
                    self._lookups.beginning_offsets([partition]), self._lookups.end_offsets([partition])
                )
        except (TimeoutError, KafkaError) as error:
            raise BusUnavailable(f"bounds of {place.topic}/{place.partition}: {type(error).__name__}") from error
        return Bounds(firsts[partition], ends[partition])

    @asynccontextmanager
    async def read(self, starts: Mapping[Place, int]) -> AsyncIterator[Reader]:
        """Open a reader at the given offsets."""
        for place in starts:
            checked_place(place, self.partitions)
        consumer = await _started(AIOKafkaConsumer(**self._consumer_settings()))
        try:
            reader = KafkaReader(consumer, self._prefix, self.partitions)
            for place, offset in starts.items():
                reader.add(place, offset)
            yield reader
        finally:
            await _stop(consumer)

    @asynccontextmanager
    async def join(self, group: str, topics: Sequence[str]) -> AsyncIterator[GroupReader]:
        """Join a consumer group; returns once the group has given this member its share."""
        names = [self._prefix + topic_named(name).name for name in topics]
        ordinal = next(number for number in itertools.count() if number not in self._memberships[group])
        self._memberships[group].add(ordinal)
        try:
            shares = Shares()
            consumer = await self._joined(group, names, ordinal, shares)
            try:
                yield KafkaMember(consumer, self._prefix, shares)
            finally:
                await _stop(consumer)
        finally:
            self._memberships[group].discard(ordinal)

    async def trim(self, place: Place, before: int) -> None:
        """Delete the records of a partition below offset `before`, at most up to its end. Not for compacted topics."""
        if checked_place(place, self.partitions).compacted:
            raise Defect(f"topic {place.topic} is compacted: it is never trimmed")
        bounds = await self.bounds(place)
        if before <= bounds.first:
            return
        partition = TopicPartition(self._prefix + place.topic, place.partition)
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, request_timeout_ms=_REQUEST_TIMEOUT_MS)
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_MS / 1000):
                await admin.start()
                await admin.delete_records({partition: RecordsToDelete(min(before, bounds.end))})
        except (TimeoutError, KafkaError) as error:
            raise BusUnavailable(f"trim of {place.topic}/{place.partition}: {type(error).__name__}") from error
        finally:
            await admin.close()

    async def _joined(self, group: str, names: Sequence[str], ordinal: int, shares: Shares) -> AIOKafkaConsumer:
        settings = self._consumer_settings() | {
            "group_id": self._prefix + group,
            "group_instance_id": None if self._instance is None else f"{self._instance}-{group}-{ordinal}",
            "session_timeout_ms": _SESSION_TIMEOUT_MS,
            "heartbeat_interval_ms": _HEARTBEAT_MS,
            "request_timeout_ms": 2 * _SESSION_TIMEOUT_MS,  # joining waits for members who have to let go first
        }
        deadline = asyncio.get_running_loop().time() + _START_TIMEOUT_S
        while True:
            try:
                consumer = AIOKafkaConsumer(**settings)
                consumer.subscribe(names, listener=shares)
                return await _started(consumer)
            except BusUnavailable:
                # A new cluster has no coordinator until the topic of the offsets is made.
                if asyncio.get_running_loop().time() >= deadline:
                    raise
                await asyncio.sleep(_RETRY_S)

    def _consumer_settings(self) -> dict[str, Any]:
        return {
            "bootstrap_servers": self._bootstrap,
            "fetch_max_wait_ms": _FETCH_WAIT_MS,
            "check_crcs": True,
            "auto_offset_reset": "none",  # never a silent jump over what is lost
            "enable_auto_commit": False,
            "request_timeout_ms": _REQUEST_TIMEOUT_MS,
        }


async def _started(consumer: AIOKafkaConsumer) -> AIOKafkaConsumer:
    try:
        async with asyncio.timeout(_START_TIMEOUT_S):
            await consumer.start()
    except (TimeoutError, KafkaError) as error:
        await _stop(consumer)
        raise BusUnavailable(f"no consumer: {type(error).__name__}") from error
    except BaseException:
        await _stop(consumer)
        raise
    return consumer


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Disconnect a consumer, whatever state the broker's absence has left it in; bounded, and never raises."""
    # One turn of the loop first: aiokafka cancels its background tasks, and fails on one that has not begun yet.
    await asyncio.sleep(0)
    stopping = asyncio.ensure_future(consumer.stop())
    for _ in range(_STOP_ATTEMPTS):
        done, _ = await asyncio.wait({stopping}, timeout=_STOP_S)
        if done:
            break
        # A request that was answered at the moment of the cancellation swallowed it: the fetcher goes on, and `stop`
        # would wait for it for ever.
        if consumer._fetcher is not None:  # noqa: SLF001  there is no other way to say it again
            consumer._fetcher._fetch_task.cancel()  # noqa: SLF001
    if await _failed(stopping):
        # With its coordinator away, `stop` ends in the cancellation of one of its own tasks and leaves the rest open.
        for part in (consumer._fetcher, consumer._client):  # noqa: SLF001
            if part is not None:
                await _failed(asyncio.ensure_future(part.close()))


async def _failed(ending: "asyncio.Future[None]") -> bool:
    """Give an ending its time; tell whether it failed. Its own cancellation must not pass for one of ours."""
    await asyncio.wait({ending}, timeout=_STOP_S)
    if not ending.done():
        ending.cancel()
        await asyncio.wait({ending}, timeout=_STOP_S)
    return not ending.done() or ending.cancelled() or ending.exception() is not None
