"""What goes wrong, when, and how it heals: drawn from a seed, one after the other.

A fault is a small frozen value with `inject` and `heal`. The schedule first takes every kind once, so that a short run
is a full one, and then goes on at random.
"""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, Protocol

from schemas.ids import CellId
from services.cli import PROCESSES
from tests.nemesis.proxy import Behaviour
from tests.nemesis.system import PODS, System

SILENCE_S: Final = 3.0  # a standby claims after so long


class Fault(Protocol):
    """Something that goes wrong for a while."""

    @property
    def kind(self) -> str:
        """Under which word it is counted."""

    @property
    def target(self) -> str:
        """What it befalls."""

    @property
    def for_s(self) -> float:
        """How long until it is healed."""

    async def inject(self, system: System) -> None:
        """Let it happen."""

    async def heal(self, system: System) -> None:
        """Mend it, and return when what was hurt is ready again."""


@dataclass(frozen=True, slots=True)
class Kill:
    """A process ends without a word, and is started again."""

    target: str
    for_s: float

    @property
    def kind(self) -> str:
        """Which kind of process."""
        return f"kill {self.target.rpartition('-')[0] or self.target}"

    async def inject(self, system: System) -> None:
        """Send SIGKILL."""
        await system.member(self.target).kill()

    async def heal(self, system: System) -> None:
        """Start it again."""
        await system.member(self.target).start()


@dataclass(frozen=True, slots=True)
class Roll:
    """A process is asked to end and started again, as in a rolling deploy."""

    target: str
    for_s: float = 0.0
    kind: str = "roll"

    async def inject(self, system: System) -> None:
        """Send SIGTERM, and wait for the end."""
        await system.member(self.target).stop()

    async def heal(self, system: System) -> None:
        """Start it again."""
        await system.member(self.target).start()


@dataclass(frozen=True, slots=True)
class Freeze:
    """A process stands still longer than others wait for it, and then goes on as if nothing had been."""

    target: str
    for_s: float

    @property
    def kind(self) -> str:
        """A frozen router wakes as a zombie."""
        return "zombie" if self.target.startswith("routing") else "freeze"

    async def inject(self, system: System) -> None:
        """Send SIGSTOP."""
        system.member(self.target).freeze()

    async def heal(self, system: System) -> None:
        """Send SIGCONT."""
        system.member(self.target).thaw()
        await system.member(self.target).ready()


@dataclass(frozen=True, slots=True)
class Network:
    """Connections at a proxy are cut, half open, slow or narrow."""

    target: str
    for_s: float
    how: Literal["cut", "half-open", "slow", "throttle", "refuse"]

    @property
    def kind(self) -> str:
        """What happens to bytes."""
        return f"network {self.how}"

    async def inject(self, system: System) -> None:
        """Change how the proxy treats bytes."""
        proxy = system.proxies[self.target]
        if self.how == "cut":
            proxy.cut()
        else:
            proxy.behave(_BEHAVIOURS[self.how])
            if self.how == "refuse":
                proxy.cut()

    async def heal(self, system: System) -> None:
        """Let bytes pass."""
        system.proxies[self.target].heal()


_BEHAVIOURS: Final = {
    "half-open": Behaviour(half_open=True),
    "slow": Behaviour(latency_s=0.4),
    "throttle": Behaviour(bytes_per_s=20_000),
    "refuse": Behaviour(refuse=True),
}


@dataclass(frozen=True, slots=True)
class Flip:
    """One bit turns over on the way, where something of ours can tell: a signature, a schema, a checksum.

    Not towards PostgreSQL or the carrier's API: nothing in their protocols can tell, so that in production TLS has to.
    Towards Kafka only what webhooks append, since record batches carry a checksum and requests to read do not.
    """

    target: str
    for_s: float
    after: int
    direction: Literal["up", "down"] = "up"
    kind: str = "flip"

    async def inject(self, system: System) -> None:
        """Turn the bit of a byte that is still to come."""
        system.proxies[self.target].flip(after=self.after, direction=self.direction)

    async def heal(self, system: System) -> None:
        """Leave bytes alone."""
        system.proxies[self.target].heal()


@dataclass(frozen=True, slots=True)
class Poison:
    """A record on `intake` that nobody can fold, or that nobody can read."""

    target: CellId
    how: Literal["no-tenant", "overflow", "undecodable"]
    for_s: float = 0.5

    @property
    def kind(self) -> str:
        """What is wrong with it."""
        return f"poison {self.how}"

    async def inject(self, system: System) -> None:
        """Append it."""
        tenant = next(config.tenant for config in system.tenants if config.cell == self.target)
        contact = system.somebody(self.target)
        await system.append(self.target, poison(self.how, self.target, tenant=tenant, contact=contact))

    async def heal(self, system: System) -> None:
        """Nothing to mend: it is on the log for ever."""


def poison(how: str, cell: str, *, tenant: str = "demo", contact: str | None = None) -> bytes:
    """Return the value of a poisonous record, about a contact who is on the line or about nobody."""
    if how == "undecodable":
        return b"\xff\x00 no envelope"
    contact = str(uuid.uuid4()) if contact is None or how == "no-tenant" else contact  # a known one needs no tenant
    data = {"type": "contact.dialog_turned", "schema_version": 1, "contact_id": contact, "turn": 1, "node": "start"}
    envelope = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/nemesis",
        "type": data["type"],
        "subject": contact,
        "time": datetime.now(UTC).isoformat(),
        "cell": cell,
        "data": data | ({"answer_by_s": 1e300} if how == "overflow" else {}),
    }
    return json.dumps(envelope | ({"tenant": tenant} if how == "overflow" else {})).encode()


# ---- the schedule

Maker = Callable[[random.Random, System], Fault]


def _any_pod(rng: random.Random) -> str:
    return rng.choice(PODS)


def _pod_of(rng: random.Random, process: str) -> str:
    return rng.choice([name for name in PODS if name.rpartition("-")[0] == process])


def _kill(process: str) -> Maker:
    return lambda rng, _: Kill(_pod_of(rng, process), rng.uniform(0.2, 4.0))


def _zombie(rng: random.Random, _: System) -> Fault:
    return Freeze(_pod_of(rng, "routing"), SILENCE_S + rng.uniform(1.0, 4.0))


def _frozen(rng: random.Random, _: System) -> Fault:
    return Freeze(_any_pod(rng), SILENCE_S + rng.uniform(0.5, 3.0))


def _network(how: Literal["cut", "half-open", "slow", "throttle", "refuse"]) -> Maker:
    def make(rng: random.Random, system: System) -> Fault:
        return Network(rng.choice(sorted(system.proxies)), rng.uniform(1.0, 5.0), how)

    return make


def _flip(rng: random.Random, _: System) -> Fault:
    to_kafka = f"kafka:{_pod_of(rng, 'webhooks')}"
    target, direction = rng.choice([
        ("front:carrier", "up"), ("front:carrier", "down"), ("front:desktops", "up"), (to_kafka, "up"),
    ])  # fmt: skip
    return Flip(target, rng.uniform(2.0, 5.0), rng.randrange(20, 4000), "up" if direction == "up" else "down")


def _poison(how: Literal["no-tenant", "overflow", "undecodable"]) -> Maker:
    return lambda rng, system: Poison(rng.choice([config.cell for config in system.tenants]), how)


EACH_ONCE: Final[tuple[Maker, ...]] = (
    *(_kill(process) for process in PROCESSES),
    _zombie,
    lambda rng, _: Kill("kafka", rng.uniform(0.5, 5.0)),
    lambda rng, _: Kill("postgres", rng.uniform(0.5, 5.0)),
    lambda rng, _: Freeze("postgres", rng.uniform(2.0, 6.0)),
    lambda rng, _: Roll("postgres"),
    *(_network(how) for how in ("cut", "half-open", "slow", "throttle", "refuse")),
    _flip,
    _poison("no-tenant"),
    _poison("overflow"),
    _poison("undecodable"),
)
AT_RANDOM: Final[tuple[tuple[Maker, int], ...]] = (
    (lambda rng, _: Kill(_any_pod(rng), rng.uniform(0.2, 4.0)), 24),
    (_kill("routing"), 12),
    (_zombie, 14),
    (_frozen, 6),
    (lambda rng, _: Roll(_any_pod(rng)), 8),
    (lambda rng, _: Kill("kafka", rng.uniform(0.5, 5.0)), 8),
    (lambda rng, _: Freeze("kafka", rng.uniform(2.0, 6.0)), 3),
    (lambda rng, _: Kill("postgres", rng.uniform(0.5, 5.0)), 8),
    (lambda rng, _: Freeze("postgres", rng.uniform(2.0, 6.0)), 4),
    *((_network(how), 4) for how in ("cut", "half-open", "slow", "throttle", "refuse")),
    (_flip, 6),
    (_poison("no-tenant"), 1),
    (_poison("undecodable"), 1),
)


def schedule(seed: int, system: System) -> Iterator[tuple[float, Fault]]:
    """Yield faults for ever, each with the pause before it in seconds; the same for the same seed."""
    rng = random.Random(f"{seed} faults")
    first = list(EACH_ONCE)
    rng.shuffle(first)
    for make in first:
        yield rng.uniform(0.5, 2.0), make(rng, system)
    makers, weights = zip(*AT_RANDOM, strict=True)
    while True:
        make = rng.choices(makers, weights=weights)[0]
        yield rng.uniform(0.5, 3.0), make(rng, system)
