import time
from uuid import RFC_4122, UUID

import pytest

from services.runtime import ids


def test_an_id_is_a_uuid_of_version_7_with_the_time_in_front() -> None:
    before = time.time_ns() // 1_000_000
    parsed = UUID(ids.new_id())
    assert (parsed.version, parsed.variant) == (7, RFC_4122)
    assert before <= (parsed.int >> 80) <= before + 60_000


def test_ids_of_one_process_sort_in_the_order_they_were_made() -> None:
    made = [ids.new_id() for _ in range(20_000)]  # more than one millisecond has room for
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_order_holds_when_the_clock_steps_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ids.new_id()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 0)
    assert ids.new_id() > first
