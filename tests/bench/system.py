"""The system under test: `frontdoor up` with a tenant of many agents, in a data directory of its own."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from services.runtime.clock import SystemClock
from services.runtime.crypto import load_root_keys
from services.runtime.identity import DevelopmentKey, Identity, Role
from tests.bench.processes import Child, free_port, serving

ACCOUNT = "ACbe0c0000000000000000000000000001"
SECRET = "0123456789abcdef0123456789abcdef"  # of a carrier that exists in this process only
NUMBER = "+15005550100"
TENANT = "bench"


@dataclass(frozen=True, slots=True)
class Bus:
    """Which bus the system runs on; `bootstrap` is for Kafka."""

    kind: str = "embedded"
    bootstrap: str = ""
    prefix: str = ""


class System:
    """The running system, as its operator sees it."""

    def __init__(self, child: Child, data: Path, carrier_port: int) -> None:
        self.child = child
        self.base_url = child.base_url
        self.carrier_port = carrier_port
        self._identity = Identity(DevelopmentKey.load(data), roots=load_root_keys(data), clock=SystemClock())

    def bearer(self, subject: str, role: Role = "agent") -> dict[str, str]:
        """Return the header that signs a subject in."""
        return {"Authorization": f"Bearer {self._identity.issue(subject, role=role, tenant=TENANT)}"}

    async def apply_tenant(self, agents: int) -> None:
        """Give the system its tenant; raises `httpx.HTTPError` if it refuses."""
        async with httpx.AsyncClient(base_url=self.base_url, timeout=30) as http:
            answer = await http.put(f"/v1/tenants/{TENANT}", json=tenant(agents), headers=self.bearer("bench", "admin"))
            answer.raise_for_status()


@asynccontextmanager
async def system(data: Path, *, agents: int, bus: Bus = Bus()) -> AsyncIterator[System]:
    """Run the whole system until the end of the block."""
    data.mkdir(parents=True, exist_ok=True)
    port, carrier_port = free_port(), free_port()
    environ = {
        "FRONTDOOR_BUS": bus.kind,
        "FRONTDOOR_KAFKA_BOOTSTRAP": bus.bootstrap,
        "FRONTDOOR_KAFKA_PREFIX": bus.prefix,
        "FRONTDOOR_TWILIO_API_BASE": f"http://127.0.0.1:{carrier_port}",
        "FRONTDOOR_SECRET_BENCH_TWILIO": SECRET,
    }
    command = [str(Path(sys.executable).with_name("frontdoor")), "up", "--no-demo", "--port", str(port)]
    command += ["--data", str(data)]
    async with serving(command, port=port, ready="/readyz", log=data / "output.txt", environ=environ) as child:
        running = System(child, data, carrier_port)
        if agents:
            await running.apply_tenant(agents)
        yield running


def agent_name(number: int) -> str:
    """Return the id of the n-th agent."""
    return f"bench-{number:05d}"


def tenant(agents: int) -> dict[str, Any]:
    """Return a tenant's document with so many agents, each able to take every call."""
    skills = [{"skill": "refills", "level": 0.9}, {"skill": "nurse", "level": 0.5}]
    return {
        "tenant": TENANT,
        "cell": TENANT,
        "version": 1,
        "languages": ["en"],
        "carriers": [{"carrier": "twilio", "account": ACCOUNT, "secrets": ["bench-twilio"]}],
        "numbers": [NUMBER],
        "facility": {
            "name": {"en": "Bench"},
            "address": {"en": "1 Test Street"},
            "hours": {"zone": "UTC", "week": {"mon": [{"opens": "00:00", "closes": "24:00"}]}},
        },
        "emergency": {"notice": {"en": "In an emergency, hang up and dial 911."}, "queue": "nurse_triage"},
        "default_queue": "refills",
        "queues": [
            {"name": "nurse_triage", "requires": [{"skill": "nurse"}], "intents": ["triage.symptom"]},
            {"name": "refills", "requires": [{"skill": "refills"}], "intents": ["refill.request"]},
        ],
        "agents": [
            {"agent_id": agent_name(n), "name": f"Agent {n}", "endpoint": f"client:{agent_name(n)}", "skills": skills}
            for n in range(agents)
        ],
    }
