"""A fixed number of connections, one request at a time on each."""

import asyncio

import httpx
import pytest

from services.carriers.lanes import Lanes


@pytest.fixture
async def server():
    """Echo the path; count connections and how many requests are under way; `/slow` waits for `release`."""
    state = {"connections": 0, "now": 0, "most": 0, "release": asyncio.Event(), "reached": asyncio.Event()}

    async def serve(reader, writer):
        state["connections"] += 1
        while head := await reader.readuntil(b"\r\n\r\n"):
            state["now"] += 1
            state["most"] = max(state["most"], state["now"])
            path = head.split()[1]
            if path == b"/slow":
                state["reached"].set()
                await state["release"].wait()
            state["now"] -= 1
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))
            await writer.drain()

    async def connected(reader, writer):
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    state["url"] = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield state
    state["release"].set()
    listening.close()


async def test_requests_share_connections_and_answers_are_whole(server):
    async with httpx.AsyncClient(transport=Lanes(2), base_url=server["url"]) as client:
        answers = await asyncio.gather(*(client.get(f"/{n}") for n in range(20)))
    assert [answer.text for answer in answers] == [f"/{n}" for n in range(20)]
    assert server["most"] <= 2
    assert server["connections"] <= 2


async def test_one_after_another_use_the_same_connection(server):
    async with httpx.AsyncClient(transport=Lanes(8), base_url=server["url"]) as client:
        for n in range(5):
            await client.get(f"/{n}")
    assert server["connections"] == 1


async def test_who_waits_too_long_for_a_lane_is_told(server):
    timeout = httpx.Timeout(20, pool=0.01)
    async with httpx.AsyncClient(transport=Lanes(1), base_url=server["url"], timeout=timeout) as client:
        slow = asyncio.create_task(client.get("/slow"))
        await server["reached"].wait()
        with pytest.raises(httpx.PoolTimeout):
            await client.get("/next")
        server["release"].set()
        assert (await slow).text == "/slow"
        assert (await client.get("/after")).text == "/after"


async def test_a_request_that_failed_gives_its_lane_back():
    async with httpx.AsyncClient(transport=Lanes(1)) as client:
        for _ in range(2):
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:1/")
