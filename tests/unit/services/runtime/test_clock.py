from datetime import UTC, datetime, timedelta

import pytest

from services.runtime.clock import Clock, ManualClock, SystemClock


def test_the_system_clock_is_in_utc_and_its_durations_never_shrink() -> None:
    clock: Clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


def test_a_manual_clock_moves_only_when_it_is_advanced() -> None:
    start = datetime(2030, 1, 1, tzinfo=UTC)
    clock = ManualClock(start)
    assert (clock.now(), clock.monotonic()) == (start, 0.0)
    clock.advance(1.5)
    clock.advance(0)
    assert (clock.now(), clock.monotonic()) == (start + timedelta(seconds=1.5), 1.5)


def test_a_manual_clock_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="backwards"):
        ManualClock().advance(-1)
