"""Callers who are gone although no status said so."""

import asyncio

import httpx
import pytest

from schemas import ids
from services.runtime.telemetry import CARRIER_CALLS_GONE
from tests.carrier_cases import ACCOUNT, CALL, tenant


@pytest.fixture
def waiting(world, words):
    world.followed.follow("pool", words.queued())
    return world


async def test_who_is_on_the_carriers_list_is_there(waiting):
    for _ in range(3):
        await waiting.reconciler.compare()
    assert waiting.bus.records == []


async def test_who_is_missing_twice_is_gone_and_it_is_told_once(waiting, words):
    waiting.twilio.calls.clear()
    await waiting.reconciler.compare()
    assert waiting.bus.records == []
    for _ in range(3):
        await waiting.reconciler.compare()
    (fact,) = waiting.bus.facts
    assert (fact.type, fact.data.contact_id, fact.cell, fact.tenant) == (
        "leg.caller_ended", words.contact, "pool", "demo",
    )  # fmt: skip
    assert waiting.metrics.value(CARRIER_CALLS_GONE, account="unknown") == 1


async def test_it_is_the_fact_that_the_carrier_would_have_told(waiting, words):
    waiting.followed.follow("pool", words.connecting())
    waiting.twilio.calls.clear()
    for _ in range(2):
        await waiting.reconciler.compare()
    assert waiting.bus.facts[0].id == ids.fact_id("twilio", ACCOUNT, CALL, "caller_ended")


async def test_missing_once_in_between_means_nothing(waiting):
    for calls in ({}, {CALL: "in-progress"}, {}, {CALL: "in-progress"}):
        waiting.twilio.calls = dict(calls)
        await waiting.reconciler.compare()
    assert waiting.bus.records == []


async def test_without_a_list_nobody_is_missing(waiting):
    waiting.twilio.calls.clear()
    waiting.twilio.faults = [httpx.ConnectError("down")] * 6
    for _ in range(3):
        await waiting.reconciler.compare()
    assert waiting.bus.records == []  # the third was the first list


@pytest.mark.parametrize("rows", [[{"status": "in-progress"}], ["CA1"], [None], [[]], {"sid": "CA1"}, None])
async def test_a_list_that_makes_no_sense_is_none_and_ends_nothing(waiting, rows):
    waiting.twilio.listed = {"calls": rows}
    for _ in range(3):
        await waiting.reconciler.compare()
    assert waiting.bus.records == []
    waiting.twilio.listed = None
    waiting.twilio.calls.clear()
    for _ in range(2):
        await waiting.reconciler.compare()
    assert len(waiting.bus.records) == 1


async def test_a_tenant_with_two_accounts_needs_both_lists(world, words):
    two = [{"carrier": "twilio", "account": name, "secrets": ["twilio"]} for name in (ACCOUNT, "AC2")]
    world.tenants.apply(tenant(version=2, carriers=two))
    world.followed.follow("pool", words.queued())
    world.twilio.calls.clear()
    for _ in range(3):
        await world.reconciler.compare()
    assert world.bus.records == [], "the other account's list is not to be had here"


async def test_who_arrived_after_the_list_was_begun_is_not_missing(world, words):
    async def arrive(*_):
        world.followed.follow("pool", words.queued())

    world.twilio.calls.clear()
    world.twilio.hook = arrive
    world.followed.follow("pool", words.queued("another"))
    await world.reconciler.compare()
    assert set(world.reconciler._missing) == {"another"}


async def test_who_ended_in_order_is_not_looked_for(waiting, words):
    waiting.twilio.calls.clear()
    await waiting.reconciler.compare()
    waiting.followed.follow("pool", words.ended())
    await waiting.reconciler.compare()
    assert waiting.bus.records == []


async def test_nobody_is_asked_about_nobody(world):
    await world.reconciler.compare()
    assert world.twilio.requests == []


async def test_a_tenant_that_is_gone(waiting, words):
    waiting.followed.follow("pool", words.queued("c-9", tenant="nobody"))
    for _ in range(3):
        await waiting.reconciler.compare()
    assert waiting.bus.records == []


async def test_it_begins_when_the_log_has_been_read_and_goes_on(waiting):
    ready = asyncio.Event()
    compared = []
    enough = asyncio.Event()

    async def pause(seconds):
        compared.append(seconds)
        if len(compared) == 3:
            enough.set()
            await asyncio.Event().wait()

    waiting.reconciler._pause = pause
    running = asyncio.ensure_future(waiting.reconciler.run(ready))
    await asyncio.sleep(0)
    assert waiting.twilio.requests == []
    ready.set()
    await enough.wait()
    running.cancel()
    assert compared == [5.0, 60.0, 60.0]
    assert len(waiting.twilio.requests) == 3
