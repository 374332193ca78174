"""A connection against servers on real sockets that say exactly what a test tells them to."""

import asyncio
import socket
import ssl

import httpx
import pytest

from services.carriers.connection import HEAD_BYTES_MAX, AnswerTooLarge, Connection, Origin, _reach, connect

BYTES_MAX = 256 * 1024
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Says the next of `script` after each request; `None` closes the connection, an event is waited for."""

    def __init__(self):
        self.script = []
        self.requests = 0
        self.connections = 0
        self.reached = asyncio.Event()
        self.over = asyncio.Event()  # a connection was closed by whichever side
        self.writers = []

    async def serve(self, reader, writer):
        self.connections += 1
        self.writers.append(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.requests += 1
                self.reached.set()
                for part in self.script.pop(0):
                    if part is None:
                        return
                    if isinstance(part, asyncio.Event):
                        await part.wait()
                    else:
                        writer.write(part)
                        await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.over.set()


@pytest.fixture
async def server():
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    for writer in server.writers:
        writer.close()


@pytest.fixture
async def connection(server):
    connection = await connect(Origin("127.0.0.1", server.port, None), wait_s=5, answer_bytes_max=BYTES_MAX)
    yield connection
    connection.close()
    await asyncio.sleep(0)  # the loop closes sockets in its next round


class Wire(asyncio.Transport):
    """Takes what is written, and leads nowhere."""

    def __init__(self):
        super().__init__({"socket": socket.socket()})

    def write(self, data):
        pass

    def is_closing(self):
        return False

    def abort(self):
        self.get_extra_info("socket").close()


@pytest.fixture
async def wired():
    """A connection that a test feeds itself, and a request that is under way on it."""
    connection = Connection(Origin("x", 80, None), answer_bytes_max=BYTES_MAX)
    connection.connection_made(Wire())
    asked = asyncio.create_task(connection.exchange(REQUEST, silence_s=None))
    await asyncio.sleep(0)
    yield connection, asked
    connection.close()


@pytest.fixture
def ask(server, connection):
    """Ask once, of a server that says these parts."""

    async def ask(*parts, silence_s=5.0):
        server.script.append(parts)
        return await connection.exchange(REQUEST, silence_s=silence_s)

    return ask


CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\n\r\n",
    b"4;extension=1\r\nwhol\r\n1\r\ne\r\n0\r\nX-Trailer: 2\r\n\r\n",
)


async def test_an_answer_with_a_length(ask, connection):
    answer = await ask(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nX-One: 1\r\nX-One: 2\r\n\r\ngone")
    assert (answer.status, answer.body) == (404, b"gone")
    assert answer.headers == [(b"Content-Length", b"4"), (b"X-One", b"1"), (b"X-One", b"2")]
    assert connection.usable()


async def test_an_answer_in_chunks(ask, connection):
    answer = await ask(*CHUNKED)
    assert (answer.status, answer.body) == (201, b"whole")
    assert (await ask(PLAIN)).body == b"ok"


@pytest.mark.parametrize("whole", [PLAIN, b"".join(CHUNKED)])
async def test_an_answer_octet_by_octet(wired, whole):
    connection, asked = wired
    for octet in whole:
        assert not asked.done()
        connection.data_received(bytes([octet]))
    assert (await asked).body in {b"ok", b"whole"}


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_that_has_no_body(ask, status):
    assert (await ask(b"HTTP/1.1 %s\r\n\r\n" % status)).body == b""
    assert (await ask(PLAIN)).body == b"ok"


async def test_words_in_between_are_passed_over(ask):
    early = b"HTTP/1.1 100 Continue\r\nX-One: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    answer = await ask(early + PLAIN)
    assert (answer.status, answer.headers, answer.body) == (200, [(b"Content-Length", b"2")], b"ok")


async def test_an_answer_without_a_length_ends_with_the_connection(ask, connection):
    answer = await ask(b"HTTP/1.1 200 OK\r\n\r\n", b"to the ", b"end", None)
    assert answer.body == b"to the end"
    assert not connection.usable()


@pytest.mark.parametrize(
    "part",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", b"HTTP/1.1 100 Continue\r\n\r\n"],
)  # fmt: skip
async def test_an_answer_that_is_cut_is_a_failure_and_is_not_asked_for_again(ask, server, connection, part):
    with pytest.raises(httpx.RemoteProtocolError, match="closed"):
        await ask(part, None)
    assert not connection.usable()
    assert (server.requests, server.connections) == (1, 1)


@pytest.mark.parametrize(
    "part",
    [b"220 smtp.example ESMTP\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
     b"HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
     b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nxx"],
)  # fmt: skip
async def test_what_is_no_http_is_a_failure(ask, connection, part):
    with pytest.raises(httpx.RemoteProtocolError, match="no HTTP"):
        await ask(part)
    assert not connection.usable()


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n", b"x" * 2 * BYTES_MAX),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * BYTES_MAX),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 2 * BYTES_MAX),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"x" * 2 * BYTES_MAX),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 2 * BYTES_MAX),
    ],
    ids=["length", "chunks", "extension", "trailer", "no length"],
)
async def test_an_answer_that_is_too_large_is_not_read_to_its_end(ask, connection, parts):
    with pytest.raises(AnswerTooLarge):
        await ask(*parts)
    assert not connection.usable()


@pytest.mark.parametrize("line", [b"X: 1\r\n", b"X", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["lines", "line", "words"])
async def test_a_head_without_end_is_a_failure(wired, line):
    connection, asked = wired
    connection.data_received(b"" if line.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n")
    for _ in range(HEAD_BYTES_MAX // len(line)):
        connection.data_received(line)
    connection.data_received(line)
    with pytest.raises(httpx.RemoteProtocolError, match="head"):
        await asked


# ---- used again, or not


async def test_requests_share_the_connection(ask, server):
    for _ in range(3):
        assert (await ask(PLAIN)).body == b"ok"
    assert (server.requests, server.connections) == (3, 1)


@pytest.mark.parametrize(
    "last",
    [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
     b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
)  # fmt: skip
async def test_a_server_may_say_that_it_was_the_last(ask, connection, last):
    assert (await ask(last)).body == b"ok"
    assert not connection.usable()


async def test_a_farewell_is_noticed_before_the_loop_has_read_it(ask, server, connection):
    await ask(PLAIN, None)
    await server.over.wait()
    assert not connection.usable()


async def test_a_second_answer_to_one_request_is_not_taken_for_the_next(ask, connection):
    with pytest.raises(httpx.RemoteProtocolError):
        await ask(PLAIN + PLAIN)
    assert not connection.usable()


async def test_what_comes_between_two_requests_closes_it(ask, server, connection):
    await ask(PLAIN)
    server.writers[0].write(PLAIN)
    await server.over.wait()  # since we closed it
    assert not connection.usable()


async def test_one_that_was_silent_for_long_is_not_used_again(ask, connection):
    await ask(PLAIN)
    connection._heard_at -= 4
    assert connection.usable()
    connection._heard_at -= 2
    assert not connection.usable()


async def test_who_gives_up_closes_it(server, connection):
    server.script.append([asyncio.Event()])
    asked = asyncio.create_task(connection.exchange(REQUEST, silence_s=5))
    await server.reached.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not connection.usable()


# ---- time


async def test_silence_is_a_failure(ask, connection):
    with pytest.raises(httpx.ReadTimeout):
        await ask(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", asyncio.Event(), silence_s=0.01)
    assert not connection.usable()


async def test_who_says_something_is_listened_to(wired):
    connection, asked = wired
    connection._heard_at = asyncio.get_running_loop().time() - 4
    connection._listen(5)
    await asyncio.sleep(0)
    assert not asked.done()
    connection._heard_at -= 2
    connection._listen(5)
    with pytest.raises(httpx.ReadTimeout):
        await asked


# ---- the way there


async def test_nobody_is_there():
    with pytest.raises(httpx.ConnectError):
        await connect(Origin("127.0.0.1", 1, None), wait_s=5, answer_bytes_max=1)


async def test_a_name_that_nobody_has():
    with pytest.raises(httpx.ConnectError):
        await connect(Origin("nobody.invalid", 80, None), wait_s=5, answer_bytes_max=1)


async def test_an_address_that_is_dead_does_not_use_up_the_time(server, monkeypatch):
    tried = []

    class Loop:
        async def getaddrinfo(self, host, port, **kind):
            return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (f"127.0.0.{last}", port)) for last in (2, 3, 1)]

        async def sock_connect(self, sock, address):
            tried.append((sock, address[0]))
            if address[0].endswith(".2"):
                await asyncio.Event().wait()
            if address[0].endswith(".3"):
                raise ConnectionRefusedError

    monkeypatch.setattr(asyncio, "get_running_loop", Loop)
    sock = await _reach("x", 80, 0.03)
    assert [address for _, address in tried] == ["127.0.0.2", "127.0.0.3", "127.0.0.1"]
    assert [one.fileno() for one, _ in tried[:2]] == [-1, -1]
    assert sock is tried[2][0]
    sock.close()


async def test_all_addresses_dead_is_a_failure_in_time(server, monkeypatch):
    async def never(*_):
        await asyncio.Event().wait()

    monkeypatch.setattr("services.carriers.connection._reach", never)
    with pytest.raises(httpx.ConnectTimeout):
        await connect(Origin("127.0.0.1", server.port, None), wait_s=0.01, answer_bytes_max=1)


# ---- TLS


@pytest.fixture
async def safe(authority):
    """A server that speaks TLS."""
    server = Server()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    yield server
    listening.close()
    for writer in server.writers:
        writer.transport.abort()
    await asyncio.sleep(0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_tls_with_a_certificate_that_is_known(safe, authority, host, monkeypatch):
    safe.script = [[PLAIN], [PLAIN, None]]
    context = ssl.create_default_context(cafile=authority)
    connection = await connect(Origin(host, safe.port, context), wait_s=5, answer_bytes_max=BYTES_MAX)
    lost = asyncio.Event()

    def note(reason):
        Connection.connection_lost(connection, reason)
        lost.set()

    monkeypatch.setattr(connection, "connection_lost", note)
    assert (await connection.exchange(REQUEST, silence_s=5)).body == b"ok"
    assert connection.usable()
    assert (await connection.exchange(REQUEST, silence_s=5)).body == b"ok"
    await lost.wait()
    assert not connection.usable()
    assert safe.connections == 1


async def test_tls_with_a_certificate_that_nobody_knows(safe):
    with pytest.raises(httpx.ConnectError):
        await connect(
            Origin("127.0.0.1", safe.port, httpx.create_ssl_context(trust_env=False)), wait_s=5, answer_bytes_max=1
        )
    assert safe.requests == 0


async def test_tls_with_a_certificate_of_somebody_else(safe, authority, monkeypatch):
    context = ssl.create_default_context(cafile=authority)
    monkeypatch.setattr(
        "services.carriers.connection._reach", lambda _, port, wait_s: _reach("127.0.0.1", port, wait_s)
    )
    with pytest.raises(httpx.ConnectError):
        await connect(Origin("api.example", safe.port, context), wait_s=5, answer_bytes_max=1)
    assert safe.requests == 0


async def test_a_server_that_does_not_greet(server, authority):
    context = ssl.create_default_context(cafile=authority)
    with pytest.raises(httpx.ConnectTimeout):
        await connect(Origin("127.0.0.1", server.port, context), wait_s=0.05, answer_bytes_max=1)


async def test_a_server_that_speaks_no_tls(server, authority):
    async def speak(reader, writer):
        writer.write(PLAIN)
        await reader.read(1)
        writer.close()

    listening = await asyncio.start_server(speak, "127.0.0.1", 0)
    origin = Origin("127.0.0.1", listening.sockets[0].getsockname()[1], ssl.create_default_context(cafile=authority))
    with pytest.raises(httpx.ConnectError):
        await connect(origin, wait_s=5, answer_bytes_max=1)
    listening.close()
