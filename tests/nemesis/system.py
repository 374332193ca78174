"""The system under test: a cluster of which every connection to broker, database, carrier and public goes by a proxy.

Kafka tells its clients where to connect, so each pod has a listener of its own whose advertised address is its proxy:
one pod can be cut off and the others not. The front has two proxies, one for the carrier and one for desktops.
"""

import asyncio
import random
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]

from deploy.cluster import Cluster, Member, servers
from deploy.cluster.layout import BEHIND_THE_FRONT, pod, pod_name
from deploy.cluster.member import Spec
from deploy.cluster.probes import accepts
from deploy.kafka.run_broker import Broker
from router.succession import preference
from schemas.ids import CellId
from schemas.tenant_config import TenantConfig
from schemas.topics import INTAKE, partition_of
from services.cli import PROCESSES
from services.demo.credentials import TENANT_FILE
from services.runtime.clock import SystemClock
from services.runtime.crypto import load_root_keys
from services.runtime.identity import DevelopmentKey, Identity
from services.runtime.tenants import load_tenant
from tests.nemesis.proxy import FaultProxy

PARTITIONS: Final = 4
PORTS: Final = (15_000, 30_000)
EACH: Final = 2
WITH_DATABASE: Final = ("records", "console")
PODS: Final = tuple(pod_name(process, n) for process in PROCESSES for n in range(EACH))
NUMBERS: Final = ("+15005550100", "+15005550101")


def free_ports(number: int) -> list[int]:
    """Return distinct ports that nobody listens on, below those that clients' connections are given.

    A killed process wants its port back; one that a connection may take meanwhile would not do.
    """
    found: list[int] = []
    for port in random.sample(range(*PORTS), PORTS[1] - PORTS[0]):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == number:
            return found
    raise OSError(f"there are no {number} free ports in {PORTS}")


def tenants() -> list[TenantConfig]:
    """Return two tenants whose cells are in partitions that different routers prefer, so that both decide."""
    first = load_tenant(TENANT_FILE)
    taken = _preferred(first.cell)
    cell = next(name for name in (CellId(f"cell-{n}") for n in range(100)) if _preferred(name) != taken)
    agents = [agent.model_dump() | {"agent_id": f"{agent.agent_id}-2"} for agent in first.agents]
    for agent in agents:
        agent["endpoint"] = f"client:{agent['agent_id']}"
    changes = {"tenant": "second", "cell": cell, "numbers": [NUMBERS[1]], "agents": agents}
    return [first, TenantConfig.model_validate(first.model_dump() | changes)]


def _preferred(cell: CellId) -> int:
    return preference(partition_of(cell, PARTITIONS), EACH)[0]


class ProxiedBroker(Broker):
    """A broker with one more listener for each name; what it advertises for that name is a proxy's port."""

    def __init__(
        self, folder: Path, *, port: int, controller_port: int, listeners: Mapping[str, tuple[int, int]]
    ) -> None:
        """`listeners` are name: (own port, advertised port)."""
        super().__init__(folder, port=port)
        self._controller_port = controller_port
        self._listeners = listeners

    def _settings(self) -> Path:
        path = super()._settings()
        names = [name.upper().replace("-", "_") for name in self._listeners]
        ports = list(self._listeners.values())
        more = {
            "listeners": [f"{name}://127.0.0.1:{own}" for name, (own, _) in zip(names, ports, strict=True)],
            "advertised.listeners": [
                f"{name}://127.0.0.1:{told}" for name, (_, told) in zip(names, ports, strict=True)
            ],
            "listener.security.protocol.map": [f"{name}:PLAINTEXT" for name in names],
        }
        lines = []
        for line in path.read_text().splitlines():
            added = more.get(line.partition("=")[0])
            lines.append(",".join([line, *added]) if added else line)
        path.write_text("\n".join([*lines, "num.network.threads=1", "num.io.threads=2", ""]))
        return path


class System(Cluster):
    """The cluster with its proxies. `members` are hurt by name, `proxies` are `kafka:POD`, `database:POD` and so on."""

    def __init__(self, folder: Path) -> None:
        ports = iter(free_ports(5 + 5 * len(PODS)))
        environ = {"FRONTDOOR_PARTITIONS": str(PARTITIONS), "FRONTDOOR_LOG_LEVEL": "info"}
        super().__init__(folder, port=next(ports), environ=environ)
        self.tenants = tenants()
        self.somebody: Callable[[str], str | None] = lambda _: None  # a contact of a cell who is on the line now
        self.carrier_own_port, self.kafka_port, self._controller_port, self._database_port = islice(ports, 4)
        self._pod_ports = dict(zip(PODS, ports, strict=False))
        self._kafka_ports = dict(zip(PODS, ports, strict=False))
        self.proxies: dict[str, FaultProxy] = {
            "front:carrier": FaultProxy([("127.0.0.1", self.port)], port=next(ports)),
            "front:desktops": FaultProxy([("127.0.0.1", self.port)], port=next(ports)),
            "rest": FaultProxy([("127.0.0.1", self.carrier_own_port)], port=next(ports)),
        }
        for name, port in self._kafka_ports.items():
            self.proxies[f"kafka:{name}"] = FaultProxy([("127.0.0.1", port)], port=next(ports))
        for name in PODS:
            if name.rpartition("-")[0] in WITH_DATABASE:
                self.proxies[f"database:{name}"] = FaultProxy([("127.0.0.1", self._database_port)], port=next(ports))

    async def __aenter__(self) -> Self:
        await asyncio.gather(*(proxy.start() for proxy in self.proxies.values()))
        self.base_url = f"http://{self.proxies['front:carrier'].address}"
        self.carrier_port = self.proxies["rest"].port
        await super().__aenter__()
        self.identity = Identity(
            DevelopmentKey.load(self.folder), roots=load_root_keys(self.folder), clock=SystemClock()
        )
        await self._apply_tenants()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for member in self.members.values():
                member.thaw()
            await super().__aexit__(kind, error, trace)
        finally:
            await asyncio.gather(*(proxy.close() for proxy in self.proxies.values()))

    @property
    def desktops_url(self) -> str:
        """Where desktops connect."""
        return f"http://{self.proxies['front:desktops'].address}"

    @property
    def bootstrap(self) -> str:
        """The broker without a proxy, for the nemesis itself."""
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def database(self) -> dict[str, Any]:
        """Where PostgreSQL is, without a proxy."""
        return {"host": "127.0.0.1", "port": self._database_port, "user": servers.DATABASE_USER, "database": "postgres"}

    def member(self, name: str) -> Member:
        """Return a member."""
        return self.members[name]

    async def append(self, cell: CellId, value: bytes) -> None:
        """Put a record on `intake` as it is, past every check."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        await producer.start()
        try:
            partition = partition_of(cell, PARTITIONS)
            await producer.send_and_wait(INTAKE.name, value, key=cell.encode(), partition=partition)
        finally:
            await producer.stop()

    # ---- start

    async def _start(self) -> None:
        self._prepare_folder()
        around = self._surroundings(await self._start_servers())
        specs = []
        for process in PROCESSES:
            for n in range(EACH):
                name = pod_name(process, n)
                own = replace(around, kafka_port=self.proxies[f"kafka:{name}"].port)
                if process in WITH_DATABASE:
                    own = replace(own, database_url=servers.database_url(self.proxies[f"database:{name}"].port))
                specs.append(pod(process, n, self._pod_ports[name], own))
        await self._start_members(specs)
        asked = {pod_name(name, n) for name in BEHIND_THE_FRONT for n in range(EACH)}
        await self._start_members(
            [servers.front(self.port, {spec.name: spec.port for spec in specs if spec.name in asked})]
        )

    async def _start_servers(self) -> Mapping[str, int]:
        listeners = {name: (port, self.proxies[f"kafka:{name}"].port) for name, port in self._kafka_ports.items()}
        broker = ProxiedBroker(
            self.folder / "kafka", port=self.kafka_port, controller_port=self._controller_port, listeners=listeners
        )
        command = await asyncio.to_thread(broker.command)
        kafka = Spec("kafka", tuple(command), self.kafka_port, accepts(self.kafka_port), stop_s=3.0)
        postgres = await asyncio.to_thread(servers.postgres, self.folder / "postgres", self._database_port)
        await self._start_members([kafka, postgres])
        return {"kafka": self.kafka_port, "postgres": self._database_port}

    async def _apply_tenants(self) -> None:
        token = self.identity.issue("nemesis", role="admin", tenant=None)
        async with httpx.AsyncClient(base_url=self.desktops_url, timeout=20, trust_env=False) as client:
            for config in self.tenants[1:]:
                answer = await client.put(
                    f"/v1/tenants/{config.tenant}",
                    json=config.model_dump(mode="json"),
                    headers={"Authorization": f"Bearer {token}"},
                )
                answer.raise_for_status()

    def pid(self, name: str) -> int | None:
        """Return a member's process id, None if it is not running."""
        member = self.members[name]
        return member.pid if member.running else None
