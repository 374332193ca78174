"""Starting, ending and starting again; and what is said when that cannot be."""

import asyncio
import json
import os
import signal
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import urlsplit

import httpx
import pytest

from schemas.ids import contact_id
from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_server import carrier_app, serving
from services.demo.credentials import TENANT_FILE
from tests.integration.system import (
    FRONTDOOR,
    NUMBER,
    PATIENCE_S,
    READY_S,
    SECRET,
    System,
    _apply,
    _process,
    document,
    running,
)

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


async def test_ctrl_c_ends_the_demo_with_it(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {"FRONTDOOR_DEMO_CARRIER_PORT": str(port)}
    async with _process(tmp_path, ("up", "--demo"), environ) as (process, _):
        async with asyncio.timeout(READY_S):
            await until_listening(port)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == 0
    assert not await listens(port)


async def until_listening(port):
    while True:
        if await listens(port):
            return
        await asyncio.sleep(0.05)


async def listens(port):
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.fixture
async def site(tmp_path):
    """A data directory, and a carrier that outlives the systems that are started on it."""
    tmp_path.joinpath("secrets.json").write_text(json.dumps({"demo-twilio-token": SECRET}))
    tmp_path.joinpath("secrets.json").chmod(0o600)
    account = document().carriers[0].account
    async with httpx.AsyncClient(timeout=20, trust_env=False) as client:
        # The music lasts: nobody is to ask for the next turn while there is no system.
        carrier = SimulatedCarrier(
            base_url="http://unset", account=account, secret=SECRET, client=client, music_s=10 * PATIENCE_S
        )
        async with serving(carrier_app(carrier)) as api:
            yield Site(tmp_path, carrier, {"FRONTDOOR_TWILIO_API_BASE": api})
            await carrier.close()


@pytest.mark.parametrize("end", ["terminate", "kill"])
async def test_who_waits_keeps_their_place_over_a_restart(site, end):
    async with site.started() as system:
        await _apply(system, document())
        first = await waiting(site.carrier)
        second = await waiting(site.carrier)
        await site.ended(system, end)
    async with site.started() as system:
        agent = await system.agent("agent-finn")
        for phone in (first, second):
            offer = await agent.offer()
            assert offer["contact_id"] == contact_id("twilio", site.carrier.account, phone.sid)
            await agent.accept(offer)
            async with asyncio.timeout(PATIENCE_S):
                await phone.wait_until("connected")
            await agent.expect("call.updated", state="connected")
            await agent.send("call.hang_up", contact_id=offer["contact_id"])
            await agent.finish(offer)
        await agent.leave()


async def test_a_status_that_comes_late_after_a_restart_still_ends_the_call_once(site):
    async with site.started() as system:
        await _apply(system, document())
        first = await waiting(site.carrier)
        second = await waiting(site.carrier)
        await site.ended(system, "kill")
    gone, waits = (contact_id("twilio", site.carrier.account, phone.sid) for phone in (first, second))
    late = format_datetime(datetime.now(UTC) - timedelta(hours=1))
    form = {"CallSid": first.sid, "AccountSid": site.carrier.account, "From": "+15005550006", "To": NUMBER}
    form |= {"CallStatus": "completed", "Timestamp": late}
    async with site.started() as system:
        assert (await system.post("status", form)).status_code == 204
        ended = await system.contact(gone, lambda contact: contact["state"] == "ended")
        assert ended["end_reason"] == "abandoned_waiting"
        assert (await system.post("status", form)).status_code == 204
        assert (await system.post("status", form | {"CallStatus": "no-answer"})).status_code == 204
        agent = await system.agent("agent-finn")
        assert (await agent.offer())["contact_id"] == waits  # nobody is offered who is gone
        explanation = await system.get(f"/v1/contacts/{gone}/explanation")
        kinds = [event["type"] for event in explanation["events"]]
        assert kinds.count("contact.ended") == kinds.count("item.abandoned") == 1
        assert await system.contact(gone, lambda contact: contact["state"] == "ended") == ended
        await second.hang_up()
        await agent.leave()


class Site:
    """One place where systems run after one another."""

    def __init__(self, data, carrier, environ):
        self.data, self.carrier, self.environ = data, carrier, environ

    @asynccontextmanager
    async def started(self):
        """Start a system, on the port of the first one."""
        async with (
            _process(self.data, ("up", "--no-demo"), self.environ) as (process, base),
            httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as client,
        ):
            self.environ["FRONTDOOR_PORT"] = str(urlsplit(base).port)
            self.carrier._base_url = base
            yield System(base, self.data, self.carrier, client, process)

    async def ended(self, system, how):
        """End a system by a signal: with notice, or without."""
        getattr(system.process, how)()
        async with asyncio.timeout(PATIENCE_S):
            code = await system.process.wait()
        assert code == (0 if how == "terminate" else -signal.SIGKILL)


async def waiting(carrier):
    phone = await carrier.place_call(to=NUMBER)
    async with asyncio.timeout(PATIENCE_S):
        await phone.wait_until("listening")
        phone.say("I need a refill")
        await phone.wait_for(lambda: any(event.type == "music" for event in phone.events))
    return phone
