"""Ids born at our own edge: UUIDv7 (RFC 9562, 5.7), so that later ones sort after earlier ones."""

import os
import threading
import time
from typing import Final
from uuid import UUID

_COUNTER_MAX: Final = 0xFFF
_lock = threading.Lock()
_last: tuple[int, int] = (0, 0)  # milliseconds and counter of the latest id


def new_id() -> str:
    """Return a fresh id. Within a process each one sorts after all before it, even if the clock steps back."""
    milliseconds, counter = _next()
    tail = int.from_bytes(os.urandom(8), "big") & ((1 << 62) - 1)
    return str(UUID(int=(milliseconds << 80) | (0x7 << 76) | (counter << 64) | (0b10 << 62) | tail))


def _next() -> tuple[int, int]:
    global _last  # noqa: PLW0603  one counter for the process is the point
    with _lock:
        now = time.time_ns() // 1_000_000
        milliseconds, counter = _last
        if now > milliseconds:
            _last = (now, 0)
        elif counter < _COUNTER_MAX:
            _last = (milliseconds, counter + 1)
        else:  # more than 4096 ids in a millisecond: borrow from the next
            _last = (milliseconds + 1, 0)
        return _last
