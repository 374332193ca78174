"""Processes of the system apart, each a `frontdoor serve NAME` of its own on one Kafka."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from services.runtime.crypto import load_root_keys
from services.runtime.identity import DevelopmentKey
from tests.bench.processes import Child, free_port, serving
from tests.bench.system import SECRET, Bus

PARTITIONS = 4


class Pods:
    """Starts processes that share keys, database, bus and public address."""

    def __init__(self, folder: Path, bus: Bus, *, public_port: int, carrier_port: int) -> None:
        """`public_port` is where the carrier reaches the webhooks; `carrier_port` where its own API is."""
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        load_root_keys(self.data)
        DevelopmentKey.load(self.data)
        self._environ = {
            "FRONTDOOR_BUS": "kafka",
            "FRONTDOOR_KAFKA_BOOTSTRAP": bus.bootstrap,
            "FRONTDOOR_KAFKA_PREFIX": bus.prefix,
            "FRONTDOOR_PARTITIONS": str(PARTITIONS),
            "FRONTDOOR_DATA_DIR": str(self.data),
            "FRONTDOOR_PUBLIC_URL": f"http://127.0.0.1:{public_port}",
            "FRONTDOOR_TWILIO_API_BASE": f"http://127.0.0.1:{carrier_port}",
            "FRONTDOOR_SECRET_BENCH_TWILIO": SECRET,
        }

    @asynccontextmanager
    async def run(self, name: str, *, port: int = 0, environ: Mapping[str, str] | None = None) -> AsyncIterator[Child]:
        """Run one process until the end of the block."""
        port = port or free_port()
        command = [str(Path(sys.executable).with_name("frontdoor")), "serve", name, "--port", str(port)]
        log = self.data / f"{name}.txt"
        environ = self._environ | dict(environ or {})
        async with serving(command, port=port, ready="/readyz", log=log, environ=environ) as child:
            yield child
