from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from services.runtime.health import health_routes
from services.runtime.telemetry import LIMIT_REACHED, Metrics


async def test_alive_ready_and_metrics() -> None:
    metrics = Metrics()
    metrics.count(LIMIT_REACHED, limit="sockets_max")
    reasons: list[str | None] = ["the bus does not answer", None]
    app = FastAPI()
    app.include_router(health_routes(metrics, lambda: reasons[0]))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:
        assert (await client.get("/healthz")).text == "ok\n"
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "the bus does not answer\n")
        reasons.pop(0)
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (200, "ok\n")
        answer = await client.get("/metrics")
        assert 'frontdoor_limit_reached_total{limit="sockets_max"} 1.0' in answer.text
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
