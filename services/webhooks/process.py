"""The webhooks process: what carriers post to, and the hold music."""

import asyncio
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response

from services.carriers.accounts import Accounts
from services.carriers.addresses import HOLD_MUSIC, CarrierAddresses
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.crypto import UrlSeal, Vault
from services.runtime.facts import FactPublisher, Publishing
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.secrets_store import Secrets
from services.runtime.telemetry import Metrics
from services.runtime.tenants import Tenants
from services.webhooks.callers import Callers
from services.webhooks.conversation import Conversation
from services.webhooks.edge import Edge
from services.webhooks.endpoints import Endpoints
from services.webhooks.gate import Gate
from services.webhooks.hold_music import MEDIA_TYPE as WAV
from services.webhooks.hold_music import hold_music
from services.webhooks.lateness import Lateness
from services.webhooks.scripts import load_scripts
from services.webhooks.spool import Spool
from services.webhooks.spooling import SpoolingPublisher
from services.webhooks.statuses import Statuses
from services.webhooks.understanding import RulesOnly, Understanding

_DAY_S: Final = 86400


def build(
    *,
    bus: Bus,
    clock: Clock,
    tenants: Tenants,
    secrets: Secrets,
    vault: Vault,
    seal: UrlSeal,
    limits: Limits,
    metrics: Metrics,
    public_url: str,
    understanding: Understanding | None = None,
    spool: Path | None = None,
) -> Process:
    """Return the process. Facts wait in the folder `spool` while the bus is away; None: callers hear it at once.

    Raises:
        ConfigurationError: a flow or a prompt is broken, or nothing can be written into the folder.
    """
    spooling: SpoolingPublisher | None = None
    if spool is not None:
        waiting = Spool(spool, bus.partitions, clock=clock, limits=limits, metrics=metrics)
        spooling = SpoolingPublisher(bus, waiting, clock, limits=limits, metrics=metrics)
    publisher: Publishing = spooling or FactPublisher(bus, clock, limits=limits, metrics=metrics)
    addresses = CarrierAddresses(public_url, seal)
    callers = Callers(tenants, addresses)
    conversation = Conversation(
        callers=callers,
        addresses=addresses,
        scripts=load_scripts(),
        understanding=understanding or RulesOnly(),
        publisher=publisher,
        vault=vault,
        clock=clock,
        limits=limits,
        under_way=Gate("webhook_turns_max", limits.webhook_turns_max, metrics),
    )
    statuses = Statuses(
        callers=callers,
        tenants=tenants,
        addresses=addresses,
        publisher=publisher,
        clock=clock,
        limits=limits,
        under_way=Gate("webhook_statuses_max", limits.webhook_statuses_max, metrics),
    )
    bodies = Gate("webhook_bodies_max", limits.webhook_bodies_max, metrics)
    edge = Edge(Accounts(tenants, secrets, clock), public_url, limits, bodies)
    lateness = Lateness(clock, limits=limits, metrics=metrics)
    endpoints = Endpoints(
        edge=edge, conversation=conversation, statuses=statuses, lateness=lateness, clock=clock, metrics=metrics
    )
    return Process(
        name="webhooks",  # always ready: a bus that is away is no reason to turn callers away
        routes=(endpoints.router(), _media()),
        posts=endpoints.posts(),
        loops=(lateness.keep_measuring, *([spooling.run] if spooling else [])),
        settle=spooling.drain if spooling else None,
        finish=spooling.close if spooling else None,
    )


def _media() -> APIRouter:
    router = APIRouter(tags=["carriers"])

    @router.get(HOLD_MUSIC)
    async def music() -> Response:
        """Return the hold music; carriers may keep it for a day."""
        content = await asyncio.to_thread(hold_music)
        return Response(content, media_type=WAV, headers={"Cache-Control": f"public, max-age={_DAY_S}"})

    return router
