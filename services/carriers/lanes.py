"""A transport for httpx that keeps a fixed number of connections, one request at a time on each.

httpx's own takes a millisecond of processor time for a request: four times as much as this, which has no pool, no
choice of protocols and event loops, and a parser that is compiled. It is for one carrier's API: requests and answers
are whole, methods are GET and POST, answers are not packed.
"""

import asyncio
from typing import Final

import httpx

from services.carriers.connection import Answer, AnswerTooLarge, Connection, Origin, connect
from services.runtime.telemetry import LIMIT_REACHED, Metrics

_PORTS: Final = {"http": 80, "https": 443}


class Lanes(httpx.AsyncBaseTransport):
    """So many requests go side by side, and the next waits for a lane, at most the request's `pool` timeout.

    `connect` is for the way to the server, certificate and all; `read` for its silence after the request. A request is
    too short for a `write` of its own. Nothing is sent twice: whoever asked knows whether that does harm.

    `answer_bytes_max` is the size of an answer with its head; one that is larger is not read to its end.
    """

    def __init__(self, count: int, *, answer_bytes_max: int, metrics: Metrics) -> None:
        self._answer_bytes_max = answer_bytes_max
        self._metrics = metrics
        self._context = httpx.create_ssl_context(trust_env=False)  # 20 ms, so once for all
        self._context.set_alpn_protocols(["http/1.1"])
        self._free: asyncio.LifoQueue[Connection | None] = asyncio.LifoQueue()  # None: a lane without a connection
        for _ in range(count):
            self._free.put_nowait(None)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the whole answer, so that the lane is free again.

        Raises:
            httpx.PoolTimeout: no lane came free in time.
            httpx.ReadError: the answer is larger than it may be.
            httpx.TransportError: the kinds of `connection.connect` and `Connection.exchange`.
            httpx.DecodingError: the answer is packed, though asked for as it is.
        """
        octets, origin = _octets(request), self._origin(request.url)
        wait_s = request.extensions.get("timeout", {})
        connection = await self._lane(wait_s.get("pool"))
        try:
            if connection is None or connection.origin != origin or not connection.usable():
                if connection is not None:
                    connection.close()
                connection = await connect(
                    origin, wait_s=wait_s.get("connect"), answer_bytes_max=self._answer_bytes_max
                )
            answer = await connection.exchange(octets, silence_s=wait_s.get("read"))
        except AnswerTooLarge:
            self._metrics.count(LIMIT_REACHED, limit="carrier_answer_bytes_max")
            raise
        finally:
            self._free.put_nowait(connection)
        return _response(answer)

    def _origin(self, url: httpx.URL) -> Origin:
        if url.scheme not in _PORTS:
            raise httpx.UnsupportedProtocol("neither http nor https")
        tls = self._context if url.scheme == "https" else None
        return Origin(url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme], tls)

    async def _lane(self, wait_s: float | None) -> Connection | None:
        if not self._free.empty():
            return self._free.get_nowait()
        try:
            async with asyncio.timeout(wait_s):
                return await self._free.get()
        except TimeoutError:
            raise httpx.PoolTimeout("no connection came free") from None

    async def aclose(self) -> None:
        """Close every connection that is not in use."""
        while not self._free.empty():
            connection = self._free.get_nowait()
            if connection is not None:
                connection.close()


def _octets(request: httpx.Request) -> bytes:
    """Return a request as it goes over the wire."""
    assert request.method in {"GET", "POST"}, request.method  # an answer to HEAD would be waited for in vain
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), request.url.raw_path)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if head.count(b"\n") >= len(lines) or head.count(b"\r") >= len(lines):
        raise httpx.LocalProtocolError("a header has a line break")
    return b"%s\r\n\r\n%s" % (head, request.content)


def _response(answer: Answer) -> httpx.Response:
    if any(name.lower() == b"content-encoding" and value.lower() != b"identity" for name, value in answer.headers):
        raise httpx.DecodingError("the answer is packed")  # a few octets may stand for a great many
    return httpx.Response(answer.status, headers=answer.headers, content=answer.body)
