"""Two gateways and a router as processes on a real Kafka: a desktop goes from one to the other and misses nothing."""

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
import websockets

from agent_gateway.desk import DeskBook
from router.partition import Partition
from schemas import agents, contacts
from schemas.gateway_frames import CloseCode
from schemas.ids import AgentId, fact_id
from schemas.routing import AgentStatus, Urgency
from schemas.topics import DECISIONS, INTAKE, partition_of
from services.routing import snapshots
from services.runtime.bus import Place
from services.runtime.clock import SystemClock
from services.runtime.codec import decode_decision, decode_fact
from services.runtime.crypto import load_root_keys
from services.runtime.decisions_reader import DecisionsReader
from services.runtime.facts import FactPublisher, fact
from services.runtime.identity import DevelopmentKey, Identity
from services.runtime.kafka_bus import KafkaBus
from services.runtime.limits import Limits
from services.runtime.telemetry import Metrics
from services.runtime.tenants import publish_tenant
from tests.integration.system import PATIENCE_S, Agent, _process
from tests.world import tenant

pytestmark = [pytest.mark.cluster, pytest.mark.kafka, pytest.mark.timeout(120)]

CARL = AgentId("carl")
PARTITIONS = 4
LONG = {"offer_s": 110, "connecting_s": 110, "wrap_up_s": 110, "exclusion_s": 110, "reconnect_s": 60}


class Site:
    """A router, the gateways that a test starts, and the log that they share."""

    def __init__(self, bus, data, environ):
        self.bus = bus
        self._data = data
        self._environ = environ
        self._clock = SystemClock()
        self._facts = 0
        self._publisher = FactPublisher(bus, self._clock, limits=Limits(), metrics=Metrics())
        self._identity = Identity(DevelopmentKey.load(data), roots=load_root_keys(data), clock=self._clock)

    def serve(self, name):
        return _process(self._data, ("serve", name), self._environ)

    async def tell(self, data, subject):
        """Put a fact on `intake` as its process would."""
        self._facts += 1
        envelope = fact(
            data,
            id=fact_id(f"test-{self._facts}"),
            source="/test",
            subject=subject,
            cell="demo",
            tenant="demo",
            time=self._clock.now(),
        )
        await self._publisher.publish([envelope])

    async def call(self, contact):
        arrived = {"carrier": "twilio", "account": "AC1", "call": f"CA-{contact}", "number": "+15005550100"}
        await self.tell(contacts.ContactArrived(contact_id=contact, **arrived), contact)
        asked = {"intent": "refill.request", "urgency": Urgency.ROUTINE, "reason": "intent"}
        await self.tell(contacts.HandedOff(contact_id=contact, **asked), contact)

    async def declare(self, *statuses):
        """Let the agent say more than once how they are, so that there is something to miss."""
        for status in statuses:
            await self.tell(agents.StatusSet(agent_id=CARL, status=status), CARL)

    async def desk(self, until):
        """Return the log folded from its beginning, once the agent's desk is as asked."""
        book = DeskBook(changes_max=10_000)
        async with asyncio.timeout(PATIENCE_S), DecisionsReader(self.bus, partitions=range(PARTITIONS)) as reader:
            while not until(book.desk(CARL)):
                for decided in await reader.fetch():
                    book.fold(decided.offset, decided.step, decided.time)
        return book

    async def save_snapshot(self):
        """Write what a router that has read both logs would write."""
        partition = partition_of("demo", PARTITIONS)
        router = Partition("test")
        intake, decisions = [await self._records(topic, partition) for topic in (INTAKE, DECISIONS)]
        for record in intake:
            router.fact(record.offset, decode_fact(record.value))
        for record in decisions:
            router.record(record.offset, decode_decision(record.value).data)
        lineage = router.ownership.lineage
        nexts = intake[-1].offset + 1, decisions[-1].offset + 1
        snapshot = snapshots.Snapshot(lineage.epoch, lineage.seq, *nexts, router.image())
        await snapshots.save(self.bus, partition, snapshot, slot=0, at=self._clock.now())

    async def _records(self, topic, partition):
        place = Place(topic.name, partition)
        position, end = await self.bus.bounds(place)
        found = []
        async with self.bus.read({place: position}) as reader:
            while position < end:
                found += await reader.fetch()
                position = max(position, reader.position(place))
        return found

    async def agent(self, base, *, resume=None):
        headers = {"Authorization": f"Bearer {self._identity.issue(CARL, role='agent', tenant='demo')}"}
        async with httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as http:
            ticket = (await http.post("/v1/agents/ticket", headers=headers)).raise_for_status().json()["ticket"]
        url = base.replace("http", "ws", 1) + f"/v1/agents/ws?ticket={ticket}"
        agent = Agent(await websockets.connect(url, proxy=None), CARL)
        await agent.send("hello", **({"resume": resume} if resume else {}))
        agent.session = (await agent.expect("welcome"))["session"]
        return agent

    async def offered(self, base):
        """Return an agent at this gateway who has an offer, with it, and where to resume after it."""
        agent = await self.agent(base)
        await agent.send("status.set", status="available")
        await agent.state("idle", "available")
        await self.call("c1")
        frame = await agent.expect("offer")
        await agent.state("reserved")
        return agent, frame["offer"], {"session": agent.session, "seq": agent.frames[-1]["seq"]}


@pytest.fixture
async def site(tmp_path, kafka_bootstrap):
    prefix = f"{tmp_path.name}."
    environ = {
        "FRONTDOOR_BUS": "kafka",
        "FRONTDOOR_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "FRONTDOOR_KAFKA_PREFIX": prefix,
        "FRONTDOOR_LOG_LEVEL": "info",
    }
    load_root_keys(tmp_path)
    async with KafkaBus(kafka_bootstrap, PARTITIONS, prefix) as bus:
        await publish_tenant(bus, tenant(timers=LONG), SystemClock())
        yield Site(bus, tmp_path, environ)


@asynccontextmanager
async def gateways(site, count):
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(site.serve("routing"))
        yield [await stack.enter_async_context(site.serve("desktop")) for _ in range(count)]


def told(frames):
    return [frame["seq"] for frame in frames if "seq" in frame and frame["type"] not in {"snapshot", "resumed"}]


async def accepts(agent, offer):
    await agent.accept(offer)
    return await agent.expect("call.updated", state="connecting", reservation_id=offer["reservation_id"])


async def test_a_desktop_whose_gateway_was_killed_goes_on_at_the_other_and_misses_nothing(site):
    async with gateways(site, 2) as [(first, base), (_, other)]:
        agent, offer, resume = await site.offered(base)
        first.kill()
        await first.wait()
        await agent.closed.wait()
        await site.declare(AgentStatus.BREAK, AgentStatus.AVAILABLE)
        await site.desk(lambda desk: desk.status.next_status is AgentStatus.AVAILABLE)
        agent = await site.agent(other, resume=resume)
        await agent.expect("resumed")
        connecting = await accepts(agent, offer)
        book = await site.desk(lambda desk: desk.position >= connecting["seq"])
        missed = [seq for seq, _ in book.since(CARL, resume["seq"]) if seq <= connecting["seq"]]
        assert len(missed) >= 3
        assert [seq for seq in told(agent.frames) if seq <= connecting["seq"]] == missed
        assert "snapshot" not in [frame["type"] for frame in agent.frames]
        await agent.socket.close()


async def test_a_gateway_that_wakes_up_tells_its_old_socket_that_a_newer_one_counts(site):
    async with gateways(site, 2) as [(zombie, base), (_, other)]:
        old, offer, resume = await site.offered(base)
        zombie.send_signal(signal.SIGSTOP)
        try:
            new = await site.agent(other, resume=resume)
            await site.desk(lambda desk: desk.session == new.session)
            await new.expect("resumed")
        finally:
            zombie.send_signal(signal.SIGCONT)
        await old.closed.wait()
        assert old.socket.close_code == CloseCode.REPLACED
        assert old.frames[-1]["code"] == "replaced"
        assert not set(told(old.frames)) & set(told(new.frames))
        await accepts(new, offer)
        assert not new.closed.is_set()
        await new.socket.close()


async def test_a_gateway_that_ends_sends_its_desktops_to_the_other(site):
    async with gateways(site, 2) as [(leaving, base), (_, other)]:
        agent, offer, resume = await site.offered(base)
        leaving.terminate()
        assert (await agent.expect("reconnect"))["after_s"] < 1
        await agent.closed.wait()
        assert agent.socket.close_code == CloseCode.RESTARTING
        assert await leaving.wait() == 0
        back = await site.agent(other, resume=resume)
        await back.expect("resumed")
        await accepts(back, offer)
        await back.socket.close()


async def test_a_new_gateway_begins_at_the_routers_snapshot(site):
    async with AsyncExitStack() as stack:
        async with site.serve("routing"), site.serve("desktop") as (_, base):
            agent, offer, resume = await site.offered(base)
            await agent.socket.close()
            connected = lambda desk: desk.session == agent.session and desk.offer is not None  # noqa: E731
            await site.desk(connected)
        await site.save_snapshot()
        _, base = await stack.enter_async_context(site.serve("desktop"))
        back = await site.agent(base, resume=resume)
        snapshot = await back.expect("snapshot")
        assert snapshot["seq"] % 1024 == 1023  # the last position before a record: read off a snapshot
        assert snapshot["seq"] >= resume["seq"]
        shown = snapshot["offer"]
        assert {name: shown[name] for name in ("why", "deadline", "queued_at")} == {
            name: offer[name] for name in ("why", "deadline", "queued_at")
        }
        await stack.enter_async_context(site.serve("routing"))
        connecting = await accepts(back, offer)
        book = await site.desk(lambda desk: desk.position >= connecting["seq"])
        expected = [seq for seq, _ in book.since(CARL, snapshot["seq"]) if seq <= connecting["seq"]]
        assert [seq for seq in told(back.frames) if seq <= connecting["seq"]] == expected
        await back.socket.close()
