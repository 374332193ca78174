import asyncio
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.console.access import Scope
from services.console.board import Board
from services.runtime.telemetry import BOARD_LISTENERS, LIMIT_REACHED

DEMO = Scope("demo")


def board_of(console: Any, **options: Any) -> Board:
    return Board(
        engine=console.engine,
        tenants=console.tenants,
        clock=console.clock,
        metrics=console.metrics,
        limits=console.limits,
        **options,
    )


async def test_a_listener_gets_what_is_computed(console: Any) -> None:
    board = board_of(console)
    stream = board.listen(DEMO)
    assert await anext(stream) == b"retry: 2000\n\n"
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await board.tick()
    text = await waiting
    assert text.startswith(b"data: ")
    assert text.endswith(b"\n\n")
    shown = json.loads(text.removeprefix(b"data: "))
    assert set(shown) == {"at", "queues", "agents", "kpis"}
    assert shown["kpis"]["answered"] == 1
    await stream.aclose()


async def test_one_computation_serves_all_and_ends_with_the_last(console: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []

    async def compute(_connection: Any, configs: Any, _now: Any) -> dict[str, Any]:
        computed.append(len(configs))
        return {}

    monkeypatch.setattr("services.console.board.board", compute)
    board = board_of(console)
    streams = [board.listen(DEMO), board.listen(DEMO), board.listen(Scope("other"))]
    for stream in streams:
        await anext(stream)
    await board.tick()
    assert computed == [1, 0]
    assert console.metrics.value(BOARD_LISTENERS) == 3
    for stream in streams:
        await stream.aclose()
    await board.tick()
    assert len(computed) == 2
    assert board.listeners == 0


async def test_closing_ends_every_stream(console: Any) -> None:
    board = board_of(console)
    stream = board.listen(DEMO)
    await anext(stream)
    rest = asyncio.ensure_future(_drain(stream))
    await asyncio.sleep(0)
    await board.close()
    assert await rest == [b""]
    assert board.listeners == 0


async def _drain(stream: Any) -> list[bytes]:
    return [text async for text in stream]


async def test_without_a_database_the_board_says_that_it_is_old(console: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr("services.console.board.board", refuse)
    board = board_of(console)
    stream = board.listen(DEMO)
    await anext(stream)
    await board.tick()
    again = board.listen(DEMO)
    assert b"event: stale\ndata: " in await anext(again)
    await stream.aclose()
    await again.aclose()


async def test_it_goes_on_until_cancelled(console: Any) -> None:
    slept: list[float] = []
    enough = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 2:
            enough.set()
        await asyncio.sleep(0)

    task = asyncio.create_task(board_of(console, sleep=sleep).run())
    await enough.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert set(slept) == {0.01}


async def test_a_stream_needs_a_fresh_ticket_of_the_right_role(console: Any) -> None:
    async with console.client() as client:
        assert (await client.get("/v1/wallboard/stream")).status_code == 422
        assert (await client.get("/v1/wallboard/stream?ticket=false")).status_code == 401
        assert (await client.post("/v1/wallboard/ticket", headers=console.bearer("agent"))).status_code == 403
        agent = console.identity.ticket(console.identity.verify(console.bearer("agent")["Authorization"][7:]))
        assert (await client.get("/v1/wallboard/stream", params={"ticket": agent})).status_code == 403


async def test_a_stream_over_http_ends_when_the_process_drains(console: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = asyncio.Event()

    async def compute(*_: Any) -> dict[str, Any]:
        computed.set()
        return {"kpis": {}}

    monkeypatch.setattr("services.console.board.board", compute)
    process = console.process()
    app = FastAPI()
    for router in process.routes:
        app.include_router(router)
    loop = asyncio.create_task(process.loops[0]())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        ticket = (await client.post("/v1/wallboard/ticket", headers=console.bearer())).json()["ticket"]
        asked = asyncio.create_task(client.get("/v1/wallboard/stream", params={"ticket": ticket}))
        await computed.wait()
        await process.drain()
        answer = await asked
        again = await client.get("/v1/wallboard/stream", params={"ticket": ticket})
    loop.cancel()
    with suppress(asyncio.CancelledError):
        await loop
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert again.status_code == 401  # a ticket is good once


async def test_too_many_boards_are_503(console: Any) -> None:
    board = board_of(console)
    assert not board.is_full()
    stream = board.listen(DEMO)
    await anext(stream)
    assert board.is_full()
    assert console.metrics.value(LIMIT_REACHED, limit="board_listeners_max") == 1
    await stream.aclose()
