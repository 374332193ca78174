"""What each pod is started with: `frontdoor serve NAME`, everything else from the environment."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from deploy.cluster.member import Spec
from deploy.cluster.probes import answers_http
from services.cli import PROCESSES
from services.demo.credentials import Credentials
from services.runtime.secrets_store import variable_of

BEHIND_THE_FRONT: Final = ("webhooks", "desktop", "console")
_WITH_DATABASE: Final = ("records", "console")
_WITH_CARRIER: Final = ("webhooks", "call-control", "console")  # the console tells demo clients about the carrier
PROGRAM: Final = Path(sys.executable).with_name("frontdoor")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all pods have in common."""

    folder: Path
    kafka_port: int
    database_url: str = field(repr=False)
    credentials: Credentials
    carrier_port: int
    secret_name: str
    routing_count: int
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)  # on top, for every pod


def pod_name(process: str, ordinal: int) -> str:
    """Return the name of a pod, such as `webhooks-0`."""
    assert process in PROCESSES, process
    return f"{process}-{ordinal}"


def pod(process: str, ordinal: int, port: int, around: Surroundings) -> Spec:
    """Return one pod; its data directory is its own, and the keys in it are everybody's."""
    name = pod_name(process, ordinal)
    data = around.folder / "pods" / name
    _make_data(data, around.folder / "keys")
    environ = {
        "FRONTDOOR_HOST": "127.0.0.1",
        "FRONTDOOR_BUS": "kafka",
        "FRONTDOOR_KAFKA_BOOTSTRAP": f"127.0.0.1:{around.kafka_port}",
        "FRONTDOOR_DATA_DIR": str(data),
        "FRONTDOOR_PUBLIC_URL": around.credentials.base_url,
        "FRONTDOOR_TWILIO_API_BASE": around.credentials.twilio.api_base,
    }
    if process in _WITH_DATABASE:
        environ["FRONTDOOR_DATABASE_URL"] = around.database_url
    if process in _WITH_CARRIER:
        environ[variable_of(around.secret_name)] = around.credentials.twilio.secret
    if process == "console":
        environ |= {"FRONTDOOR_DEMO": "true", "FRONTDOOR_DEMO_CARRIER_PORT": str(around.carrier_port)}
    if process == "routing":
        environ |= {
            "FRONTDOOR_ROUTING_ORDINAL": str(ordinal),
            "FRONTDOOR_ROUTING_COUNT": str(around.routing_count),
        }
    command = (str(PROGRAM), "serve", process, "--port", str(port))
    return Spec(name, command, port, answers_http(port, "/readyz"), environ | dict(around.environ))


def load(rate: float, around: Surroundings) -> Spec:
    """Return the demo's carrier, callers (`rate` a minute) and agents; they know the front's address only."""
    port = around.carrier_port
    where = ("--base-url", around.credentials.base_url, "--data", str(around.folder))
    command = (sys.executable, "-m", "services.demo.main", *where, "--carrier-port", str(port), "--rate", f"{rate:g}")
    return Spec("load", command, port, answers_http(port, "/healthz"), stop_s=3.0)


def _make_data(data: Path, keys: Path) -> None:
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    link = data / "keys"
    if not link.exists():
        link.symlink_to(keys.resolve(), target_is_directory=True)
