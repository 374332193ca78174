"""The one composition root: which real thing stands behind each port, and how a process starts and ends.

`frontdoor up` builds every process into one event loop and one web server; `frontdoor serve NAME` builds one of them.
What one needs is opened in order and closed in reverse, also after a start that failed.
"""

import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import uvloop
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from schemas.errors import BusUnavailable, ConfigurationError
from services.call_control import process as call_control
from services.console import process as console
from services.desktop import process as desktop
from services.records import process as records
from services.routing import process as routing
from services.routing.worker import Post
from services.runtime.bus import Bus
from services.runtime.clock import Clock, SystemClock
from services.runtime.config_routes import config_routes
from services.runtime.crypto import ROOT_KEYS, RootKeys, UrlSeal, Vault, load_root_keys
from services.runtime.database import open_database
from services.runtime.direct import Direct
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.health import health_routes
from services.runtime.identity import KEY_FILE, DevelopmentKey, Identity
from services.runtime.ids import new_id
from services.runtime.kafka_bus import KafkaBus
from services.runtime.limits import Limits
from services.runtime.log_lag import FollowedBus, LogLag
from services.runtime.process import Process
from services.runtime.secrets_store import Secrets
from services.runtime.settings import Settings
from services.runtime.telemetry import Metrics, configure_logging, get_logger
from services.runtime.tenants import Tenants, follow_config, load_tenant, publish_tenant, read_config
from services.serving import Readiness, serve
from services.supervision import Supervisor
from services.webhooks import process as webhooks

SWITCH_S: Final = 0.0005
PUBLISH_ATTEMPTS_MAX: Final = 10
NEED_DATABASE: Final = frozenset({"records", "console"})
NEED_SECRETS: Final = frozenset({"webhooks", "call-control"})  # who speaks with carriers
KEY_FILES: Final = (ROOT_KEYS, KEY_FILE)
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """What processes are built from."""

    settings: Settings
    limits: Limits
    clock: Clock
    metrics: Metrics
    secrets: Secrets
    keys: RootKeys
    identity: Identity
    tenants: Tenants
    bus: Bus
    database: AsyncEngine | None
    name: str

    @property
    def vault(self) -> Vault:
        """A vault with a cache of its own."""
        return Vault(self.keys, limits=self.limits)


def run(settings: Settings, names: Sequence[str]) -> None:
    """Run the named processes until a signal ends them.

    Raises:
        ConfigurationError: something a person has to mend, such as a port or a data directory in use.
    """
    # The bus and the database have threads: the event loop shall get the interpreter back at once, not after 5 ms.
    sys.setswitchinterval(SWITCH_S)
    _require_shared(settings, names)
    metrics = Metrics()
    configure_logging(settings.log_level, metrics=metrics)
    uvloop.run(_run(settings, names, metrics))


async def _run(settings: Settings, names: Sequence[str], metrics: Metrics) -> None:
    with _listening(settings) as (listener, settings):  # noqa: PLR1704  the same settings, with the port that was free
        async with AsyncExitStack() as stack:
            parts = await stack.enter_async_context(_parts(settings, names, metrics))
            processes = [*(_measured(name, parts) for name in names), _configuration(parts)]
            readiness = Readiness(processes)
            supervisor = Supervisor(metrics)
            await serve(
                processes,
                app=_application(parts, processes, readiness),
                readiness=readiness,
                supervisor=supervisor,
                listener=listener,
                settings=settings,
                limits=parts.limits,
                demo_clients=settings.demo and not _is_alone(names),
            )


def _is_alone(names: Sequence[str]) -> bool:
    """Tell whether other processes are somewhere else."""
    return len(names) < len(BUILDERS)


def _require_shared(settings: Settings, names: Sequence[str]) -> None:
    """What processes share has to be there: one that makes its own would be alone without saying so."""
    if not _is_alone(names):
        return
    if settings.bus == "embedded":
        raise ConfigurationError(
            "one process alone cannot work on the embedded bus",
            remedy="Set FRONTDOOR_BUS=kafka, or run everything with frontdoor up.",
        )
    for file in KEY_FILES:
        if not (settings.data_dir / file).exists():
            raise ConfigurationError(
                f"{settings.data_dir / file} is not there, and all processes need the same keys",
                remedy=f"Mount them at {settings.data_dir / 'keys'}; frontdoor keys makes them, once.",
            )


@contextmanager
def _listening(settings: Settings) -> Iterator[tuple[socket.socket, Settings]]:
    """Take the port first, so that one in use is told before anything else is touched."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigurationError(
                f"cannot listen on {settings.host}:{settings.port} ({error.strerror})",
                remedy="Stop what is using it, or choose another with --port or FRONTDOOR_PORT.",
            ) from None
        listener.listen(2048)
        yield listener, _with_port(settings, listener.getsockname()[1])


def _with_port(settings: Settings, port: int) -> Settings:
    changes: dict[str, Any] = {"port": port}
    if "public_url" not in settings.model_fields_set:
        changes["public_url"] = f"http://127.0.0.1:{port}"
    changed = settings.model_copy(update=changes)
    if settings.demo and "twilio_api_base" not in settings.model_fields_set:
        changed = changed.model_copy(update={"twilio_api_base": f"http://127.0.0.1:{changed.carrier_port}"})
    return changed


@asynccontextmanager
async def _parts(settings: Settings, names: Sequence[str], metrics: Metrics) -> AsyncIterator[Parts]:
    async with AsyncExitStack() as stack:
        clock, limits = SystemClock(), Limits().checked()
        keys = load_root_keys(settings.data_dir)
        bus = await stack.enter_async_context(_open_bus(settings))
        needs_database = NEED_DATABASE & set(names)
        database = await stack.enter_async_context(open_database(settings.database_url)) if needs_database else None
        tenants = Tenants(metrics)
        parts = Parts(
            settings=settings,
            limits=limits,
            clock=clock,
            metrics=metrics,
            secrets=Secrets(settings.data_dir),
            keys=keys,
            identity=_identity(settings, keys, clock=clock, limits=limits, metrics=metrics),
            tenants=tenants,
            bus=bus,
            database=database,
            name=f"{os.getpid()}-{new_id()[:13]}",
        )
        if settings.demo:
            await _prepare_demo(parts)
        await read_config(bus, tenants)
        if NEED_SECRETS & set(names):
            _require_secrets(parts)
        yield parts


def _open_bus(settings: Settings) -> AbstractAsyncContextManager[Bus]:
    if settings.bus == "kafka":
        return KafkaBus(settings.kafka_bootstrap, settings.partitions, settings.kafka_prefix)
    return EmbeddedBus(settings.data_dir / "bus.db", settings.partitions)


def _identity(settings: Settings, keys: RootKeys, *, clock: Clock, limits: Limits, metrics: Metrics) -> Identity:
    if settings.oidc_issuer is not None:
        raise ConfigurationError(
            "an OIDC issuer is set, and this release signs in with its development key only",
            remedy="Unset FRONTDOOR_OIDC_ISSUER.",
        )
    return Identity(DevelopmentKey.load(settings.data_dir), roots=keys, clock=clock, limits=limits, metrics=metrics)


def _require_secrets(parts: Parts) -> None:
    """A missing secret is told at the start, and not by the first caller."""
    for config in parts.tenants.all():
        for account in config.carriers:
            for name in account.secrets:
                parts.secrets.get(name)


async def _prepare_demo(parts: Parts) -> None:
    from services.demo import credentials  # noqa: PLC0415  only a demo knows the demo

    config = load_tenant(credentials.TENANT_FILE)
    api_base = parts.settings.twilio_api_base
    config = credentials.prepare(parts.settings.data_dir, config, base_url=parts.settings.public_url, api_base=api_base)
    for _ in range(PUBLISH_ATTEMPTS_MAX - 1):  # a cluster that has only just come up may be slow to acknowledge
        with suppress(BusUnavailable):
            return await publish_tenant(parts.bus, config, parts.clock)
    return await publish_tenant(parts.bus, config, parts.clock)


# ---- processes


def _webhooks(parts: Parts) -> Process:
    return webhooks.build(
        bus=parts.bus,
        clock=parts.clock,
        tenants=parts.tenants,
        secrets=parts.secrets,
        vault=parts.vault,
        seal=UrlSeal(parts.keys),
        limits=parts.limits,
        metrics=parts.metrics,
        public_url=parts.settings.public_url,
        spool=parts.settings.data_dir / "spool",
    )


def _routing(parts: Parts) -> Process:
    settings = parts.settings
    return routing.build(
        parts.bus,
        clock=parts.clock,
        metrics=parts.metrics,
        limits=parts.limits,
        name=parts.name,
        post=Post(settings.routing_ordinal, settings.routing_count, alone=settings.bus == "embedded"),
    )


def _desktop(parts: Parts) -> Process:
    return desktop.build(
        bus=parts.bus,
        clock=parts.clock,
        identity=parts.identity,
        tenants=parts.tenants,
        vault=parts.vault,
        limits=parts.limits,
        metrics=parts.metrics,
        public_url=parts.settings.public_url,
    )


def _call_control(parts: Parts) -> Process:
    return call_control.build(
        bus=parts.bus,
        clock=parts.clock,
        tenants=parts.tenants,
        secrets=parts.secrets,
        seal=UrlSeal(parts.keys),
        limits=parts.limits,
        metrics=parts.metrics,
        public_url=parts.settings.public_url,
        twilio_api_base=parts.settings.twilio_api_base,
    )


def _records(parts: Parts) -> Process:
    assert parts.database is not None, "records opens the database"
    return records.build(bus=parts.bus, engine=parts.database, metrics=parts.metrics, limits=parts.limits)


def _console(parts: Parts) -> Process:
    assert parts.database is not None, "console opens the database"
    return console.build(
        engine=parts.database,
        clock=parts.clock,
        identity=parts.identity,
        tenants=parts.tenants,
        metrics=parts.metrics,
        settings=parts.settings,
    )


BUILDERS: Final[Mapping[str, Callable[[Parts], Process]]] = {
    "webhooks": _webhooks,
    "routing": _routing,
    "desktop": _desktop,
    "call-control": _call_control,
    "records": _records,
    "console": _console,
}


def _measured(name: str, parts: Parts) -> Process:
    """Build a process that shows how far it is behind the logs."""
    bus = FollowedBus(parts.bus)
    lag = LogLag(bus, process=name, metrics=parts.metrics, clock=parts.clock)
    process = BUILDERS[name](replace(parts, bus=bus))
    return replace(process, loops=(*process.loops, lag.keep))


def _configuration(parts: Parts) -> Process:
    """Every process keeps up with the tenants' documents."""
    return Process(name="configuration", vital=False, loops=(partial(follow_config, parts.bus, parts.tenants),))


def _application(parts: Parts, processes: Sequence[Process], readiness: Readiness) -> Direct:
    app = FastAPI(title="Frontdoor", version="0.1.0", docs_url=None, redoc_url=None)
    for process in processes:
        for routes in process.routes:
            app.include_router(routes)
    if any(process.name == "console" for process in processes):
        app.include_router(config_routes(parts.identity, parts.bus, parts.tenants, parts.clock))
    app.include_router(health_routes(parts.metrics, readiness.not_ready))
    return Direct(app, {path: endpoint for process in processes for path, endpoint in process.posts.items()})
