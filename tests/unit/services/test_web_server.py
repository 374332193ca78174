"""Who stands outside is let in, all of them at a time."""

import asyncio
import socket
from contextlib import closing

import pytest
from starlette.responses import PlainTextResponse

from services import web_server
from services.web_server import WebServer

CALLERS = 5


@pytest.fixture
async def outside():
    """A server that has not looked at its door yet, its listener, and callers who have sent a request."""
    server = WebServer(PlainTextResponse("come in"))
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.setblocking(False)
        callers = [await asyncio.open_connection(*listener.getsockname()) for _ in range(CALLERS)]
        for _, writer in callers:
            writer.write(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        yield server, listener, callers
        for _, writer in callers:
            writer.close()


async def test_all_are_let_in_and_served(outside):
    server, listener, callers = outside
    server._let_in(listener)
    answers = [await asyncio.wait_for(reader.read(), 10) for reader, _ in callers]
    assert all(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"come in") for answer in answers)
    server._let_in(listener)  # nobody is there
    assert not server._entering


async def test_not_more_than_so_many_at_a_time(outside, monkeypatch):
    monkeypatch.setattr(web_server, "LET_IN_MAX", 2)
    server, listener, _ = outside
    entering = []
    for _ in range(3):
        server._let_in(listener)
        entering.append(len(server._entering))
        await asyncio.gather(*server._entering)
    assert entering == [2, 2, 1]


async def test_a_server_that_ends_lets_nobody_in_any_more(monkeypatch):
    monkeypatch.setattr(web_server, "LOOK_S", 0.0)
    server = WebServer(PlainTextResponse("come in"))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        assert (await asyncio.wait_for(reader.read(), 10)).endswith(b"come in")
        writer.close()
        server.should_exit = True
        await asyncio.wait_for(serving, 10)
    assert all(doorman.cancelled() for doorman in server._doormen)
