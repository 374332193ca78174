"""One connection to a web server: a request goes out as it stands, and its whole answer comes back.

An asyncio protocol around llhttp (`httptools`), for requests of a few kilobytes and answers that fit into memory. The
layers of httpx's own transport take several times the processor time.
"""

import asyncio
import select
import socket
import ssl
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

import httptools
import httpx

HEAD_BYTES_MAX: Final = 64 * 1024
_IDLE_S_MAX: Final = 5.0  # servers, and what stands before them, forget connections that are silent for long
_ADDRESSES_MAX: Final = 4  # of one host; each gets its share of the time, so that a dead one does not use it up
_FINAL: Final = 200  # a lower status is only a word in between
_LENGTHS: Final = frozenset({b"content-length", b"transfer-encoding"})


class Origin(NamedTuple):
    """Whom a connection is to; `tls` is None where what is said may be read on the way."""

    host: str
    port: int
    tls: ssl.SSLContext | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, as it came, without the framing."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class AnswerTooLarge(httpx.ReadError):
    """An answer has more octets than it may have; it was not read to its end."""


async def connect(origin: Origin, *, wait_s: float | None, answer_bytes_max: int) -> "Connection":
    """Return a new connection, its certificate verified.

    Raises:
        httpx.ConnectTimeout: it was not there after `wait_s`.
        httpx.ConnectError: nobody answers there, or somebody else does.
    """
    connection = Connection(origin, answer_bytes_max=answer_bytes_max)
    try:
        async with asyncio.timeout(wait_s):
            sock = await _reach(origin.host, origin.port, wait_s)
            try:
                await asyncio.get_running_loop().create_connection(
                    lambda: connection, sock=sock, ssl=origin.tls, server_hostname=origin.host if origin.tls else None
                )
            except BaseException:
                sock.close()
                raise
    except TimeoutError:
        raise httpx.ConnectTimeout("no connection in time") from None
    except OSError as error:  # those of TLS too
        raise httpx.ConnectError(type(error).__name__) from None
    return connection


class Connection(asyncio.Protocol):
    """One request at a time. Whatever goes wrong closes it, and nothing is sent a second time.

    `answer_bytes_max` is of all that is received for one request, head and framing included.
    """

    def __init__(self, origin: Origin, *, answer_bytes_max: int) -> None:
        self.origin: Final = origin
        self._bytes_max = answer_bytes_max
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._open = False
        self._unread = select.poll()
        self._parsing = _Parsing()
        self._answer: asyncio.Future[Answer] | None = None  # while a request is under way
        self._heard_at = 0.0
        self._silence: asyncio.TimerHandle | None = None

    def usable(self) -> bool:
        """Return whether the server waits for another request, as far as can be known without sending it."""
        if not self._open or self._transport.is_closing() or self._loop.time() - self._heard_at > _IDLE_S_MAX:
            return False
        return not self._unread.poll(0)  # what comes between two requests is a farewell

    async def exchange(self, request: bytes, *, silence_s: float | None) -> Answer:
        """Send a request and return its answer. `silence_s` is how long the server may say nothing.

        Raises:
            httpx.ReadTimeout: it was silent for longer.
            httpx.RemoteProtocolError: it closed the connection, or what it says is no HTTP.
            AnswerTooLarge: see above.
        """
        self._parsing.begin()
        self._answer = self._loop.create_future()
        self._heard_at = self._loop.time()
        self._transport.write(request)
        if silence_s is not None:
            self._silence = self._loop.call_later(silence_s, self._listen, silence_s)
        try:
            return await self._answer
        except BaseException:
            self.close()
            raise
        finally:
            self._answer = None
            if self._silence is not None:
                self._silence.cancel()
            if not self._parsing.reusable:
                self.close()

    def close(self) -> None:
        """Close it at once; a request that is under way fails."""
        self._open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the way to the server: the loop calls this once."""
        self._transport = cast("asyncio.Transport", transport)
        self._unread.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._heard_at = self._loop.time()
        self._open = True

    def data_received(self, data: bytes) -> None:
        """Take what has come: the loop calls this."""
        if self._answer is None:
            self.close()  # nobody asked
            return
        self._heard_at = self._loop.time()
        parsing = self._parsing
        try:
            parsing.feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(httpx.RemoteProtocolError("the answer is no HTTP"))
            return
        if parsing.octets > self._bytes_max:
            self._fail(AnswerTooLarge("the answer is too large"))
        elif parsing.complete:
            self._finish()
        elif not parsing.head_complete and parsing.octets > HEAD_BYTES_MAX:
            self._fail(httpx.RemoteProtocolError("the answer's head is too large"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the way is closed: the loop calls this once."""
        self._open = False
        if exc is None and self._parsing.ends_with_connection:
            self._finish()
        else:
            self._fail(httpx.RemoteProtocolError("the connection was closed before the end of the answer"))

    def _finish(self) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._parsing.answer())

    def _fail(self, error: httpx.TransportError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _listen(self, silence_s: float) -> None:
        """Fail after silence; if something was said meanwhile, listen on."""
        left_s = self._heard_at + silence_s - self._loop.time()
        if left_s <= 0:
            self._fail(httpx.ReadTimeout("the server is silent"))
        else:
            self._silence = self._loop.call_later(left_s, self._listen, silence_s)


class _Parsing:
    """What has been found so far of one answer. The parser calls `on_...`."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        """Begin another answer."""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self.octets = 0
        self.head_complete = False
        self.complete = False
        self.reusable = False

    def feed(self, data: bytes) -> None:
        self.octets += len(data)
        self._parser.feed_data(data)

    def answer(self) -> Answer:
        return Answer(self._parser.get_status_code(), self._headers, bytes(self._body))

    @property
    def ends_with_connection(self) -> bool:
        """Whether the answer has no length, so that it is whole when the server closes the connection."""
        return self.head_complete and not any(name.lower() in _LENGTHS for name, _ in self._headers)

    def on_message_begin(self) -> None:
        if self.complete:
            raise httptools.HttpParserError("a second answer to one request")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self.head_complete = True

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < _FINAL:
            self._headers.clear()
            self.head_complete = False
            return
        self.complete = True
        self.reusable = self._parser.should_keep_alive()


async def _reach(host: str, port: int, wait_s: float | None) -> socket.socket:
    """Return a socket that is connected to one of a host's addresses."""
    loop = asyncio.get_running_loop()
    found = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[:_ADDRESSES_MAX]
    failure: OSError = OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(None if wait_s is None else wait_s / len(found)):
                await loop.sock_connect(sock, address)
                return sock
        except OSError as error:  # TimeoutError is one
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
    raise failure
