"""What becomes of a loop that fails, and what is said of it."""

import asyncio
import io

import pytest

from services.runtime.process import Process
from services.runtime.telemetry import LOOPS_FAILED, Metrics, configure_logging
from services.serving import Readiness
from services.supervision import Supervisor

SAID = "my chest hurts +15005550123"


class Loop:
    """Fails so many times, then goes on until cancelled."""

    def __init__(self, failures):
        self.failures = failures
        self.begun = 0
        self.going = asyncio.Event()

    async def __call__(self):
        self.begun += 1
        if self.begun <= self.failures:
            raise ValueError(SAID)
        self.going.set()
        await asyncio.Event().wait()


@pytest.fixture
def metrics():
    return Metrics()


async def at_once(_seconds):
    await asyncio.sleep(0)


async def test_a_loop_that_calls_depend_on_ends_the_process(metrics):
    supervisor = Supervisor(metrics, sleep=at_once)
    await supervisor.run(Process(name="routing"), Loop(1))
    assert supervisor.failed == "routing"
    assert supervisor.failure.is_set()


async def test_any_other_is_started_again(metrics):
    supervisor, loop = Supervisor(metrics, sleep=at_once), Loop(2)
    running = asyncio.create_task(supervisor.run(Process(name="records", vital=False), loop))
    await loop.going.wait()
    running.cancel()
    assert (loop.begun, supervisor.failed) == (3, None)
    assert f'{LOOPS_FAILED.name}{{process="records"}} 2.0' in metrics.render().decode()


async def test_what_the_error_says_is_not_logged(metrics):
    stream = io.StringIO()
    configure_logging("info", stream=stream)
    await Supervisor(metrics, sleep=at_once).run(Process(name="routing"), Loop(1))
    logged = stream.getvalue()
    assert '"process.loop_failed"' in logged
    assert '"ValueError"' in logged
    assert SAID not in logged


def test_traffic_does_not_wait_for_who_no_call_depends_on():
    away = Process(name="records", vital=False, not_ready=lambda: "the database does not answer")
    assert Readiness([Process(name="webhooks"), away]).not_ready() is None
    assert Readiness([away]).not_ready() == "the database does not answer"
