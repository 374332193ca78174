"""What carriers post to. Whatever becomes of a request, it is answered, counted and timed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response

from services.carriers.addresses import STATUS, TURN, VOICE
from services.carriers.twiml import MEDIA_TYPE as TWIML
from services.runtime.clock import Clock
from services.runtime.process import Endpoint
from services.runtime.telemetry import WEBHOOK_SECONDS, WEBHOOKS, Metrics
from services.webhooks.conversation import Answer, Conversation
from services.webhooks.edge import Edge, Rejected
from services.webhooks.gate import Busy
from services.webhooks.lateness import Lateness
from services.webhooks.statuses import Statuses

_NO_CONTENT: Final = 204
_UNAVAILABLE: Final = 503
_NOT_STORED: Final = {"Cache-Control": "no-store"}
Outcome = tuple[Response, str]  # and the word under which it is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Takes the carriers' requests. What is wrong with one becomes its answer, so that none of these raises."""

    edge: Edge
    conversation: Conversation
    statuses: Statuses
    lateness: Lateness
    clock: Clock
    metrics: Metrics

    async def voice(self, request: Request) -> Response:
        """Answer a call."""
        return await self._counted("voice", request, self._voice, busy=self._unheard)

    async def turn(self, request: Request) -> Response:
        """Take what a caller said or pressed."""
        return await self._counted("turn", request, self._turn, busy=self._unheard)

    async def status(self, request: Request) -> Response:
        """Take what became of a leg."""
        return await self._counted("status", request, self._status, busy=_refused)

    def posts(self) -> dict[str, Endpoint]:
        """Return the endpoints by path."""
        return {VOICE: self.voice, TURN: self.turn, STATUS: self.status}

    def router(self) -> APIRouter:
        """Return the endpoints as routes of the framework."""
        router = APIRouter(tags=["carriers"])
        for (path, endpoint), names in zip(self.posts().items(), ("h", "sh", "s"), strict=True):
            router.add_api_route(path, endpoint, methods=["POST"], openapi_extra=_described(names))
        return router

    async def _voice(self, request: Request) -> Outcome:
        self.lateness.require_time()
        webhook = await self.edge.admit(request, VOICE)
        url = self.edge.public_url + VOICE
        return _told(await self.conversation.arrive(webhook, url, pending=_query(request).get("h", "")))

    async def _turn(self, request: Request) -> Outcome:
        self.lateness.require_time()
        webhook = await self.edge.admit(request, TURN)
        query = _query(request)
        token = query.get("s", "")
        url = self.edge.public_url + TURN + (f"?s={token}" if token else "")
        return _told(await self.conversation.turn(webhook, url, token=token, pending=query.get("h", "")))

    async def _status(self, request: Request) -> Outcome:
        webhook = await self.edge.admit(request, STATUS)
        outcome = await self.statuses.take(webhook, token=_query(request).get("s", ""))
        return Response(status_code=_NO_CONTENT), outcome

    def _unheard(self, request: Request) -> Outcome:
        return _told(self.conversation.unheard(self.edge.url(request.scope["path"], request)))

    async def _counted(
        self,
        kind: str,
        request: Request,
        take: Callable[[Request], Awaitable[Outcome]],
        *,
        busy: Callable[[Request], Outcome],
    ) -> Response:
        started = self.clock.monotonic()
        try:
            response, outcome = await take(request)
        except Rejected as rejected:
            response, outcome = Response(status_code=rejected.status), rejected.outcome
        except Busy:
            response, outcome = busy(request)
        self.metrics.count(WEBHOOKS, kind=kind, outcome=outcome)
        self.metrics.observe(WEBHOOK_SECONDS, self.clock.monotonic() - started, kind=kind)
        return response


def _told(answer: Answer) -> Outcome:
    return Response(answer.markup, media_type=TWIML, headers=_NOT_STORED), answer.outcome


def _refused(_: Request) -> Outcome:
    return Response(status_code=_UNAVAILABLE), "busy"


def _query(request: Request) -> dict[str, str]:
    """Return the query's parameters, the last of each name; our tokens are made of letters that need no escape."""
    return dict(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True))


def _described(names: str) -> dict[str, Any]:
    """Describe query parameters of one letter each: endpoints read them themselves, unseen by the framework."""
    schema = {"type": "string", "default": ""}
    return {"parameters": [{"name": name, "in": "query", "required": False, "schema": schema} for name in names]}
