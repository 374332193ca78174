"""What operators and orchestrators ask of every process."""

from collections.abc import Callable
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from services.runtime.telemetry import Metrics

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def health_routes(metrics: Metrics, not_ready: Callable[[], str | None]) -> APIRouter:
    """Return /healthz (alive), /readyz (wants traffic; 503 and the reason if not) and /metrics."""
    router = APIRouter(tags=["operations"])

    @router.get("/healthz", response_class=PlainTextResponse)
    async def alive() -> str:
        return "ok\n"

    @router.get("/readyz", response_class=PlainTextResponse)
    async def ready() -> PlainTextResponse:
        reason = not_ready()
        return PlainTextResponse(f"{reason or 'ok'}\n", 503 if reason else 200)

    @router.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.render(), media_type=METRICS_TYPE)

    return router
