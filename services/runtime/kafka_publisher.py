"""One idempotent Kafka producer, replaced as soon as it is in doubt.

aiokafka retries an idempotent batch for ever, and after some broker faults keeps failing until the process restarts
(its issue 1017). Here every delivery is bounded, and whatever ends otherwise than acknowledged costs the producer its
place: it is taken apart, those who waited on it are told that their outcome is unknown, and a new one takes over.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from schemas.errors import BusUnavailable
from services.runtime.bus import Message
from services.runtime.bus_rules import WAITING_BYTES_MAX

_BATCH_BYTES_MAX: Final = 256 * 1024
_REQUEST_BYTES_MAX: Final = 1024 * 1024
_REQUEST_TIMEOUT_MS: Final = 5000
_RENEWAL_PAUSE_S: Final = 0.2
_FAREWELL_S: Final = 1.0  # how long a producer in doubt may take to go


class Publisher:
    """Appends to partitions in the order of the calls. All methods belong to one event loop."""

    def __init__(self, bootstrap: str, *, timeout_s: float) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self._producer: AIOKafkaProducer | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._order: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._deliveries: dict[asyncio.Task[list[int]], AIOKafkaProducer | None] = {}
        self._waiting_bytes = 0

    async def start(self) -> None:
        """Connect; raises `BusUnavailable`."""
        try:
            self._producer = await self._started()
        except (TimeoutError, KafkaError) as error:
            raise BusUnavailable(f"no producer at {self._bootstrap}: {type(error).__name__}") from error

    async def close(self) -> None:
        """Wait for what is on its way, which is bounded, then disconnect."""
        if self._deliveries:
            await asyncio.wait(list(self._deliveries))
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
            self._renewal = None
        if self._producer is not None:
            await _discard(self._producer)
            self._producer = None

    async def publish(self, topic: str, partition: int, messages: Sequence[Message], size: int) -> list[int]:
        """Append and return the offsets; a caller that is cancelled leaves the records on their way."""
        if self._waiting_bytes + size > WAITING_BYTES_MAX:
            raise BusUnavailable("the broker does not keep up: too much waits to be sent")
        # A task of its own, so that every delivery is seen to its end, whatever becomes of its caller.
        delivery = asyncio.create_task(self._deliver(topic, partition, messages))
        self._deliveries[delivery] = None
        self._waiting_bytes += size
        delivery.add_done_callback(lambda task: self._delivered(task, size))
        return await asyncio.shield(delivery)

    def _delivered(self, delivery: "asyncio.Task[list[int]]", size: int) -> None:
        del self._deliveries[delivery]
        self._waiting_bytes -= size
        if not delivery.cancelled():
            delivery.exception()  # seen: a caller that gave up does not ask any more

    async def _deliver(self, topic: str, partition: int, messages: Sequence[Message]) -> list[int]:
        producer: AIOKafkaProducer | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._order[topic, partition]:
                    producer = await self._current()
                    acks = [
                        await producer.send(topic, message.value, key=_key(message), partition=partition)
                        for message in messages
                    ]
                offsets = [metadata.offset for metadata in await asyncio.gather(*acks)]
        except (TimeoutError, KafkaError, AssertionError) as error:
            self._replace(producer)
            raise BusUnavailable(f"{topic}/{partition} not acknowledged: {type(error).__name__}") from error
        except asyncio.CancelledError:
            if producer is None or producer is self._producer:
                raise  # the loop is being torn down
            raise BusUnavailable(f"{topic}/{partition} not acknowledged: the producer was replaced") from None
        if any(offset < 0 for offset in offsets):
            # The broker knew these as repeats of an earlier attempt and no longer knows where they are.
            self._replace(producer)
            raise BusUnavailable(f"{topic}/{partition} acknowledged without an offset")
        return offsets

    async def _current(self) -> AIOKafkaProducer:
        while self._producer is None:
            if self._renewal is None:
                raise BusUnavailable("the bus is closed")
            await asyncio.shield(self._renewal)
        delivery = asyncio.current_task()
        if delivery in self._deliveries:
            self._deliveries[delivery] = self._producer
        return self._producer

    def _replace(self, producer: AIOKafkaProducer | None) -> None:
        if producer is None or producer is not self._producer:
            return  # replaced already
        self._producer = None
        self._renewal = asyncio.create_task(self._renew(producer))
        for delivery, its_producer in self._deliveries.items():
            if its_producer is producer and delivery is not asyncio.current_task():
                delivery.cancel()

    async def _renew(self, old: AIOKafkaProducer) -> None:
        await _discard(old)  # first, so that its retries cannot come between the new one's records
        while self._producer is None:
            try:
                self._producer = await self._started()
            except (TimeoutError, KafkaError, OSError):
                await asyncio.sleep(_RENEWAL_PAUSE_S)

    async def _started(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=_BATCH_BYTES_MAX,
            max_request_size=_REQUEST_BYTES_MAX,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        try:
            async with asyncio.timeout(_REQUEST_TIMEOUT_MS / 1000):
                await producer.start()
        except BaseException:
            await _discard(producer)
            raise
        return producer


async def _discard(producer: AIOKafkaProducer) -> None:
    """Take a producer apart within a second or so.

    Its own `stop` waits for ever for batches that cannot be delivered, so its parts are ended one by one.
    """
    producer._closed = True  # noqa: SLF001 - it would complain when collected
    sender = producer._sender.sender_task  # noqa: SLF001
    if sender is not None:
        sender.cancel()
    with suppress(TimeoutError, KafkaError, OSError):
        await asyncio.wait_for(producer.client.close(), _FAREWELL_S)
    if sender is not None:
        await asyncio.wait([sender], timeout=_FAREWELL_S)


def _key(message: Message) -> bytes | None:
    return None if message.key is None else message.key.encode()
