"""The whole process on a real embedded bus: follows, performs, commits, and goes on after a restart."""

import asyncio
from datetime import timedelta

import pytest

from schemas.errors import BusUnavailable
from schemas.topics import DECISIONS, INTAKE, partition_of
from services.call_control import process
from services.call_control.worker import GROUP
from services.routing import snapshots
from services.runtime.bus import Place
from services.runtime.clock import ManualClock
from services.runtime.codec import decode_fact
from services.runtime.crypto import UrlSeal, load_root_keys
from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.limits import Limits
from services.runtime.secrets_store import Secrets
from services.runtime.telemetry import Metrics
from services.runtime.tenants import Tenants
from tests.carrier_cases import CALL, NOW, PUBLIC, SECRET, DecisionsLog, tenant
from tests.world import World

PARTITIONS = 2
POOL = partition_of("pool", PARTITIONS)


@pytest.fixture
async def bus(tmp_path):
    async with EmbeddedBus(tmp_path / "bus.db", PARTITIONS) as bus:
        yield bus


@pytest.fixture
def build(bus, world, tmp_path):
    tenants = Tenants()
    tenants.apply(tenant())

    def make(clock=None, bus_=None, **limits):
        async def pause(seconds):
            if seconds >= Limits().reconcile_s:
                await asyncio.Event().wait()  # a minute is longer than a test
            await asyncio.sleep(0)

        return process.build(
            bus=bus_ or bus,
            clock=clock or ManualClock(),
            tenants=tenants,
            secrets=Secrets(tmp_path, environ={"FRONTDOOR_SECRET_TWILIO": SECRET}),
            seal=UrlSeal(load_root_keys(tmp_path)),
            limits=Limits(**limits),
            metrics=Metrics(),
            public_url=PUBLIC,
            twilio_api_base="https://api.example",
            transport=world.twilio,
            pause=pause,
        )

    return make


async def facts_until(bus, count):
    found = []
    async with bus.read({Place(INTAKE.name, POOL): 0}) as reader:
        while len(found) < count:
            found += [decode_fact(record.value) for record in await reader.fetch()]
    return found


async def committed(bus):
    """Return the offsets that a new member of the group would get first."""
    async with bus.join(GROUP, [DECISIONS.name]) as reader:
        return [record.offset for record in await reader.fetch(wait_s=0.1)]


async def test_an_agent_is_dialled_and_the_caller_moved(bus, build, world, words, running):
    router = DecisionsLog(bus, POOL)
    async with running(build()):
        await router.decide(words.queued(), words.reserved())
        await router.decide(words.connecting())
        await router.decide(words.joining())
        (fact,) = await facts_until(bus, 1)
    assert fact.type == "leg.caller_joined"
    assert [path for method, path, _ in world.twilio.requests if method == "POST"] == [
        f"/Conferences/{words.contact}/Participants.json", f"/Calls/{CALL}.json",
    ]  # fmt: skip
    assert await committed(bus) == []


async def test_what_was_not_done_before_a_restart_is_done_after_it(bus, build, world, words, running):
    router = DecisionsLog(bus, POOL)
    begun = asyncio.Event()

    async def stuck(*_):
        begun.set()
        await asyncio.Event().wait()

    world.twilio.hook = stuck
    first = build()
    tasks = [asyncio.ensure_future(loop()) for loop in first.loops]
    await router.decide(words.connecting())
    await begun.wait()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await first.finish()
    world.twilio.hook = None
    async with running(build()):
        await router.decide(words.joining())
        await facts_until(bus, 1)
    assert len(world.twilio.posts("Participants")) == 1


async def test_after_a_pause_nothing_is_done_for_what_has_ended_since(bus, build, world, words, running):
    router = DecisionsLog(bus, POOL)
    await router.decide(words.queued())
    await router.decide(words.connecting(within_s=1000))
    await router.decide(words.rescinded(), words.released())
    clock = ManualClock(NOW + timedelta(seconds=60))
    async with running(build(clock)):
        await router.decide(words.connecting("r-2", fence=2, within_s=1000))
        await router.decide(words.joining("r-2", fence=2))
        await facts_until(bus, 1)
    assert [form["Label"] for form in world.twilio.posts("Participants")] == ["r-2"]


async def test_what_nobody_else_can_have_begun_is_not_looked_for(bus, build, world, words, running):
    router = DecisionsLog(bus, POOL)
    async with running(build()):
        await router.decide(words.joining())
        await facts_until(bus, 1)
        world.twilio.requests.clear()
        world.twilio.join("CA-agent", "r-2", "c-2")
        await router.decide(words.joining("r-2", contact="c-2"))
        await facts_until(bus, 2)
    assert [(method, path) for method, path, _ in world.twilio.requests] == [("POST", f"/Calls/{CALL}.json")]


async def test_what_another_member_may_have_begun_meanwhile_is_looked_for(bus, build, world, words, running):
    router = DecisionsLog(bus, partition=1)  # the second member's share
    later = NOW + timedelta(seconds=1)
    async with running(build()):
        await router.decide(words.connecting(), at=later)
        await router.decide(words.joining(), at=later)
        await facts_until(bus, 1)
        world.twilio.join(CALL)
        async with bus.join(GROUP, [DECISIONS.name]) as other:
            await router.decide(words.joining("r-2", contact="c-2"), at=later)
            while not await other.fetch():
                pass
            world.twilio.join("CA-agent", "r-2", "c-2")
            world.twilio.join(CALL, None, "c-2")  # the other moved them, and died before it said so
        await facts_until(bus, 2)
    assert len(world.twilio.posts("Calls")) == 1, "moving a caller who is in the conference would end it"


async def test_one_callers_slow_carrier_does_not_hold_up_another(bus, build, world, words, running):
    router = DecisionsLog(bus, POOL)
    door = asyncio.Event()

    async def slow(_, path):
        if "slow" in path:
            await door.wait()

    world.twilio.hook = slow
    world.twilio.join("CA-x", "r-slow", "slow")
    async with running(build()):
        await router.decide(words.joining("r-slow", contact="slow"))
        await router.decide(words.connecting())
        await router.decide(words.joining())
        (fact,) = await facts_until(bus, 1)
        assert fact.data.contact_id == words.contact
        door.set()
        await facts_until(bus, 2)


async def test_a_caller_who_left_while_we_were_away_is_found(bus, build, world, words, running):
    await DecisionsLog(bus, POOL).decide(words.queued(), words.reserved())
    world.twilio.calls.clear()
    async with running(build()):
        (fact,) = await facts_until(bus, 1)
    assert (fact.type, fact.data.contact_id) == ("leg.caller_ended", words.contact)


async def test_a_caller_of_long_ago_who_left_is_found_too(bus, build, world, words, running):
    morning = World()
    morning.call(words.contact)
    image = {"causes": {}, "cells": {"pool": morning.engine.image()}}
    await snapshots.save(bus, POOL, snapshots.Snapshot(0, 0, 0, 0, image), slot=0, at=NOW)
    router = DecisionsLog(bus, POOL)
    for number in range(9):
        await router.decide(words.ended(f"c-{number}"))
    world.twilio.calls.clear()
    async with running(build(carrier_catch_up_records=3)):
        (fact,) = await facts_until(bus, 1)
    assert (fact.type, fact.data.contact_id) == ("leg.caller_ended", words.contact)


async def test_steps_of_a_superseded_router_are_not_performed(bus, build, world, words, running):
    old, new = DecisionsLog(bus, POOL), DecisionsLog(bus, POOL)
    await old.decide(words.queued())
    await new.decide(words.queued())
    async with running(build()):
        await old.decide(words.connecting("r-old"))
        await new.decide(words.connecting("r-new"))
        await new.decide(words.joining("r-new"))
        await facts_until(bus, 1)
    assert [form["Label"] for form in world.twilio.posts("Participants")] == ["r-new"]


async def test_it_is_ready_when_it_has_read_the_log(bus, build, words, running):
    call_control = build()
    assert call_control.not_ready() is not None
    router = DecisionsLog(bus, POOL)
    async with running(call_control):
        await router.decide(words.connecting())
        await router.decide(words.joining())
        await facts_until(bus, 1)
        assert call_control.not_ready() is None


class Flaky:
    """A bus that is unavailable for the first calls."""

    def __init__(self, bus):
        self._bus = bus
        self.failures = 3

    def __getattr__(self, name):
        return getattr(self._bus, name)

    async def bounds(self, where):
        if self.failures:
            self.failures -= 1
            raise BusUnavailable("not yet")
        return await self._bus.bounds(where)


async def test_a_bus_that_is_not_there_yet_is_waited_for(bus, build, words, running):
    router = DecisionsLog(bus, POOL)
    async with running(build(bus_=Flaky(bus))):
        await router.decide(words.connecting())
        await router.decide(words.joining())
        await facts_until(bus, 1)
