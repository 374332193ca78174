"""The practice phone's websocket, over real sockets."""

import json

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from services.demo.carrier_server import carrier_app, serving
from tests.unit.services.demo.fake_system import BASE, NUMBER

PHONE = "/phone?number=%2B15005550100"


@pytest.fixture
async def address(carrier):
    async with serving(carrier_app(carrier, origins=(BASE,), numbers=(NUMBER,))) as url:
        yield url


def ws(address: str, path: str = PHONE) -> str:
    return "ws" + address.removeprefix("http") + path


async def until(socket, kind: str) -> dict[str, str]:
    while True:
        frame = json.loads(await socket.recv())
        if frame["type"] == kind:
            return frame


async def test_a_person_calls_from_a_page(address, system):
    async with connect(ws(address), origin=BASE) as socket:
        assert json.loads(await socket.recv()) == {"type": "ringing"}
        assert await until(socket, "say") == {"type": "say", "text": "Hello.", "language": "en-US"}
        await until(socket, "listening")
        await socket.send('{"type": "speak", "text": "I need a refill"}')
        await until(socket, "music")
        await socket.send('{"type": "press", "digit": "1"}')
        await until(socket, "music")
        await socket.send('{"type": "hang_up"}')
        assert (await until(socket, "ended"))["reason"] == "hung_up"
        with pytest.raises(ConnectionClosed):
            await socket.recv()
    assert system.requests[1][1]["SpeechResult"] == "I need a refill"
    assert system.requests[2][1]["Digits"] == "1"


async def test_a_page_that_goes_away_hangs_up(address, system):
    async with connect(ws(address)) as socket:
        await until(socket, "listening")
    await system.until(lambda it: it.statuses() == ["completed"])


@pytest.mark.parametrize(
    "sent",
    ["no json", '{"type": "sing"}', '{"type": "press", "digit": "12"}', '{"type":"speak","text":"' + "x" * 5000 + '"}'],
)
async def test_a_wrong_frame_is_told_and_the_call_goes_on(address, sent):
    async with connect(ws(address)) as socket:
        await until(socket, "listening")
        await socket.send(sent)
        assert (await until(socket, "error"))["message"]
        await socket.send('{"type": "press", "digit": "1"}')
        await until(socket, "music")


@pytest.mark.parametrize(("path", "origin"), [(PHONE, "http://evil.test"), ("/phone?number=%2B15005550999", BASE)])
async def test_who_may_not_call(address, path, origin):
    with pytest.raises(InvalidStatus):
        async with connect(ws(address, path), origin=origin):
            pass


async def test_health_and_other_origins(address):
    async with httpx.AsyncClient() as client:
        answer = await client.get(address + "/healthz", headers={"Origin": BASE})
        assert answer.json() == {"status": "ok", "calls": 0}
        assert answer.headers["access-control-allow-origin"] == BASE
        other = await client.get(address + "/healthz", headers={"Origin": "http://evil.test"})
        assert "access-control-allow-origin" not in other.headers


async def test_a_port_in_use(carrier, address):
    port = int(address.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        async with serving(carrier_app(carrier), port=port):
            pass


async def test_only_so_many_practice_at_a_time(address, monkeypatch):
    monkeypatch.setattr("services.demo.carrier_server.PHONES_MAX", 1)
    async with connect(ws(address)) as first:
        await until(first, "ringing")
        async with connect(ws(address)) as second:
            with pytest.raises(ConnectionClosed) as closed:
                await second.recv()
            assert closed.value.rcvd.code == 1013
