"""Makes the topics that are missing on a Kafka cluster, and checks those that are there."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code  # type: ignore[import-untyped]

from schemas.errors import BusUnavailable, ConfigurationError
from schemas.topics import DECISIONS, INTAKE, TOPICS, Topic
from services.runtime.bus_rules import partitions_of

_DAY_MS: Final = 24 * 3600 * 1000
_LOG_RETENTION_MS: Final = 30 * _DAY_MS  # beyond any router's snapshot and any reader's absence
_DEAD_RETENTION_MS: Final = 90 * _DAY_MS  # for people, who take longer
_POLL_S: Final = 0.05
_RETRY_S: Final = 0.25
_BROKERS_CHOICE: Final = -1  # replication as the cluster is set up


async def ensure_topics(bootstrap: str, prefix: str, partitions: int, *, timeout_s: float) -> None:
    """Return once every topic exists and each of its partitions has a leader.

    Raises:
        ConfigurationError: a topic exists with another number of partitions, or may not be made.
        BusUnavailable: no broker answered within `timeout_s`.
    """
    wanted = {prefix + topic.name: topic for topic in TOPICS}
    try:
        async with asyncio.timeout(timeout_s):
            admin = await _connected(bootstrap)
            try:
                await _ensure(admin, wanted, partitions)
            finally:
                await admin.close()
    except (TimeoutError, KafkaError, OSError) as error:
        raise BusUnavailable(f"no answer from Kafka at {bootstrap}: {type(error).__name__}") from error


async def _connected(bootstrap: str) -> AIOKafkaAdminClient:
    while True:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
        try:
            await admin.start()
        except KafkaError:
            await admin.close()
            await asyncio.sleep(_RETRY_S)  # a broker that starts at the same time as we do
        except BaseException:
            with suppress(KafkaError):
                await admin.close()
            raise
        else:
            return admin


async def _ensure(admin: AIOKafkaAdminClient, wanted: Mapping[str, Topic], partitions: int) -> None:
    found = await _partitions(admin)
    missing = [_new_topic(name, topic, partitions) for name, topic in wanted.items() if name not in found]
    if missing:
        _check_made(await admin.create_topics(missing))
    while not all(name in found for name in wanted):
        await asyncio.sleep(_POLL_S)  # leaders are elected after the request was answered
        found = await _partitions(admin)
    for name, topic in wanted.items():
        expected = partitions_of(topic, partitions)
        if found[name] != expected:
            raise ConfigurationError(
                f"topic {name} has {found[name]} partitions and {expected} were asked for",
                remedy="Set FRONTDOOR_PARTITIONS to what is there, or use another FRONTDOOR_KAFKA_PREFIX",
            )


async def _partitions(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Return the number of partitions of each topic all of whose partitions have a leader."""
    topics: list[dict[str, Any]] = await admin.describe_topics()
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in topics
        if topic["partitions"] and all(partition["leader"] >= 0 for partition in topic["partitions"])
    }


def _new_topic(name: str, topic: Topic, partitions: int) -> NewTopic:
    # An empty assignment instead of none: the only way past a check of aiokafka that refuses the broker's choice.
    return NewTopic(name, partitions_of(topic, partitions), _BROKERS_CHOICE, {}, _settings(topic))


def _settings(topic: Topic) -> dict[str, str]:
    settings = {"message.timestamp.type": "LogAppendTime"}
    if topic.compacted:
        # The newest segment is never compacted: an hourly one bounds what a reader from the start has to skip.
        return settings | {"cleanup.policy": "compact", "segment.ms": str(3600 * 1000)}
    retention = _LOG_RETENTION_MS if topic in {INTAKE, DECISIONS} else _DEAD_RETENTION_MS
    return settings | {"cleanup.policy": "delete", "retention.ms": str(retention), "retention.bytes": "-1"}


def _check_made(response: Any) -> None:
    for name, code, *message in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:  # another process may be quicker
            raise ConfigurationError(
                f"Kafka does not make topic {name}: {error.__name__} {message}",
                remedy="Make the topics by hand, or allow this client to",
            )
