"""Starting, ending and starting again; and what is said when that cannot be."""

import asyncio
import json
import os
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_server import carrier_app, serving
from services.demo.credentials import TENANT_FILE
from tests.integration.system import FRONTDOOR, NUMBER, PATIENCE_S, SECRET, System, _apply, _process, document, running

pytestmark = pytest.mark.timeout(120)


async def outcome(*arguments, environ=None):
    """Run a command to its end; return its exit code and what it said."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDOOR_")}
    process = await asyncio.create_subprocess_exec(
        FRONTDOOR, *map(str, arguments), env=env | (environ or {}), stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        _, told = await process.communicate()
    return process.returncode, told.decode().strip()


def is_one_line_with_a_remedy(told, *words):
    assert "\n" not in told
    assert told.startswith("frontdoor: ")
    for word in words:
        assert word in told


async def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, told = await outcome("up", "--port", port, "--data", tmp_path)
    assert code == 2
    is_one_line_with_a_remedy(told, str(port), "--port")


async def test_a_data_directory_in_use(tmp_path):
    async with running(tmp_path):
        code, told = await outcome("up", "--data", tmp_path, environ={"FRONTDOOR_PORT": "0"})
    assert code == 2
    is_one_line_with_a_remedy(told, str(tmp_path))


async def test_an_unknown_setting(tmp_path):
    code, told = await outcome("up", "--data", tmp_path, environ={"FRONTDOOR_PROT": "8080"})
    assert code == 2
    is_one_line_with_a_remedy(told, "FRONTDOOR_PROT", "FRONTDOOR_PORT")


async def test_a_missing_secret(tmp_path):
    async with running(tmp_path):
        pass
    (tmp_path / "secrets.json").unlink()
    quiet = {"FRONTDOOR_PORT": "0", "FRONTDOOR_LOG_LEVEL": "error"}
    code, told = await outcome("up", "--data", tmp_path, environ=quiet)
    assert code == 2
    is_one_line_with_a_remedy(told, "demo-twilio-token", "FRONTDOOR_SECRET_DEMO_TWILIO_TOKEN")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("default_queue: front_desk", "defualt_queue: front_desk"), ("defualt_queue",)),
        (("- {skill: nurse, level: 0.9}", "- {skill: nurse, level: 9}"), ("level",)),
        (("zone: America/New_York", "zone: America/Atlantis"), ("Atlantis",)),
    ],
)
async def test_a_broken_document(tmp_path, change, words):
    text = TENANT_FILE.read_text()
    assert change[0] in text
    file = tmp_path / "clinic.yaml"
    file.write_text(text.replace(*change, 1))
    code, told = await outcome("config", "validate", file)
    assert code == 2
    is_one_line_with_a_remedy(told, "clinic.yaml", *words)


async def test_a_signal_ends_it_cleanly(tmp_path):
    async with running(tmp_path) as system:
        system.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            assert await system.process.wait() == 0


async def test_who_waits_keeps_their_place_over_a_restart(tmp_path):
    tmp_path.joinpath("secrets.json").write_text(json.dumps({"demo-twilio-token": SECRET}))
    tmp_path.joinpath("secrets.json").chmod(0o600)
    account = document().carriers[0].account
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        carrier = SimulatedCarrier(base_url="http://unset", account=account, secret=SECRET, client=client)
        async with serving(carrier_app(carrier)) as api:
            environ = {"FRONTDOOR_TWILIO_API_BASE": api}
            async with Started(tmp_path, carrier, environ) as system:
                await _apply(system, document())
                first = await waiting(carrier)
                second = await waiting(carrier)
                environ["FRONTDOOR_PORT"] = str(urlsplit(system.base).port)
            async with Started(tmp_path, carrier, environ) as system:
                agent = await system.agent("agent-finn")
                for phone in (first, second):
                    offer = await agent.offer()
                    await agent.accept(offer)
                    async with asyncio.timeout(PATIENCE_S):
                        await phone.wait_until("connected")
                    await agent.expect("call.updated", state="connected")
                    await agent.send("call.hang_up", contact_id=offer["contact_id"])
                    await agent.finish(offer)
                await agent.leave()
            await carrier.close()


class Started:
    """The system as a process, for a carrier that outlives it."""

    def __init__(self, data, carrier, environ):
        self._data, self._carrier, self._environ = data, carrier, environ

    async def __aenter__(self):
        self._process = _process(self._data, ("up", "--no-demo"), self._environ)
        process, base = await self._process.__aenter__()
        self._carrier._base_url = base
        self._client = httpx.AsyncClient(base_url=base, timeout=20, trust_env=False)
        return System(base, self._data, self._carrier, self._client, process)

    async def __aexit__(self, *details):
        await self._client.aclose()
        await self._process.__aexit__(*details)


async def waiting(carrier):
    phone = await carrier.place_call(to=NUMBER)
    async with asyncio.timeout(PATIENCE_S):
        await phone.wait_until("listening")
        phone.say("I need a refill")
        await phone.wait_for(lambda: any(event.type == "music" for event in phone.events))
    return phone
