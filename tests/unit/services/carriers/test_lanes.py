"""A fixed number of connections, one request at a time on each."""

import asyncio
import gzip
import ssl

import httpx
import pytest

from services.carriers.lanes import Lanes
from services.runtime.telemetry import LIMIT_REACHED, Metrics

BYTES_MAX = 64 * 1024


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def lanes(metrics):
    return lambda count: Lanes(count, answer_bytes_max=BYTES_MAX, metrics=metrics)


@pytest.fixture
async def server():
    """Echo the path; count connections and how many requests are under way; `/slow` waits for `release`."""
    state = {
        "connections": 0,
        "now": 0,
        "most": 0,
        "release": asyncio.Event(),
        "reached": asyncio.Event(),
        "heads": [],
        "closed": asyncio.Event(),
    }

    async def serve(reader, writer):
        state["connections"] += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            state["now"] += 1
            state["heads"].append(head)
            state["most"] = max(state["most"], state["now"])
            path = head.split()[1]
            if path == b"/slow":
                state["reached"].set()
                await state["release"].wait()
            state["now"] -= 1
            if path == b"/large":
                await write_without_end(writer)
            if path == b"/packed":
                packed = gzip.compress(b"packed")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed))
                writer.write(packed)
                continue
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))
            await writer.drain()
            if path == b"/last":
                return

    async def connected(reader, writer):
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            state["closed"].set()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    state["url"] = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield state
    state["release"].set()
    listening.close()


async def write_without_end(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"400\r\n%s\r\n" % (b"x" * 1024))
        await writer.drain()


async def test_requests_share_connections_and_answers_are_whole(server, lanes):
    async with httpx.AsyncClient(transport=lanes(2), base_url=server["url"]) as client:
        answers = await asyncio.gather(*(client.get(f"/{n}") for n in range(20)))
    assert [answer.text for answer in answers] == [f"/{n}" for n in range(20)]
    assert server["most"] <= 2
    assert server["connections"] <= 2


async def test_one_after_another_use_the_same_connection(server, lanes):
    async with httpx.AsyncClient(transport=lanes(8), base_url=server["url"]) as client:
        for n in range(5):
            await client.get(f"/{n}")
    assert server["connections"] == 1


async def test_who_waits_too_long_for_a_lane_is_told(server, lanes):
    timeout = httpx.Timeout(20, pool=0.01)
    async with httpx.AsyncClient(transport=lanes(1), base_url=server["url"], timeout=timeout) as client:
        slow = asyncio.create_task(client.get("/slow"))
        await server["reached"].wait()
        with pytest.raises(httpx.PoolTimeout):
            await client.get("/next")
        server["release"].set()
        assert (await slow).text == "/slow"
        assert (await client.get("/after")).text == "/after"


async def test_a_request_that_failed_gives_its_lane_back(lanes):
    async with httpx.AsyncClient(transport=lanes(1)) as client:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:1/")


async def test_an_answer_beyond_the_limit_is_not_read_to_its_end(server, lanes, metrics):
    async with httpx.AsyncClient(transport=lanes(1), base_url=server["url"]) as client:
        with pytest.raises(httpx.ReadError):
            await client.get("/large")
        assert metrics.value(LIMIT_REACHED, limit="carrier_answer_bytes_max") == 1
        assert (await client.get("/after")).text == "/after"


async def test_an_answer_that_is_packed_is_not_unpacked(server, lanes):
    async with httpx.AsyncClient(transport=lanes(1), base_url=server["url"]) as client:
        with pytest.raises(httpx.DecodingError):
            await client.get("/packed")
        assert (await client.get("/after")).text == "/after"
    assert server["connections"] == 1


async def test_a_connection_that_the_server_closed_is_replaced(server, lanes):
    async with httpx.AsyncClient(transport=lanes(1), base_url=server["url"]) as client:
        assert (await client.post("/last")).text == "/last"
        await server["closed"].wait()
        assert (await client.post("/after")).text == "/after"
    assert (server["connections"], len(server["heads"])) == (2, 2)


async def test_what_goes_over_the_wire(server, lanes):
    transport = lanes(1)
    headers = [(b"Accept", b"application/json"), (b"Authorization", b"Basic QQ==")]
    request = httpx.Request("POST", f"{server['url']}/a%20b?c=d", headers=headers, content=b"e=f")
    assert (await transport.handle_async_request(request)).text == "/a%20b?c=d"
    await transport.aclose()
    host = server["url"].removeprefix("http://")
    assert server["heads"][0].decode().split("\r\n") == [
        "POST /a%20b?c=d HTTP/1.1",
        f"Host: {host}",
        "Accept: application/json",
        "Authorization: Basic QQ==",
        "Content-Length: 3",
        "",
        "",
    ]


@pytest.mark.parametrize("value", [b"a\r\nX: 1", b"a\nX: 1", b"a\rX: 1"])
async def test_a_header_cannot_bring_another(server, lanes, value):
    request = httpx.Request("GET", server["url"], headers=[(b"X", value)])
    with pytest.raises(httpx.LocalProtocolError):
        await lanes(1).handle_async_request(request)
    assert server["connections"] == 0


async def test_what_is_neither_http_nor_https(lanes):
    with pytest.raises(httpx.UnsupportedProtocol):
        await lanes(1).handle_async_request(httpx.Request("GET", "ftp://127.0.0.1/"))


async def test_a_connection_is_used_for_its_own_server_only(server, lanes):
    transport = lanes(1)
    other = server["url"].replace("127.0.0.1", "localhost")
    for url in (server["url"], other, other):
        await transport.handle_async_request(httpx.Request("GET", url))
    await transport.aclose()
    assert server["connections"] == 2


@pytest.mark.parametrize("known", [True, False])
async def test_a_server_has_to_prove_who_it_is(authority, lanes, monkeypatch, known):
    async def greet(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await reader.read()
        writer.transport.abort()

    if known:
        monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: ssl.create_default_context(cafile=authority))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority)
    listening = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)
    transport = lanes(1)
    request = httpx.Request("GET", f"https://localhost:{listening.sockets[0].getsockname()[1]}/")
    if known:
        assert (await transport.handle_async_request(request)).text == "hello"
    else:
        with pytest.raises(httpx.ConnectError):
            await transport.handle_async_request(request)
    await transport.aclose()
    listening.close()
    await asyncio.sleep(0)
