"""Simulated time."""

import asyncio

from services.demo.pace import ManualPace, RealPace, sleep


async def test_timers_fire_in_order_and_what_they_wake_may_set_more():
    pace, fired = ManualPace(), []

    async def twice(name: str, seconds: float) -> None:
        for _ in range(2):
            await sleep(pace, seconds)
            fired.append((name, (pace.now() - start).total_seconds()))

    start = pace.now()
    tasks = [asyncio.create_task(twice("slow", 3)), asyncio.create_task(twice("fast", 2))]
    await pace.advance(4)
    assert fired == [("fast", 2), ("slow", 3), ("fast", 4)]
    assert (pace.now() - start).total_seconds() == 4
    await pace.advance(2)
    await asyncio.gather(*tasks)
    assert fired[-1] == ("slow", 6)


async def test_a_canceled_timer_does_nothing():
    pace = ManualPace()
    pace.after(1).cancel()
    await pace.advance(2)
    future = RealPace().after(60)
    future.cancel()


async def test_real_time_is_scaled_and_nothing_is_no_time():
    before = RealPace().now()
    await sleep(RealPace(speed=1e6), 60)
    await sleep(ManualPace(), 0)
    assert RealPace().now() >= before
