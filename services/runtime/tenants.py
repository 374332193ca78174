"""Tenants' documents: read from YAML, published on `config`, and held in memory by every process that needs them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from pydantic import ValidationError

from schemas.errors import BusUnavailable, OffsetGone
from schemas.ids import EventId, derived_id
from schemas.intake import ConfigApplied
from schemas.tenant_config import Agent, TenantConfig
from schemas.topics import CONFIG
from services.runtime.bus import Bus, Message, Place, Record
from services.runtime.clock import Clock
from services.runtime.facts import FactPublisher, fact
from services.runtime.telemetry import TENANT_VERSION, Metrics, get_logger
from services.runtime.tenant_file import load_tenant
from services.runtime.whole_log import read_whole

_PLACE: Final = Place(CONFIG.name, 0)  # the topic has one partition
_RETRY_S: Final = 1.0
_log = get_logger(__name__)

__all__ = ["Tenants", "announce_tenant", "follow_config", "load_tenant", "publish_tenant", "read_config"]


class Tenants:
    """The newest document of each tenant, with the look-ups that the voice path needs."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self._metrics = metrics or Metrics()
        self._configs: dict[str, TenantConfig] = {}
        self._by_number: dict[str, TenantConfig] = {}
        self._by_account: dict[tuple[str, str], TenantConfig] = {}
        self._by_agent: dict[str, tuple[TenantConfig, Agent]] = {}

    def apply(self, config: TenantConfig) -> bool:
        """Adopt a document if it is newer than the one here; return whether it was."""
        if config.version <= self.version(config.tenant):
            return False
        self._configs[config.tenant] = config
        self._metrics.set(TENANT_VERSION, config.version, tenant=config.tenant)
        self._index()
        return True

    def get(self, tenant: str) -> TenantConfig | None:
        """Return a tenant's document, or None."""
        return self._configs.get(tenant)

    def by_number(self, number: str) -> TenantConfig | None:
        """Return whose number was dialled (E.164), or None."""
        return self._by_number.get(number)

    def by_account(self, carrier: str, account: str) -> TenantConfig | None:
        """Return whose carrier account it is, or None. Where tenants share one, the first by name."""
        return self._by_account.get((carrier, account))

    def agent(self, agent_id: str) -> tuple[TenantConfig, Agent] | None:
        """Return an agent and their tenant, or None."""
        return self._by_agent.get(agent_id)

    def all(self) -> Sequence[TenantConfig]:
        """Return every document, sorted by tenant."""
        return [self._configs[tenant] for tenant in sorted(self._configs)]

    def version(self, tenant: str) -> int:
        """Return the version that is here; 0 if none is."""
        config = self._configs.get(tenant)
        return config.version if config else 0

    def conflict(self, config: TenantConfig) -> str | None:
        """Return why a document may not stand beside the others, or None: numbers and agents have one tenant each."""
        for number in config.numbers:
            owner = self._by_number.get(number)
            if owner is not None and owner.tenant != config.tenant:
                return f"number {number} belongs to tenant {owner.tenant}"
        for agent in config.agents:
            owned = self._by_agent.get(agent.agent_id)
            if owned is not None and owned[0].tenant != config.tenant:
                return f"agent {agent.agent_id} belongs to tenant {owned[0].tenant}"
        return None

    def _index(self) -> None:
        configs = list(reversed(self.all()))  # so that the first by name is written last and wins
        self._by_number = {number: config for config in configs for number in config.numbers}
        self._by_account = {(line.carrier, line.account): config for config in configs for line in config.carriers}
        self._by_agent = {agent.agent_id: (config, agent) for config in configs for agent in config.agents}


async def publish_tenant(bus: Bus, config: TenantConfig, clock: Clock) -> None:
    """Publish a document: to every process on `config`, and as a fact to the cell. Again is harmless.

    Raises:
        BusUnavailable: the outcome is unknown; publish again.
    """
    document = config.model_dump_json(exclude_none=True).encode()
    await bus.publish(CONFIG.name, _PLACE.partition, [Message(document, key=config.tenant)])
    await announce_tenant(bus, config, clock)


async def announce_tenant(bus: Bus, config: TenantConfig, clock: Clock) -> None:
    """Tell the cell of a document that is on `config`: the router goes by facts alone. Again is harmless.

    Raises:
        BusUnavailable: the outcome is unknown; announce it again.
    """
    applied = ConfigApplied(tenant=config.tenant, version=config.version, document=config)
    envelope = fact(
        applied,
        id=EventId(derived_id("config", config.tenant, str(config.version))),
        source="/config",
        subject=config.tenant,
        cell=config.cell,
        tenant=config.tenant,
        time=clock.now(),
    )
    await FactPublisher(bus, clock).publish([envelope])


async def read_config(bus: Bus, tenants: Tenants) -> None:
    """Adopt everything that is on `config` now, then return; for a process that must know before it serves.

    Raises:
        BusUnavailable: not everything could be read.
    """
    await read_whole(bus, _PLACE, lambda record: _adopt(record, tenants))


async def follow_config(
    bus: Bus, tenants: Tenants, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Adopt documents as they come, from the beginning of `config`, until cancelled; waits for a bus that is away.

    Meanwhile calls go on with what is known. Afterwards everything is read again: an old document changes nothing.
    """
    while True:
        try:
            await _follow(bus, tenants)
        except (BusUnavailable, OffsetGone) as error:
            _log.warning("config.bus_unavailable", topic=CONFIG.name, error=type(error).__name__)
            await pause(_RETRY_S)


async def _follow(bus: Bus, tenants: Tenants) -> None:
    bounds = await bus.bounds(_PLACE)
    async with bus.read({_PLACE: bounds.first}) as reader:
        while True:
            for record in await reader.fetch():
                _adopt(record, tenants)


def _adopt(record: Record, tenants: Tenants) -> None:
    try:
        config = TenantConfig.model_validate_json(record.value, extra="ignore")
    except ValidationError:
        _log.warning("config.unreadable", topic=record.place.topic, offset=record.offset, tenant=record.key)
        return
    if tenants.apply(config):
        _log.info("config.adopted", tenant=config.tenant, version=config.version)
