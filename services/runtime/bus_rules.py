"""What both buses demand of their callers: known topics, real partitions, keys where needed, bounded sizes.

A breach is a `Defect`, raised before anything is queued, so that one bad call never harms the calls batched with it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from schemas.errors import Defect
from schemas.topics import TOPICS, Topic
from services.runtime.bus import Message, Place
from services.runtime.limits import Limits

MESSAGE_BYTES_MAX: Final = Limits().record_bytes_max
"""Key and value of one record. Larger things travel in chunks."""

WAITING_BYTES_MAX: Final = 64 * 1024 * 1024
"""What one process may have accepted and not yet made durable; beyond it publishing is refused at once."""

PUBLISH_RECORDS_MAX: Final = 10_000
"""Records of one call to publish."""

_BY_NAME: Final = {topic.name: topic for topic in TOPICS}


def topic_named(name: str) -> Topic:
    """Return the topic; one that `schemas.topics` does not list is a `Defect`."""
    topic = _BY_NAME.get(name)
    if topic is None:
        raise Defect(f"topic {name} is not in schemas.topics")
    return topic


def partitions_of(topic: Topic, partitions: int) -> int:
    """Return how many partitions a topic has on a bus whose per-cell topics have `partitions`."""
    return partitions if topic.per_cell else 1


def all_places(partitions: int) -> Iterator[Place]:
    """Yield every partition of every topic, always in the same order."""
    for topic in TOPICS:
        for partition in range(partitions_of(topic, partitions)):
            yield Place(topic.name, partition)


def checked_place(place: Place, partitions: int) -> Topic:
    """Return the topic of a place that exists; anything else is a `Defect`."""
    topic = topic_named(place.topic)
    if not 0 <= place.partition < partitions_of(topic, partitions):
        raise Defect(f"topic {place.topic} has no partition {place.partition}")
    return topic


def checked_messages(topic: Topic, messages: Sequence[Message]) -> int:
    """Check what is about to be published and return its size in bytes."""
    if len(messages) > PUBLISH_RECORDS_MAX:
        raise Defect(f"{len(messages)} records in one publish, at most {PUBLISH_RECORDS_MAX}")
    return sum(_checked_size(topic, message) for message in messages)


def _checked_size(topic: Topic, message: Message) -> int:
    if topic.compacted and message.key is None:
        raise Defect(f"a record of the compacted topic {topic.name} has no key")
    try:
        size = len(message.value) + len((message.key or "").encode())
    except UnicodeEncodeError:
        raise Defect(f"a key for topic {topic.name} is not valid text") from None
    if size > MESSAGE_BYTES_MAX:
        raise Defect(f"a record of {size} bytes for topic {topic.name}, at most {MESSAGE_BYTES_MAX}")
    return size
