"""The whole system as a process of its own, with a carrier and agents that the test holds in its hands."""

import asyncio
import json
import os
import sys
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import websockets

from schemas.tenant_config import TenantConfig
from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_server import carrier_app, serving
from services.demo.credentials import TENANT_FILE
from services.demo.signature import sign
from services.runtime.clock import SystemClock
from services.runtime.crypto import load_root_keys
from services.runtime.identity import DevelopmentKey, Identity
from services.runtime.tenants import load_tenant

FRONTDOOR = Path(sys.executable).with_name("frontdoor")
SECRET = "0123456789abcdef0123456789abcdef"
READY_S = 60.0
NUMBER = "+15005550100"
PATIENCE_S = 25.0  # a bound for a test that would wait for ever; what passes does not depend on it
TIMERS = {"offer_s": 4, "connecting_s": 5, "wrap_up_s": 30, "exclusion_s": 3600, "reconnect_s": 1}


class Agent:
    """A desktop: one websocket, whose frames the test waits for by type."""

    def __init__(self, socket, agent_id):
        self.socket = socket
        self.agent_id = agent_id
        self.frames = []
        self.closed = asyncio.Event()
        self._news = asyncio.Condition()
        self._seen = 0
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if frame["type"] == "ping":
                    await self.send("pong")
                    continue
                async with self._news:
                    self.frames.append(frame)
                    self._news.notify_all()
        except websockets.ConnectionClosed:
            pass
        finally:
            self.closed.set()
            async with self._news:
                self._news.notify_all()

    async def send(self, kind, **fields):
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def expect(self, kind, **fields):
        """Return the next frame of this type with these fields; frames before it are passed over."""
        async with asyncio.timeout(PATIENCE_S), self._news:
            while True:
                while self._seen < len(self.frames):
                    frame = self.frames[self._seen]
                    self._seen += 1
                    if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                        return frame
                assert not self.closed.is_set(), f"closed before {kind} {fields}: {self.frames[-3:]}"
                await self._news.wait()

    async def state(self, wanted, status=None):
        """Wait until the server says that the agent is in this state (and status)."""
        while True:
            frame = self.frames[self._seen - 1] if self._seen else None
            shown = frame.get("status") if frame and frame["type"] in {"status.changed", "snapshot"} else None
            if shown and shown["state"] == wanted and status in {None, shown["status"]}:
                return shown
            async with asyncio.timeout(PATIENCE_S), self._news:
                while self._seen >= len(self.frames):
                    assert not self.closed.is_set(), f"closed before state {wanted}"
                    await self._news.wait()
                self._seen += 1

    async def offer(self):
        return (await self.expect("offer"))["offer"]

    async def accept(self, offer):
        await self.send("offer.accept", reservation_id=offer["reservation_id"])

    async def finish(self, offer):
        await self.expect("call.updated", state="wrapping")
        await self.send("wrap_up.done", item_id=offer["item_id"], disposition="resolved")
        await self.expect("call.updated", state="ended")

    async def leave(self):
        """Go offline and close: the next test shall not meet this agent."""
        with suppress(websockets.ConnectionClosed):
            await self.send("status.set", status="offline")
            await self.state("idle", "offline")
        await self.socket.close()
        await self._reading


class System:
    """What a test has of the running system."""

    def __init__(self, base, data, carrier, client, process):
        self.base = base
        self.data = data
        self.carrier = carrier
        self.http = client
        self.process = process
        self.agents = []
        self._identity = Identity(DevelopmentKey.load(data), roots=load_root_keys(data), clock=SystemClock())

    def token(self, role="supervisor", subject="test", tenant="demo"):
        return self._identity.issue(subject, role=role, tenant=tenant)

    def headers(self, role="supervisor", subject="test", tenant="demo"):
        return {"Authorization": f"Bearer {self.token(role, subject, tenant)}"}

    async def ticket(self, agent_id):
        answer = await self.http.post("/v1/agents/ticket", headers=self.headers("agent", agent_id))
        return answer.raise_for_status().json()["ticket"]

    async def socket(self, ticket):
        address = self.base.replace("http", "ws", 1) + f"/v1/agents/ws?ticket={ticket}"
        return await websockets.connect(address, max_size=None, proxy=None)

    async def agent(self, agent_id, *, available=True, resume=None):
        agent = Agent(await self.socket(await self.ticket(agent_id)), agent_id)
        self.agents.append(agent)
        await agent.send("hello", **({"resume": resume} if resume else {}))
        agent.session = (await agent.expect("welcome"))["session"]
        if available:
            await agent.send("status.set", status="available")
            await agent.state("idle", "available")
        return agent

    async def call(self, *, to=NUMBER, **options):
        return await self.carrier.place_call(to=to, **options)

    async def waiting_call(self, said="I need a refill"):
        """Place a call, say something that needs a person, and return the phone once it waits."""
        phone = await self.call()
        await phone.wait_until("listening")
        phone.say(said)
        return phone

    async def post(self, path, fields, **headers):
        """Post a webhook, signed, that the simulated carrier would not send by itself."""
        path = f"/v1/carriers/twilio/{path}"
        signature = {"X-Twilio-Signature": sign(self.carrier.secret, self.base + path, list(fields.items()))}
        return await self.http.post(path, data=fields, headers=signature | headers)

    async def get(self, path, **options):
        return (await self.http.get(path, headers=self.headers(), **options)).raise_for_status().json()

    async def kpis(self):
        return await self.get("/v1/kpis")

    async def contact(self, contact_id, until):
        """Return a contact's read model once `until` says so; it follows the log a moment later."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self.http.get(f"/v1/contacts/{contact_id}", headers=self.headers())
                if answer.status_code == 200 and until(answer.json()):
                    return answer.json()
                await asyncio.sleep(0.02)


async def waits(phone):
    """Wait until the caller hears the hold music: the dialog has handed them over."""
    async with asyncio.timeout(PATIENCE_S):
        await phone.wait_for(lambda: any(event.type == "music" for event in phone.events))


async def connected(phone, agent):
    """Wait until both sides know that they talk; who hangs up a moment earlier has abandoned the call."""
    async with asyncio.timeout(PATIENCE_S):
        await phone.wait_until("connected")
    await agent.expect("call.updated", state="connected")


async def served(system, agent):
    """Let one caller reach the agent and be helped; return the contact as the console shows it."""
    phone = await system.waiting_call()
    offer = await agent.offer()
    await agent.accept(offer)
    async with asyncio.timeout(PATIENCE_S):
        await phone.wait_until("connected")
    await agent.expect("call.updated", state="connected")
    await agent.send("call.hang_up", contact_id=offer["contact_id"])
    await agent.finish(offer)
    return await system.contact(offer["contact_id"], lambda contact: contact["state"] == "ended")


def endpoint(agent):
    return f"client:{agent.agent_id}"


def document(**changes) -> TenantConfig:
    """Return the demo's tenant with short timers."""
    config = load_tenant(TENANT_FILE)
    return TenantConfig.model_validate(config.model_dump() | {"timers": TIMERS} | changes)


@asynccontextmanager
async def running(data: Path, *, carrier=None, environ=None, names=("up", "--no-demo")):
    """Start `frontdoor up` on a free port, with a simulated carrier; stops both."""
    data.mkdir(parents=True, exist_ok=True)
    (data / "secrets.json").write_text(json.dumps({"demo-twilio-token": SECRET}))
    (data / "secrets.json").chmod(0o600)
    config = document()
    async with httpx.AsyncClient(timeout=20, trust_env=False) as carrier_client:
        carrier = SimulatedCarrier(
            base_url="http://unset", account=config.carriers[0].account, secret=SECRET, client=carrier_client
        )
        async with (
            serving(carrier_app(carrier)) as api,
            _process(data, names, {"FRONTDOOR_TWILIO_API_BASE": api} | (environ or {})) as (process, base),
            httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as client,
        ):
            carrier._base_url = base
            system = System(base, data, carrier, client, process)
            await _apply(system, config)
            yield system
            await carrier.close()


async def _apply(system, config):
    answer = await system.http.put(
        f"/v1/tenants/{config.tenant}",
        json=config.model_dump(mode="json"),
        headers=system.headers("admin", tenant=None),
    )
    assert answer.status_code == 200, answer.text


@asynccontextmanager
async def _process(data, names, environ):
    env = {name: value for name, value in os.environ.items() if not name.startswith("FRONTDOOR_")}
    env |= {"FRONTDOOR_DATA_DIR": str(data), "FRONTDOOR_PORT": "0", "FRONTDOOR_LOG_LEVEL": "warning"} | environ
    with (data / "stderr.log").open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            FRONTDOOR,
            *names,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # a signal to all of its group, such as Ctrl-C, does not reach the tests
        )
    try:
        async with asyncio.timeout(READY_S):
            line = (await process.stdout.readline()).decode()
        assert "ready" in line, f"did not start: {line!r} {(data / 'stderr.log').read_text()[-2000:]}"
        yield process, line.split()[-1].rstrip("/")
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
