"""All members together: started in order, watched, and ended in order, whatever happens in between."""

import asyncio
import fcntl
import socket
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from deploy.cluster import servers
from deploy.cluster.layout import BEHIND_THE_FRONT, Surroundings, load, pod, pod_name
from deploy.cluster.member import ClusterError, Member, Spec
from deploy.cluster.probes import free_port
from deploy.kafka.run_broker import BrokerError
from services.cli import PROCESSES
from services.demo import credentials
from services.runtime.crypto import load_root_keys
from services.runtime.identity import DevelopmentKey
from services.runtime.tenants import load_tenant

TWO_OF_EACH: Final = dict.fromkeys(PROCESSES, 2)
Say = Callable[[str], None]


class Cluster:
    """The system on Kafka and PostgreSQL; an async context manager that leaves nothing running.

    Members are `kafka`, `postgres` (unless `database_url` is given), `webhooks-0`, `webhooks-1`, `routing-0` and so on,
    `front`, and `load` with a `load_rate`; `cluster["webhooks-0"]` is a `Member`, to be killed, frozen, started again.
    The demo's tenant is applied by the console, and `credentials` tells what its carrier and agents need to know.

    Args:
        folder: Keys, logs of all members and whatever is durable; the next cluster over it goes on where this one was.
        port: Where the front listens; 0 takes a free one.
        carrier_port: Where the simulated carrier listens, or will: of `load`, or of whoever drives the cluster.
        pods: How many of each process; two of each by default.
        load_rate: Calls a minute by the demo's callers; None leaves carrier, callers and agents to whoever drives it.
        database_url: A PostgreSQL that is there already.
        environ: Settings on top, for every pod.
        say: Hears about progress.

    Entering raises `ClusterError`, with a remedy in one line or with the last words of the member that did not start.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        carrier_port: int = 0,
        pods: Mapping[str, int] | None = None,
        load_rate: float | None = None,
        database_url: str | None = None,
        environ: Mapping[str, str] | None = None,
        say: Say = lambda _: None,
    ) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.carrier_port = carrier_port or free_port()
        self.members: dict[str, Member] = {}
        self._pods = TWO_OF_EACH if pods is None else dict(pods)
        self._load_rate = load_rate
        self._database_url = database_url
        self._environ = dict(environ or {})
        self._say = say
        self._held = ExitStack()

    def __getitem__(self, name: str) -> Member:
        """Return a member by name."""
        return self.members[name]

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def watch(self) -> NoReturn:
        """Wait until a member has ended without being asked to; raises `MemberEnded`, which says why."""
        falls = [asyncio.create_task(member.fell()) for member in self.members.values()]
        try:
            done, _ = await asyncio.wait(falls, return_when=asyncio.FIRST_COMPLETED)
            raise done.pop().result()
        finally:
            for fall in falls:
                fall.cancel()

    # ---- start

    async def _start(self) -> None:
        self._prepare_folder()
        around = self._surroundings(await self._start_servers())
        specs = [pod(name, n, free_port(), around) for name, count in self._pods.items() for n in range(count)]
        await self._start_members(specs)
        asked = {pod_name(name, n) for name in BEHIND_THE_FRONT for n in range(self._pods.get(name, 0))}
        await self._start_members(
            [servers.front(self.port, {spec.name: spec.port for spec in specs if spec.name in asked})]
        )
        if self._load_rate is not None:
            await self._start_members([load(self._load_rate, around)])

    def _prepare_folder(self) -> None:
        servers.haproxy()  # what is missing is told at once, and not after everything else has started
        _require_free(self.port)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)  # PostgreSQL may be another user; what is private below is private by itself
        lock = self._held.enter_context((self.folder / "lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ClusterError(f"another cluster uses {self.folder}: end it, or choose another folder") from None
        load_root_keys(self.folder)
        DevelopmentKey.load(self.folder)

    async def _start_servers(self) -> Mapping[str, int]:
        makers: list[Callable[[], Spec]] = [lambda: servers.kafka(self.folder / "kafka", free_port())]
        if self._database_url is None:
            makers.append(lambda: servers.postgres(self.folder / "postgres", free_port()))
        try:
            specs = await asyncio.gather(*(asyncio.to_thread(make) for make in makers))
        except BrokerError as error:
            raise ClusterError(str(error)) from None
        await self._start_members(specs)
        return {spec.name: spec.port for spec in specs}

    def _surroundings(self, ports: Mapping[str, int]) -> Surroundings:
        tenant = load_tenant(credentials.TENANT_FILE)
        api_base = f"http://127.0.0.1:{self.carrier_port}"
        credentials.prepare(self.folder, tenant, base_url=self.base_url, api_base=api_base)
        self.credentials = credentials.load(self.folder)
        return Surroundings(
            folder=self.folder,
            kafka_port=ports["kafka"],
            database_url=self._database_url or servers.database_url(ports["postgres"]),
            credentials=self.credentials,
            carrier_port=self.carrier_port,
            secret_name=tenant.carriers[0].secrets[0],
            routing_count=self._pods.get("routing", 0),
            environ=self._environ,
        )

    async def _start_members(self, specs: Iterable[Spec]) -> None:
        """Start them side by side; return once all are ready."""
        members = [Member(spec, self.folder / "logs" / f"{spec.name}.log") for spec in specs]
        self.members |= {member.name: member for member in members}
        await _together(self._start_member(member) for member in members)

    async def _start_member(self, member: Member) -> None:
        started = time.monotonic()
        await member.start()
        self._say(f"{member.name:<15} ready on port {member.port:<5} after {time.monotonic() - started:.1f} s")

    # ---- end

    async def _end(self) -> None:
        """End whoever asks before those who answer, so that nothing is refused on the way."""
        servers_last = [name for name in self.members if name in {"kafka", "postgres"}]
        others = [name for name in self.members if name not in {"load", *servers_last}]
        for names in (["load"], others, servers_last):
            await _together(self.members[name].stop() for name in names if name in self.members)
        self._held.close()


async def _together(calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Make the calls side by side; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ClusterError(f"port {port} cannot be had ({error.strerror}): choose another with --port") from None
