"""The bus dies in the middle of calls: callers notice nothing, and all they did is on the log afterwards, in order.

Real processes on a broker of their own, which is killed or frozen. The webhooks process runs apart from the others, as
in production, since it is the one that has to go on.
"""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import httpx
import pytest

from deploy.kafka.run_broker import Broker
from schemas.topics import INTAKE
from services.runtime.bus import Place
from services.runtime.codec import decode_fact
from services.runtime.kafka_bus import KafkaBus
from tests.integration.system import PATIENCE_S, TIMERS, _apply, _process, document, running

pytestmark = [pytest.mark.cluster, pytest.mark.kafka, pytest.mark.timeout(240)]
PARTITIONS = 4
CALLS = 6
RECOVERY_S = 90.0  # a bound for a test that would wait for ever
# Call control is back in its group only when the broker has forgotten its former self, ten seconds later.
PATIENT = TIMERS | {"connecting_s": 60}
THROUGH = ["contact.arrived", "contact.dialog_turned", "contact.handed_off"]


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "kafka") as broker:
        yield broker


class Outage:
    """A bus that is away, by one way or another, until it is back."""

    def __init__(self, broker, how):
        self._broker = broker
        self._how = how

    def begin(self):
        if self._how == "killed":
            self._broker.kill()
        else:
            os.kill(self._broker.pid, signal.SIGSTOP)

    async def end(self):
        if self._how == "killed":
            await asyncio.to_thread(self._broker.start)
        else:
            os.kill(self._broker.pid, signal.SIGCONT)


def environ(broker):
    return {
        "FRONTDOOR_BUS": "kafka",
        "FRONTDOOR_KAFKA_BOOTSTRAP": broker.bootstrap,
        "FRONTDOOR_PARTITIONS": str(PARTITIONS),
    }


@asynccontextmanager
async def webhooks_apart(system, broker, *, port=0):
    """Start a webhooks process and have the carrier send everything there."""
    settings = environ(broker) | {"FRONTDOOR_PORT": str(port)}
    async with _process(system.data, ("serve", "webhooks"), settings) as (process, base):
        system.carrier._base_url = base
        async with httpx.AsyncClient(base_url=base, timeout=20, trust_env=False) as client:
            yield process, client


async def measured(client, name):
    """Return the sum of a metric's values, by its labels as text."""
    lines = [line for line in (await client.get("/metrics")).text.splitlines() if line.startswith(name)]
    return {line.rsplit(" ", 1)[0].removeprefix(name): float(line.rsplit(" ", 1)[1]) for line in lines}


async def waiting(client):
    return sum((await measured(client, "frontdoor_spooled_facts")).values())


async def outcomes(client):
    return {labels.split('outcome="')[1].split('"')[0] for labels in await measured(client, "frontdoor_webhooks_total")}


async def call(system):
    """Go through the dialog until the music plays."""
    phone = await system.waiting_call()
    await phone.wait_for(lambda: any(event.type == "music" for event in phone.events))
    return phone


async def on_intake(broker, count):
    """Return the facts of each call in the order of the log, repeats left out, once so many calls are all there."""
    calls = {}
    try:
        async with asyncio.timeout(PATIENCE_S), KafkaBus(broker.bootstrap, PARTITIONS) as bus:
            places = [Place(INTAKE.name, partition) for partition in range(PARTITIONS)]
            async with bus.read({place: (await bus.bounds(place)).first for place in places}) as reader:
                while sum(len(facts) >= len(THROUGH) for facts in calls.values()) < count:
                    for record in await reader.fetch():
                        fact = decode_fact(record.value)
                        if fact.type in THROUGH:
                            calls.setdefault(fact.subject, {}).setdefault(fact.id, fact.type)
    except TimeoutError:
        pytest.fail(f"on intake are {[list(facts.values()) for facts in calls.values()]}")
    return [list(facts.values()) for facts in calls.values()]


async def all_forwarded(client):
    async with asyncio.timeout(RECOVERY_S):
        while await waiting(client):  # noqa: ASYNC110  the process is asked over HTTP
            await asyncio.sleep(0.05)


async def served(system, phones):
    """An agent serves every call, one after the other."""
    agent = await system.agent("agent-finn")
    for _ in phones:
        async with asyncio.timeout(RECOVERY_S):
            offer = await agent.offer()
        await agent.accept(offer)
        await agent.expect("call.updated", state="connected")
        await agent.send("call.hang_up", contact_id=offer["contact_id"])
        await agent.finish(offer)
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(phone.wait_until("ended") for phone in phones))
    await agent.leave()


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_callers_notice_nothing_of_a_broker_that_is(how, tmp_path, broker):
    outage = Outage(broker, how)
    async with (
        running(tmp_path / "data", environ=environ(broker)) as system,
        webhooks_apart(system, broker) as (_, client),
    ):
        await _apply(system, document(version=2, timers=PATIENT))
        before = await asyncio.gather(*(call(system) for _ in range(2)))
        in_flight = [asyncio.create_task(call(system)) for _ in range(CALLS)]
        outage.begin()
        phones = await asyncio.gather(*in_flight)
        phones += [await call(system)]
        assert await waiting(client) > 0
        assert (await client.get("/readyz")).status_code == 200
        assert await outcomes(client) == {"answered"}
        assert system.carrier.webhooks.failures == []
        await outage.end()
        await all_forwarded(client)
        assert await on_intake(broker, 2 + CALLS + 1) == [THROUGH] * (2 + CALLS + 1)
        await served(system, [*before, *phones])


async def test_what_a_killed_process_had_spooled_is_forwarded_by_the_next(tmp_path, broker):
    async with running(tmp_path / "data", environ=environ(broker)) as system:
        async with webhooks_apart(system, broker) as (process, client):
            broker.kill()
            phones = await asyncio.gather(*(call(system) for _ in range(3)))
            assert await waiting(client) == len(THROUGH) * len(phones)
            port = client.base_url.port
            process.kill()
            await process.wait()
        await asyncio.to_thread(broker.start)
        async with webhooks_apart(system, broker, port=port) as (_, client):
            await all_forwarded(client)
            assert await on_intake(broker, len(phones)) == [THROUGH] * len(phones)
            assert system.carrier.webhooks.failures == []
