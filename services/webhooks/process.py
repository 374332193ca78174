"""The webhooks process: what carriers post to, and the hold music."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

from services.carriers.accounts import Accounts
from services.carriers.addresses import HOLD_MUSIC, STATUS, TURN, VOICE, CarrierAddresses
from services.carriers.twiml import MEDIA_TYPE as TWIML
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.crypto import UrlSeal, Vault
from services.runtime.facts import FactPublisher, Publishing
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.secrets_store import Secrets
from services.runtime.telemetry import WEBHOOK_SECONDS, WEBHOOKS, Metrics
from services.runtime.tenants import Tenants
from services.webhooks.callers import Callers
from services.webhooks.conversation import Answer, Conversation
from services.webhooks.edge import Edge, Rejected
from services.webhooks.gate import Busy, Gate
from services.webhooks.hold_music import MEDIA_TYPE as WAV
from services.webhooks.hold_music import hold_music
from services.webhooks.scripts import load_scripts
from services.webhooks.spool import Spool
from services.webhooks.spooling import SpoolingPublisher
from services.webhooks.statuses import Statuses
from services.webhooks.understanding import RulesOnly, Understanding

_DAY_S: Final = 86400
_NO_CONTENT: Final = 204
_UNAVAILABLE: Final = 503
Outcome = tuple[Response, str]  # and the word under which it is counted


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
    return Process(
        name="webhooks",  # always ready: a bus that is away is no reason to turn callers away
        routes=(_routes(edge, conversation, statuses, _Counted(clock, metrics)),),
        loops=(spooling.run,) if spooling else (),
        settle=spooling.drain if spooling else None,
        finish=spooling.close if spooling else None,
    )


def _routes(edge: Edge, conversation: Conversation, statuses: Statuses, counted: "_Counted") -> APIRouter:
    router = APIRouter(tags=["carriers"])

    @router.post(VOICE)
    async def voice(request: Request, h: str = "") -> Response:
        """Answer a call."""

        async def receive() -> Outcome:
            webhook = await edge.admit(request, VOICE)
            return _told(await conversation.arrive(webhook, edge.public_url + VOICE, pending=h))

        return await counted.answer(
            "voice", receive, busy=lambda: _told(conversation.unheard(edge.url(VOICE, request)))
        )

    @router.post(TURN)
    async def turn(request: Request, s: str = "", h: str = "") -> Response:
        """Take what a caller said or pressed."""

        async def receive() -> Outcome:
            webhook = await edge.admit(request, TURN)
            url = edge.public_url + TURN + (f"?s={s}" if s else "")
            return _told(await conversation.turn(webhook, url, token=s, pending=h))

        return await counted.answer("turn", receive, busy=lambda: _told(conversation.unheard(edge.url(TURN, request))))

    @router.post(STATUS)
    async def status(request: Request, s: str = "") -> Response:
        """Take what became of a leg."""

        async def receive() -> Outcome:
            webhook = await edge.admit(request, STATUS)
            outcome = await statuses.take(webhook, token=s)
            return Response(status_code=_NO_CONTENT), outcome

        return await counted.answer("status", receive, busy=lambda: (Response(status_code=_UNAVAILABLE), "busy"))

    @router.get(HOLD_MUSIC)
    async def music() -> Response:
        """Return the hold music; carriers may keep it for a day."""
        content = await asyncio.to_thread(hold_music)
        return Response(content, media_type=WAV, headers={"Cache-Control": f"public, max-age={_DAY_S}"})

    return router


def _told(answer: Answer) -> Outcome:
    return Response(answer.markup, media_type=TWIML, headers={"Cache-Control": "no-store"}), answer.outcome


class _Counted:
    """Counts requests by kind and outcome, and times them."""

    def __init__(self, clock: Clock, metrics: Metrics) -> None:
        self._clock = clock
        self._metrics = metrics

    async def answer(
        self, kind: str, receive: Callable[[], Awaitable[Outcome]], *, busy: Callable[[], Outcome]
    ) -> Response:
        started = self._clock.monotonic()
        try:
            response, outcome = await receive()
        except Rejected as rejected:
            response, outcome = Response(status_code=rejected.status), rejected.outcome
        except Busy:
            response, outcome = busy()
        self._metrics.count(WEBHOOKS, kind=kind, outcome=outcome)
        self._metrics.observe(WEBHOOK_SECONDS, self._clock.monotonic() - started, kind=kind)
        return response
