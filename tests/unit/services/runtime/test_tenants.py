from pathlib import Path
from typing import Any

import pytest

from schemas.errors import BusUnavailable, OffsetGone
from schemas.intake import ConfigApplied
from schemas.tenant_config import TenantConfig
from schemas.topics import partition_of
from services.runtime.bus import Message, Place
from services.runtime.clock import ManualClock
from services.runtime.codec import decode_fact
from services.runtime.telemetry import TENANT_VERSION, Metrics
from services.runtime.tenants import Tenants, follow_config, load_tenant, publish_tenant, read_config
from services.runtime.whole_log import SILENT_FETCHES_MAX


class EndOfLogError(Exception):
    pass


@pytest.fixture
def north(tenant_file: Path) -> TenantConfig:
    return load_tenant(tenant_file)


def other(config: TenantConfig, tenant: str, **changes: Any) -> TenantConfig:
    return config.model_copy(update={"tenant": tenant, **changes})


def test_look_ups_find_the_tenant(north: TenantConfig) -> None:
    metrics = Metrics()
    tenants = Tenants(metrics)
    assert tenants.apply(north)
    assert tenants.get("north") is north
    assert tenants.by_number("+15005550100") is north
    assert tenants.by_account("twilio", "AC1") is north
    assert tenants.agent("nurse-1") == (north, north.agents[0])
    assert metrics.value(TENANT_VERSION, tenant="north") == 1


def test_unknown_names_find_nothing() -> None:
    tenants = Tenants()
    assert tenants.get("x") is tenants.by_number("x") is tenants.by_account("x", "y") is tenants.agent("x") is None
    assert (list(tenants.all()), tenants.version("x")) == ([], 0)


def test_only_a_newer_document_is_adopted_and_replaces_the_old_one_whole(north: TenantConfig) -> None:
    tenants = Tenants()
    newer = north.model_copy(update={"version": 2, "numbers": ("+15005550101",), "agents": ()})
    assert tenants.apply(newer)
    assert not tenants.apply(newer)
    assert not tenants.apply(north)
    assert tenants.by_number("+15005550100") is None
    assert tenants.by_number("+15005550101") is newer
    assert tenants.agent("nurse-1") is None


def test_where_tenants_share_an_account_the_first_by_name_has_it(north: TenantConfig) -> None:
    tenants = Tenants()
    south = other(north, "south", numbers=("+15005550102",), agents=())
    for config in (south, north):
        tenants.apply(config)
    assert tenants.by_account("twilio", "AC1") is north
    assert [config.tenant for config in tenants.all()] == ["north", "south"]


def test_numbers_and_agents_have_one_tenant_each(north: TenantConfig) -> None:
    tenants = Tenants()
    tenants.apply(north)
    assert tenants.conflict(north) is None
    assert tenants.conflict(other(north, "south")) == "number +15005550100 belongs to tenant north"
    assert tenants.conflict(other(north, "south", numbers=("+15005550102",))) == "agent nurse-1 belongs to tenant north"


async def test_a_published_document_reaches_followers_and_the_cell(
    bus: Any, clock: ManualClock, north: TenantConfig
) -> None:
    await publish_tenant(bus, north, clock)
    await publish_tenant(bus, north, clock)
    (first, second) = bus.logs[Place("intake", partition_of("pool", 4))]
    applied = decode_fact(first.value)
    assert isinstance(applied.data, ConfigApplied)
    assert applied.data.document == north
    assert decode_fact(second.value).id == applied.id  # publishing again is the same fact
    assert [record.key for record in bus.logs[Place("config", 0)]] == ["north", "north"]
    tenants = Tenants()
    bus.end = EndOfLogError
    with pytest.raises(EndOfLogError):
        await follow_config(bus, tenants)
    assert tenants.get("north") == north


async def test_reading_what_is_there_returns(bus: Any, clock: ManualClock, north: TenantConfig) -> None:
    tenants = Tenants()
    await read_config(bus, tenants)
    assert list(tenants.all()) == []
    await publish_tenant(bus, north, clock)
    await read_config(bus, tenants)
    assert tenants.version("north") == 1


async def test_a_slow_broker_is_no_end(bus: Any, clock: ManualClock, north: TenantConfig) -> None:
    await publish_tenant(bus, north, clock)
    bus.fetched = [None, None]
    tenants = Tenants()
    await read_config(bus, tenants)
    assert tenants.version("north") == 1


async def test_the_end_may_be_a_gap_that_compaction_left(bus: Any, clock: ManualClock, north: TenantConfig) -> None:
    await publish_tenant(bus, north, clock)
    bus.gap = 3
    tenants = Tenants()
    await read_config(bus, tenants)
    assert tenants.version("north") == 1


async def test_a_part_of_the_documents_is_not_taken_for_all(bus: Any, clock: ManualClock, north: TenantConfig) -> None:
    await publish_tenant(bus, north, clock)
    bus.fetched = [None] * SILENT_FETCHES_MAX
    with pytest.raises(BusUnavailable):
        await read_config(bus, Tenants())


@pytest.mark.parametrize("failure", [BusUnavailable("down"), OffsetGone("log was cut")])
async def test_following_outlives_a_bus_that_does_not_answer(
    bus: Any, clock: ManualClock, north: TenantConfig, failure: Exception
) -> None:
    await publish_tenant(bus, north, clock)
    bus.fetched = [failure, failure]
    bus.end = EndOfLogError
    tenants, pauses = Tenants(), []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    with pytest.raises(EndOfLogError):
        await follow_config(bus, tenants, pause=pause)
    assert tenants.version("north") == 1
    assert len(pauses) == 2


async def test_an_unreadable_record_is_passed_over(bus: Any, clock: ManualClock, north: TenantConfig) -> None:
    await bus.publish("config", 0, [Message(b"{}", key="north")])
    await publish_tenant(bus, north, clock)
    tenants = Tenants()
    await read_config(bus, tenants)
    assert tenants.version("north") == 1
