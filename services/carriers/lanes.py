"""A transport for httpx that keeps a fixed number of connections, one request at a time on each.

The client's own pool asks the operating system about every idle connection at every request, and each such question
gives the interpreter away to other threads. Here a request takes the lane that was used last and asks about that one.
"""

import asyncio
from typing import Self

import httpx


class Lanes(httpx.AsyncBaseTransport):
    """So many requests go side by side, and the next waits for a lane, at most the request's `pool` timeout."""

    def __init__(self, count: int) -> None:
        one = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        context = httpx.create_ssl_context(trust_env=False)  # reading the roots takes 20 ms: once for all lanes
        self._all = [httpx.AsyncHTTPTransport(verify=context, limits=one, trust_env=False) for _ in range(count)]
        self._free: asyncio.LifoQueue[httpx.AsyncHTTPTransport] = asyncio.LifoQueue()
        for lane in self._all:
            self._free.put_nowait(lane)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the whole answer, so that the lane is free again.

        Raises:
            httpx.PoolTimeout: no lane came free in time.
        """
        lane = await self._lane(request)
        try:
            response = await lane.handle_async_request(request)
            try:
                content = b"".join([chunk async for chunk in response.stream])  # type: ignore[union-attr]
            finally:
                await response.aclose()
        finally:
            self._free.put_nowait(lane)
        return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(content))

    async def _lane(self, request: httpx.Request) -> httpx.AsyncHTTPTransport:
        try:
            async with asyncio.timeout(request.extensions.get("timeout", {}).get("pool")):
                return await self._free.get()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection came free", request=request) from None

    async def __aenter__(self) -> Self:
        return self

    async def aclose(self) -> None:
        """Close every connection."""
        for lane in self._all:
            await lane.aclose()
