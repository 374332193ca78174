"""The fault proxy on real sockets."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.nemesis.proxy import Behaviour, FaultProxy


@asynccontextmanager
async def echo(greeting=b""):
    """Serve an echo, which greets first, on a free port."""

    async def serve(reader, writer):
        writer.write(greeting)
        while chunk := await reader.read(1024):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield ("127.0.0.1", server.sockets[0].getsockname()[1])


@pytest.fixture
async def upstream():
    async with echo() as address:
        yield address


@pytest.fixture
async def proxy(upstream):
    proxy = FaultProxy([upstream])
    await proxy.start()
    yield proxy
    await proxy.close()


class Client:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def ask(self, data):
        self.writer.write(data)
        return await self.reader.readexactly(len(data))


@asynccontextmanager
async def connected(proxy):
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


async def test_bytes_pass_both_ways_and_the_end_too(proxy):
    async with connected(proxy) as client:
        assert await client.ask(b"hello") == b"hello"
        client.writer.write_eof()
        assert await client.reader.read() == b""
    assert (proxy.connections, proxy.passed) == (1, 10)


async def test_a_cut_resets_what_is_open_and_lets_the_next_in(proxy):
    async with connected(proxy) as client:
        await client.ask(b"hello")
        assert proxy.cut() == 1
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.ask(b"again")
    async with connected(proxy) as client:
        assert await client.ask(b"again") == b"again"


async def test_half_open_accepts_and_never_answers_and_healing_resets(proxy):
    async with connected(proxy) as before:
        await before.ask(b"hello")
        proxy.behave(Behaviour(half_open=True))
        before.writer.write(b"lost")
        async with connected(proxy) as during:
            waiting = [asyncio.create_task(client.reader.read(1)) for client in (before, during)]
            during.writer.write(b"lost")
            async with connected(proxy):  # a whole further connection was accepted, and still nothing came
                assert not any(task.done() for task in waiting)
            proxy.heal()
            ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(end, ConnectionResetError) or end == b"" for end in ends)
    async with connected(proxy) as after:
        assert await after.ask(b"hello") == b"hello"


async def test_refusing_resets_at_once(proxy):
    proxy.behave(Behaviour(refuse=True))
    async with connected(proxy) as client:
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await client.ask(b"hello")


async def test_latency_and_throttling_hold_bytes_back_for_the_time_they_say(proxy, monkeypatch):
    held = []

    async def sleep(seconds):
        held.append(seconds)

    monkeypatch.setattr("tests.nemesis.proxy.asyncio.sleep", sleep)
    proxy.behave(Behaviour(latency_s=0.5, bytes_per_s=100))
    async with connected(proxy) as client:
        assert await client.ask(b"0123456789") == b"0123456789"
    assert held == pytest.approx([0.6, 0.6])


@pytest.mark.parametrize("direction", ["up", "down"])
async def test_one_bit_is_flipped_once_at_the_byte_that_was_named(proxy, direction):
    proxy.flip(after=2, direction=direction)
    async with connected(proxy) as client:
        assert await client.ask(b"abcd") == b"ab" + bytes([ord("c") ^ 4]) + b"d"
        assert await client.ask(b"abcd") == b"abcd"
    assert proxy.flipped == 1


async def test_a_front_takes_turns_and_passes_over_who_does_not_accept():
    async with echo(b"a") as one, echo(b"b") as two:
        gone = asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        async with await gone as server:
            dead = ("127.0.0.1", server.sockets[0].getsockname()[1])
        proxy = FaultProxy([one, dead, two])
        await proxy.start()
        greetings = []
        for _ in range(3):
            async with connected(proxy) as client:
                greetings.append(await client.reader.readexactly(1))
        assert greetings == [b"a", b"b", b"b"]
        proxy.upstreams = [dead]
        async with connected(proxy) as client:
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await client.reader.readexactly(1)
        await proxy.close()


async def test_an_upstream_may_be_a_socket_in_the_file_system(tmp_path):
    async def serve(reader, writer):
        writer.write(await reader.readexactly(2))
        writer.close()

    path = tmp_path / "s"
    async with await asyncio.start_unix_server(serve, str(path)):
        proxy = FaultProxy([path])
        await proxy.start()
        async with connected(proxy) as client:
            assert await client.ask(b"ok") == b"ok"
        await proxy.close()
