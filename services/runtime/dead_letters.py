"""What a dead letter looks like: one form for whoever puts a record aside, for people to read.

The topic of dead letters of `intake` is `intake.dead`, in its one partition; see `schemas.topics`.
"""

import json
from base64 import b64encode
from typing import Final

from services.runtime.bus import Message, Record

VALUE_BYTES_MAX: Final = 512 * 1024  # two thirds of what a record may hold, since base64 makes four bytes of three


def dead_letter(record: Record, *, reason: str, reader: str = "routing") -> Message:
    """Return the letter about a record that `reader` could not use: JSON, with the record's place, key and value.

    `reason` never quotes the record. The value is in base64, and `cut` tells that it was too large to be kept whole:
    `bytes` is its size. The letter's key is the reader and the record's place, so that a repeat is known as one.
    """
    topic, partition = record.place
    letter = {
        "reader": reader,
        "topic": topic,
        "partition": partition,
        "offset": record.offset,
        "reason": reason,
        "key": record.key,
        "bytes": len(record.value),
        "cut": len(record.value) > VALUE_BYTES_MAX,
        "value": b64encode(record.value[:VALUE_BYTES_MAX]).decode(),
    }
    return Message(json.dumps(letter).encode(), key=f"{reader}/{topic}/{partition}/{record.offset}")
