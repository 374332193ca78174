"""What a client of the demo needs to know: addresses, the carrier's account and secret, numbers, agents.

Kept in DATA_DIR/demo.json, which `frontdoor demo credentials` prints. `prepare` runs inside the system, when it applies
the demo's tenant; the simulated carrier and agents only read.
"""

import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError

from schemas.errors import ConfigurationError
from schemas.routing import LogModel
from schemas.tenant_config import Agent, TenantConfig

TENANT_FILE: Final = Path(__file__).with_name("tenant.yaml")
FILE: Final = "demo.json"
SECRETS_FILE: Final = "secrets.json"  # where the system looks secrets up by name
PRACTICE_PREFIX: Final = "practice-"  # agents that are for people


class CarrierCredentials(LogModel):
    """An account at a carrier, and where its REST API is."""

    account: str
    secret: str = Field(repr=False)
    number: str
    numbers: tuple[str, ...]
    api_base: str


class AgentEntry(LogModel):
    """An agent who can sign in. `practice` ones wait for a person."""

    agent_id: str
    name: str
    role: str
    skills: tuple[str, ...]
    endpoint: str
    practice: bool


class Credentials(LogModel):
    """The content of demo.json."""

    base_url: str
    tenant: str
    carriers: dict[str, CarrierCredentials]
    agents: tuple[AgentEntry, ...]

    @property
    def twilio(self) -> CarrierCredentials:
        """The simulated account."""
        return self.carriers["twilio"]


def prepare(data_dir: Path, config: TenantConfig, *, base_url: str, api_base: str | None = None) -> TenantConfig:
    """Make sure that the carrier's secret exists and that demo.json tells the truth; return the tenant to apply.

    The secret is made at the first start and then kept. `api_base` is where the simulated carrier will listen; without
    it, the port after that of `base_url`.

    Raises:
        ConfigurationError: a file in the data directory is broken or cannot be written.
    """
    account = config.carriers[0]
    secret = _secret(data_dir, account.secrets[0])
    number = config.numbers[0]
    credentials = Credentials(
        base_url=base_url,
        tenant=config.tenant,
        carriers={
            account.carrier: CarrierCredentials(
                account=account.account,
                secret=secret,
                number=number,
                numbers=config.numbers,
                api_base=api_base or _next_port(base_url),
            )
        },
        agents=tuple(_entry(agent) for agent in config.agents),
    )
    _write(data_dir / FILE, credentials.model_dump(mode="json"))
    return config


def load(data_dir: Path) -> Credentials:
    """Read demo.json.

    Raises:
        ConfigurationError: it is not there or broken.
    """
    path = data_dir / FILE
    try:
        return Credentials.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise ConfigurationError(
            f"{path} is not there or broken", remedy="Start the demo once: make run, or frontdoor up --demo."
        ) from None


def _entry(agent: Agent) -> AgentEntry:
    return AgentEntry(
        agent_id=agent.agent_id,
        name=agent.name,
        role=agent.role,
        skills=tuple(level.skill for level in agent.skills),
        endpoint=agent.endpoint,
        practice=agent.agent_id.startswith(PRACTICE_PREFIX),
    )


def _secret(data_dir: Path, name: str) -> str:
    """Return the secret of that name, as the system will find it: the environment first, then the data directory."""
    given = os.environ.get("FRONTDOOR_SECRET_" + name.upper().replace("-", "_"))
    if given:
        return given
    path = data_dir / SECRETS_FILE
    stored = _stored(path)
    if not stored.get(name):
        stored[name] = secrets.token_hex(16)
        _write(path, stored)
    return str(stored[name])


def _stored(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path} is not a JSON object", remedy="Mend it, or move it away to start anew.")
    return document


def _write(path: Path, document: dict[str, Any]) -> None:
    """Replace a file whole, readable by this user only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1, ensure_ascii=False)
        Path(temporary).replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror})",
            remedy="Set FRONTDOOR_DATA_DIR to a folder that belongs to this user.",
        ) from None


def _next_port(base_url: str) -> str:
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return urlunsplit(("http", f"127.0.0.1:{port + 1}", "", "", ""))
