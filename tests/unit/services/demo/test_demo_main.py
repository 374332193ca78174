"""The demo's process: everything at once, against a system that only just answers."""

import asyncio
import os
import signal

import pytest
from fastapi import FastAPI, Response, WebSocket, WebSocketDisconnect

from services.demo import main as demo
from services.demo.carrier_server import serving
from services.demo.credentials import TENANT_FILE, load, prepare
from services.demo.pace import settle
from services.runtime.tenants import load_tenant
from tests.unit.services.demo.fake_system import WAITING


class Seen:
    """What reached the system."""

    def __init__(self) -> None:
        self.ready_asked = 0
        self.calls = 0
        self.ended = 0
        self.agents: set[str] = set()
        self.hellos = 0
        self.changed = asyncio.Event()

    async def until(self, condition) -> None:
        while not condition():
            await self.changed.wait()

    def tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


def small_system(seen: Seen) -> FastAPI:
    app = FastAPI()

    @app.get("/readyz")
    async def readyz() -> Response:
        seen.ready_asked += 1
        seen.tell()
        return Response(status_code=503 if seen.ready_asked == 1 else 200)

    @app.post("/v1/carriers/twilio/voice")
    @app.post("/turn")
    async def voice() -> Response:
        seen.calls += 1
        seen.tell()
        return Response(WAITING, media_type="text/xml")

    @app.post("/v1/carriers/twilio/status")
    async def status() -> Response:
        seen.ended += 1
        seen.tell()
        return Response(status_code=204)

    @app.post("/v1/demo/sign-in")
    async def sign_in(body: dict[str, str]) -> dict[str, str]:
        seen.agents.add(body["agent_id"])
        return {"token": "t"}

    @app.post("/v1/agents/ticket")
    async def ticket() -> dict[str, str]:
        return {"ticket": "t"}

    @app.websocket("/v1/agents/ws")
    async def desktop(socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                frame = await socket.receive_json()
                seen.hellos += frame["type"] == "hello"
                seen.tell()
        except WebSocketDisconnect:
            return

    return app


@pytest.fixture
async def seen():
    return Seen()


@pytest.fixture
async def address(seen):
    async with serving(small_system(seen)) as url:
        yield url


@pytest.fixture
def data(tmp_path, address):
    prepare(tmp_path, load_tenant(TENANT_FILE), base_url=address, api_base="http://127.0.0.1:0")
    return tmp_path


def arguments(address, data, *more: str):
    return demo._parser().parse_args(["--base-url", address, "--data", str(data), "--rate", "6000", *more])


async def test_it_waits_for_the_system_then_people_call_and_answer_until_a_signal(seen, address, data):
    running = asyncio.create_task(demo._until_signalled(arguments(address, data)))
    await seen.until(lambda: seen.calls > 2 and seen.hellos == 8)
    assert seen.ready_asked == 2
    assert not {agent for agent in seen.agents if agent.startswith("practice-")}
    os.kill(os.getpid(), signal.SIGTERM)
    await running
    assert seen.ended > 0  # callers who were on the line are told to have gone


async def test_without_callers_and_agents_only_the_carrier_runs(seen, address, data):
    args = arguments(address, data, "--no-callers", "--no-agents")
    running = asyncio.create_task(demo.run(args, load(data)))
    await seen.until(lambda: seen.ready_asked == 2)
    await settle()
    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (seen.calls, seen.agents) == (0, set())


def test_what_a_person_has_to_mend_is_one_line(tmp_path, capsys):
    assert demo.main(["--base-url", "http://127.0.0.1:1", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("demo: ")


async def test_a_port_in_use_is_told(address, data):
    port = address.rpartition(":")[2]
    with pytest.raises(demo.ConfigurationError, match="cannot listen"):
        await demo.run(arguments(address, data, "--carrier-port", port), load(data))
