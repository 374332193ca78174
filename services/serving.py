"""How processes run and end: the web server, the loops beside it, the signal, and the demo's clients.

The order of the end: ask for no more traffic, drain while everything still works (sockets too), stop the server, settle
what its last requests have left to the loops, stop the loops, finish. Whatever hangs, it is over in five seconds.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.settings import Settings
from services.runtime.telemetry import get_logger
from services.supervision import ProcessFailed, Supervisor

DEMO_STOP_S: Final = 2.0
READY_POLL_S: Final = 0.02
END_S: Final = 4.8  # from the signal
log = get_logger(__name__)


class _Server(uvicorn.Server):
    """A server that leaves signals to us, since it is not the only thing to end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Readiness:
    """Whether the processes want traffic: none that calls depend on says no, and the end has not begun.

    Where there is no such process, as where `records` runs alone, all are asked.
    """

    def __init__(self, processes: Sequence[Process]) -> None:
        self._processes = [process for process in processes if process.vital] or processes
        self.draining = False

    def not_ready(self) -> str | None:
        """Return why there should be no traffic, or None."""
        if self.draining:
            return "draining"
        reasons = (process.not_ready() for process in self._processes)
        return next((reason for reason in reasons if reason is not None), None)


async def serve(
    processes: Sequence[Process],
    *,
    app: FastAPI,
    readiness: Readiness,
    supervisor: Supervisor,
    listener: socket.socket,
    settings: Settings,
    limits: Limits,
    demo_clients: bool,
) -> None:
    """Serve `app` and run the loops until a signal; then drain, end the server, settle, end the loops, and finish.

    `demo_clients` starts the simulated carrier, callers and agents once all is ready. Raises `ProcessFailed` at the end
    if a loop has failed that calls depend on.
    """
    server = _server(app)
    stop = _stop_on_signal()
    _settle_memory()  # before the loops: a router that is ready claims at once, and nobody decides until it reads that
    async with asyncio.TaskGroup() as group:
        loops = [group.create_task(supervisor.run(process, loop)) for process in processes for loop in process.loops]
        serving = group.create_task(server.serve(sockets=[listener]))
        announcing = group.create_task(_announce(settings, readiness.not_ready, demo_clients=demo_clients))
        ends = [group.create_task(event.wait()) for event in (stop, supervisor.failure)]
        await asyncio.wait({serving, *ends}, return_when=asyncio.FIRST_COMPLETED)
        readiness.draining = True
        _end_at_the_latest(END_S)
        until = asyncio.get_running_loop().time() + limits.drain_s
        announcing.cancel()
        with suppress(asyncio.CancelledError):
            await announcing
        await _within(limits.drain_s / 2, [process.drain for process in processes if process.drain])
        for end in ends:
            end.cancel()
        server.should_exit = True
        await serving
        left_s = max(0.0, until - asyncio.get_running_loop().time())
        await _within(left_s, [process.settle for process in processes if process.settle])
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    await _within(limits.drain_s / 2, [process.finish for process in processes if process.finish])
    if supervisor.failed is not None:
        raise ProcessFailed(f"{supervisor.failed} cannot go on; the log says where it failed")


def _end_at_the_latest(seconds: float) -> None:
    """Whatever hangs at the end, such as a connection to a server that froze, the process is gone by then.

    What was acknowledged is durable already, so nothing is lost but the tidying up.
    """

    def end() -> None:
        log.error("process.end_forced", process=str(os.getpid()))
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()


def _server(app: FastAPI) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            proxy_headers=False,  # our public address is a setting; headers that a client may write decide nothing
            lifespan="off",
            loop="none",
            ws="websockets-sansio",
            ws_max_size=1 << 20,  # the gateway closes a frame over its own limit itself, with a reason
            ws_per_message_deflate=False,  # a context costs more memory than a socket (short frames gain nothing)
            ws_ping_interval=None,  # the gateway pings by frames that a page can answer
            timeout_graceful_shutdown=1,
            server_header=False,
        )
    )


def _stop_on_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _within(seconds: float, calls: Sequence[Callable[[], Any]]) -> None:
    """Make the calls side by side, for so long at most; one that fails does not stop the others."""
    if not calls:
        return
    tasks = [asyncio.ensure_future(call()) for call in calls]
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, BaseException):
            log.warning("process.end_failed", error=type(outcome).__name__)


async def _announce(settings: Settings, not_ready: Callable[[], str | None], *, demo_clients: bool) -> None:
    """Say when the system is ready, then run the demo's clients beside it until cancelled."""
    while not_ready() is not None:  # noqa: ASYNC110  readiness is asked for, as an orchestrator would
        await asyncio.sleep(READY_POLL_S)
    _say(f"Frontdoor is ready: {settings.public_url}/")
    if demo_clients:
        await _run_demo(settings)


def _settle_memory() -> None:
    """What is here at the start stays: leave it out of the collector's rounds, which would halt every call."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _run_demo(settings: Settings) -> None:
    command = [sys.executable, "-m", "services.demo.main", "--base-url", settings.public_url]
    command += ["--data", str(settings.data_dir), "--carrier-port", str(settings.carrier_port)]
    command += [] if settings.demo_callers else ["--no-callers"]
    command += [] if settings.demo_agents else ["--no-agents"]
    demo = await asyncio.create_subprocess_exec(*command, start_new_session=True)
    try:
        _say(f"Simulated carrier on port {settings.carrier_port}. Ctrl-C ends everything.")
        await demo.wait()
        log.warning("demo.ended", status=demo.returncode)
    finally:
        if demo.returncode is None:
            demo.terminate()
            try:
                await asyncio.wait_for(demo.wait(), DEMO_STOP_S)
            except TimeoutError:
                demo.kill()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
