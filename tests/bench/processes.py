"""Processes under test: started, waited for, read by psutil, and ended."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_S = 30.0
STOP_S = 10.0
POLL_S = 0.01


class Usage(NamedTuple):
    """What a process has used so far."""

    cpu_s: float
    private_bytes: int  # resident, and shared with no other process


class Child:
    """One process that serves HTTP at `base_url`."""

    def __init__(self, process: asyncio.subprocess.Process, base_url: str, ready_s: float) -> None:
        self._process = process
        self.base_url = base_url
        self.ready_s = ready_s  # from the start of the process to the first 2xx of its ready path

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()

    def usage(self) -> Usage:
        """Read CPU time and memory."""
        return Usage(self.cpu_s(), psutil.Process(self._process.pid).memory_full_info().uss)

    def cpu_s(self) -> float:
        """Read CPU time alone, which costs the process nothing."""
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def stand_still(self) -> None:
        """Stop the process where it is, until `go_on`."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a process that stands still go on."""
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def serving(
    command: Sequence[str], *, port: int, ready: str, log: Path, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Child]:
    """Start a server and yield it once it answers `ready` with 2xx; end it afterwards.

    Raises:
        RuntimeError: it ended before; says with what last words.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDOOR_")}
    with log.open("ab") as output:
        started = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *command, env=kept | dict(environ or {}), cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
        try:
            await _ready(process, port, ready, log)
            yield Child(process, f"http://127.0.0.1:{port}", time.perf_counter() - started)
        finally:
            await _end(process)


def python(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a module of this package in a process of its own."""
    return [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)]


async def output_of(command: Sequence[str]) -> str:
    """Run a process to its end and return what it printed; raises RuntimeError if it failed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[2]} failed:\n{errors.decode()[-2000:]}")
    return output.decode()


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _ready(process: asyncio.subprocess.Process, port: int, path: str, log: Path) -> None:
    deadline = time.perf_counter() + READY_S
    while time.perf_counter() < deadline:
        if process.returncode is not None:
            raise RuntimeError(f"the process ended with {process.returncode}:\n{_last_words(log)}")
        if await _answers(port, path):
            return
        await asyncio.sleep(POLL_S)
    raise RuntimeError(f"not ready after {READY_S:g} s:\n{_last_words(log)}")


def _last_words(log: Path) -> str:
    return log.read_text()[-2000:]


async def _answers(port: int, path: str) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        return (await reader.readline()).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False
    finally:
        writer.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
