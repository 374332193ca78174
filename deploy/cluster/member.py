"""One process of the cluster: started until it is ready, watched, and hurt where a test wants it."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

READY_S: Final = 120.0  # twelve processes that start at once on a small machine
POLL_S: Final = 0.05
STOP_S: Final = 6.0
LAST_LINES: Final = 12


class ClusterError(Exception):
    """Something that a person has to mend; one line says what and how."""


class MemberEnded(ClusterError):
    """A process ended that nobody had asked to, or it was never ready; the end of its log says why."""

    def __init__(self, name: str, what: str, last_words: str) -> None:
        super().__init__(f"{name} {what}. The end of its log:\n{last_words}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Spec:
    """What a member is started with. `ready` is asked again and again until it says yes."""

    name: str
    command: tuple[str, ...]
    port: int
    ready: Callable[[], Awaitable[bool]]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)  # it may hold a password
    user: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_s: float = STOP_S


class Member:
    """A named process that can be killed, frozen and started again with the same command on the same port."""

    def __init__(self, spec: Spec, log: Path) -> None:
        self.name = spec.name
        self.port = spec.port
        self.log = log
        self._spec = spec
        self._process: asyncio.subprocess.Process | None = None
        self._reaping: asyncio.Task[None] | None = None
        self._wanted = False
        self._fell = asyncio.Event()

    @property
    def running(self) -> bool:
        """Whether the process is there; a frozen one is."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process's id; raises `ClusterError` when it is not running."""
        if self._process is None or self._process.returncode is not None:
            raise ClusterError(f"{self.name} is not running")
        return self._process.pid

    @property
    def status(self) -> int | None:
        """With what it ended, negative for a signal; None while it runs or before it did."""
        return self._process.returncode if self._process else None

    async def start(self, *, wait: bool = True) -> None:
        """Start, and with `wait` return once it is ready.

        Raises:
            MemberEnded: it ended before, or was not ready in time.
        """
        assert not self.running, f"{self.name} is running"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDOOR_")}
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._spec.command,
                env=kept | dict(self._spec.environ),
                user=self._spec.user,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches us only, and we end everything in order
            )
        self._wanted = True
        self._fell.clear()
        self._reaping = asyncio.create_task(self._reap(self._process))
        if wait:
            await self.ready()

    async def ready(self, within_s: float = READY_S) -> None:
        """Wait until it is ready; raises `MemberEnded` if it ended, or is not after `within_s` seconds."""
        deadline = time.monotonic() + within_s
        while not await self._spec.ready():
            if not self.running:
                raise self._ended()
            if time.monotonic() > deadline:
                raise MemberEnded(self.name, f"is not ready after {within_s:g} s", self.last_words())
            await asyncio.sleep(POLL_S)

    async def kill(self) -> None:
        """End it at once with SIGKILL, children and all, as a crash would."""
        self._wanted = False
        below = descendants(self.pid) if self.running else []
        self._signal(signal.SIGKILL, all_=True)
        await self._reaped()
        while any(map(_is_alive, below)):  # noqa: ASYNC110  nobody tells; they hold ports and locks a moment longer
            await asyncio.sleep(POLL_S)

    def freeze(self) -> None:
        """Stop it with SIGSTOP: it holds its port and its connections, and answers nothing."""
        self._signal(signal.SIGSTOP, all_=True)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        self._signal(signal.SIGCONT, all_=True)

    async def restart(self) -> None:
        """End it in order and start it again."""
        await self.stop()
        await self.start()

    async def stop(self) -> None:
        """End it in order; one that has not ended in time is killed. Does nothing when it is not running."""
        self._wanted = False
        if self.running:
            self._signal(self._spec.stop_signal)
            self.thaw()
            try:
                async with asyncio.timeout(self._spec.stop_s):
                    await self._reaped()
            except TimeoutError:
                await self.kill()

    async def fell(self) -> MemberEnded:
        """Wait until it has ended without being asked to, and return what to say about it."""
        await self._fell.wait()
        return self._ended()

    def last_words(self, lines: int = LAST_LINES) -> str:
        """Return the last lines of its log."""
        if not self.log.exists():
            return "(nothing)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) or "(nothing)"

    def _ended(self) -> MemberEnded:
        return MemberEnded(self.name, f"has ended with status {self.status}", self.last_words())

    async def _reap(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if self._wanted:
            self._fell.set()

    async def _reaped(self) -> None:
        if self._reaping is not None:
            await asyncio.shield(self._reaping)

    def _signal(self, number: signal.Signals, *, all_: bool = False) -> None:
        if not self.running:
            return
        for pid in (self.pid, *(descendants(self.pid) if all_ else ())):
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def descendants(pid: int) -> list[int]:
    """Return the ids of a process's children and theirs; a server of many processes is hurt as a whole."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children.setdefault(int(_after_name(stat)[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:  # it grows on the way
        found += children.get(parent, [])
    return found[1:]


def _is_alive(pid: int) -> bool:
    try:
        return _after_name(Path(f"/proc/{pid}/stat"))[0] != "Z"
    except OSError:
        return False


def _after_name(stat: Path) -> list[str]:
    """Return the fields after the name, which may hold anything: state, parent and so on."""
    return stat.read_text(errors="replace").rpartition(")")[2].split()
