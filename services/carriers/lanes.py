"""A transport for httpx that keeps a fixed number of connections, one request at a time on each.

The client's own pool asks the operating system about every idle connection at every request, and each such question
gives the interpreter away to other threads. Here a request takes the lane that was used last and asks about that one.
"""

import asyncio
from typing import Final, Self

import httpx

from services.runtime.telemetry import LIMIT_REACHED, Metrics

_OF_THE_WIRE: Final = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})


class Lanes(httpx.AsyncBaseTransport):
    """So many requests go side by side, and the next waits for a lane, at most the request's `pool` timeout.

    `answer_bytes_max` is the size of an answer, unpacked; one that is larger is not read to its end.
    """

    def __init__(self, count: int, *, answer_bytes_max: int, metrics: Metrics) -> None:
        self._answer_bytes_max = answer_bytes_max
        self._metrics = metrics
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
            httpx.ReadError: the answer is larger than it may be.
        """
        lane = await self._lane(request)
        try:
            response = await lane.handle_async_request(request)
            try:
                content = await self._content(response, request)
            finally:
                await response.aclose()
        finally:
            self._free.put_nowait(lane)
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_THE_WIRE]
        return httpx.Response(response.status_code, headers=headers, stream=httpx.ByteStream(content))

    async def _content(self, response: httpx.Response, request: httpx.Request) -> bytes:
        """Read an answer and unpack it piece by piece: a few octets may stand for a great many."""
        response.request = request
        content = bytearray()
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > self._answer_bytes_max:
                self._metrics.count(LIMIT_REACHED, limit="carrier_answer_bytes_max")
                raise httpx.ReadError("the answer is too large", request=request)
        return bytes(content)

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
