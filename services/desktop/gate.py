"""Who may open a socket: a page of our own origin or a program, with a ticket that is good once, for a known agent."""

import asyncio
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers, QueryParams
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

from agent_gateway.desk import Offer
from agent_gateway.session import Session, SessionLimits
from schemas.errors import Unsealable
from schemas.gateway_frames import CloseCode
from schemas.ids import SessionId
from schemas.tenant_config import Agent, TenantConfig
from services.desktop.link import Link
from services.desktop.relay import Relay
from services.runtime.clock import Clock
from services.runtime.crypto import Vault
from services.runtime.identity import Identity, NotAuthenticated
from services.runtime.ids import new_id
from services.runtime.limits import Limits
from services.runtime.telemetry import DESKTOP_REFUSED, LIMIT_REACHED, SCREEN_POP_FAILED, Metrics, get_logger
from services.runtime.tenants import Tenants

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})

_log = get_logger(__name__)


class _Origin(NamedTuple):
    scheme: str
    host: str | None
    port: int | None


class Gate:
    """Lets desktops in and serves each of them until its socket closes."""

    def __init__(
        self,
        relay: Relay,
        *,
        public_url: str,
        identity: Identity,
        tenants: Tenants,
        vault: Vault,
        clock: Clock,
        limits: Limits,
        metrics: Metrics,
    ) -> None:
        self._relay = relay
        self._origin = _origin(public_url)
        self._identity = identity
        self._tenants = tenants
        self._vault = vault
        self._clock = clock
        self._limits = limits
        self._metrics = metrics
        self._session_limits = SessionLimits(
            frame_bytes_max=limits.frame_bytes_max,
            unsent_frames_max=limits.unsent_frames_max,
            frames_per_s_max=limits.frames_per_s_max,
            frames_burst_max=limits.frames_burst_max,
            hello_s=limits.hello_s,
            ping_s=limits.ping_s,
        )

    async def serve(self, socket: WebSocket) -> None:
        """Serve one socket from its handshake to its end."""
        if not self.allows(Headers(scope=socket.scope).get("origin")):
            self._metrics.count(DESKTOP_REFUSED, reason="origin")
            await socket.close()  # before accepting: the browser sees 403
        elif self._relay.full:
            self._metrics.count(LIMIT_REACHED, limit="sockets_max")
            await socket.send_denial_response(PlainTextResponse("full\n", 503))
        else:
            await socket.accept()
            known = self._known(socket)
            if known is None:
                self._metrics.count(DESKTOP_REFUSED, reason="ticket")
                await socket.close(CloseCode.BAD_TICKET, "bad ticket")
            elif not await self._welcoming():
                self._metrics.count(DESKTOP_REFUSED, reason="not_ready")
                await socket.close(CloseCode.RESTARTING, "not ready")
            else:
                await self._converse(self._link(socket, *known))

    def allows(self, origin: str | None) -> bool:
        """Say whether a page of this origin may connect (ASVS 5.0, 4.4.2). A program sends none.

        All names of this machine are one origin here: whoever opens `localhost` has the page of `127.0.0.1`.
        """
        if origin is None:
            return True
        asking = _origin(origin)
        if asking == self._origin:
            return True
        local = {asking.host, self._origin.host} <= _LOOPBACK
        return local and asking._replace(host=None) == self._origin._replace(host=None)

    def _known(self, socket: WebSocket) -> tuple[TenantConfig, Agent] | None:
        try:
            principal = self._identity.redeem(QueryParams(socket.scope["query_string"]).get("ticket", ""))
        except NotAuthenticated:
            return None
        known = self._tenants.agent(principal.subject)
        return known if known is not None and principal.tenant in {None, known[0].tenant} else None

    async def _welcoming(self) -> bool:
        try:
            async with asyncio.timeout(self._limits.catch_up_s):
                await self._relay.caught_up.wait()
        except TimeoutError:
            self._metrics.count(LIMIT_REACHED, limit="catch_up_s")
        return self._relay.welcoming

    def _link(self, socket: WebSocket, config: TenantConfig, agent: Agent) -> Link:
        session = Session(
            SessionId(new_id()),
            agent.agent_id,
            name=agent.name,
            book=self._relay.book,
            screen_pop=self._screen_pop,
            now=self._clock.monotonic(),
            limits=self._session_limits,
        )
        return Link(socket, session, tenant=config.tenant, cell=config.cell, clock=self._clock)

    async def _converse(self, link: Link) -> None:
        session = link.session
        self._relay.add(link)
        _log.info("desktop.opened", agent_id=session.agent_id, session_id=session.session_id)
        try:
            while (message := await link.listen()) is not None:
                await self._relay.heard(link, message)
        except asyncio.CancelledError:
            if not link.gave_up():
                raise
        finally:
            await link.finish()
            await self._relay.remove(link)
            code = session.close_requested.code if session.close_requested else None
            _log.info("desktop.closed", agent_id=session.agent_id, session_id=session.session_id, status=code)

    def _screen_pop(self, offer: Offer) -> dict[str, Any]:
        if offer.sealed is None:
            return {}
        try:
            return self._vault.open(offer.tenant, offer.view.contact_id, offer.sealed)
        except Unsealable:
            self._metrics.count(SCREEN_POP_FAILED)
            _log.warning("desktop.screen_pop_failed", contact_id=offer.view.contact_id, tenant=offer.tenant)
            return {}


def _origin(url: str) -> _Origin:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # such as a port that is no number
        return _Origin("", None, None)
    return _Origin(parts.scheme, parts.hostname, port)
