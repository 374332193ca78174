"""The short way to endpoints that are asked all the time, past the layers of the web framework.

Between a request and its endpoint FastAPI looks through the routes, opens stacks of contexts and solves dependencies.
An endpoint that reads its own request and answers every failure needs none of it, and a webhook costs half without.
"""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.runtime.process import Endpoint


class Direct:
    """An ASGI application that serves `posts`, by exact path, itself; `app` serves everything else."""

    def __init__(self, app: ASGIApp, posts: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._posts = posts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        endpoint = self._posts.get(scope["path"]) if scope.get("method") == "POST" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)
