"""The short way past the web framework."""

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse

from services.runtime.direct import Direct


@pytest.fixture
def app():
    """Two posts of the framework, one of them on the short way too."""
    framework = FastAPI()

    @framework.post("/often")
    async def often() -> PlainTextResponse:
        return PlainTextResponse("the long way")

    @framework.post("/seldom")
    async def seldom() -> PlainTextResponse:
        return PlainTextResponse("the long way")

    async def short(request):
        return PlainTextResponse(f"the short way with {(await request.body()).decode()}")

    return Direct(framework, {"/often": short})


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("POST", "/often", 200, "the short way with this"),
        ("POST", "/often?query=1", 200, "the short way with this"),
        ("POST", "/seldom", 200, "the long way"),
        ("POST", "/never", 404, None),
        ("GET", "/often", 405, None),
    ],
)
async def test_posts_go_the_short_way_and_all_else_the_long_one(app, method, path, status, text):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.request(method, path, content="this")
    assert answer.status_code == status
    assert text in {None, answer.text}


async def test_sockets_go_the_long_way():
    asked = []

    async def app(scope, receive, send):
        asked.append(scope["type"])

    await Direct(app, {"/often": None})({"type": "websocket", "path": "/often"}, None, None)
    assert asked == ["websocket"]
