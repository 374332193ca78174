from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from schemas.errors import BusUnavailable
from schemas.topics import partition_of
from services.runtime.bus import Place
from services.runtime.clock import ManualClock
from services.runtime.codec import decode_fact
from services.runtime.config_routes import config_routes
from services.runtime.crypto import RootKeys
from services.runtime.identity import DevelopmentKey, Identity
from services.runtime.tenants import Tenants, load_tenant, read_config


@pytest.fixture
def identity(tmp_path: Path, roots: RootKeys, clock: ManualClock) -> Identity:
    return Identity(DevelopmentKey.load(tmp_path), roots=roots, clock=clock)


@pytest.fixture
def document(tenant_file: Path) -> dict[str, Any]:
    return load_tenant(tenant_file).model_dump(mode="json")


@pytest.fixture
def tenants() -> Tenants:
    return Tenants()


@pytest.fixture
async def client(identity: Identity, bus: Any, tenants: Tenants, clock: ManualClock) -> AsyncIterator[AsyncClient]:
    app = FastAPI()
    app.include_router(config_routes(identity, bus, tenants, clock))
    token = identity.issue("boss", role="admin", tenant=None)
    headers = {"Authorization": f"Bearer {token}"}
    async with AsyncClient(transport=ASGITransport(app), base_url="http://test", headers=headers) as found:
        yield found


async def put(client: AsyncClient, document: dict[str, Any], **changes: Any) -> Response:
    return await client.put("/v1/tenants/north", json=document | changes)


async def test_a_document_is_published_once_and_can_be_read(
    client: AsyncClient, bus: Any, document: dict[str, Any]
) -> None:
    assert (await put(client, document)).json() == {"tenant": "north", "version": 1, "changed": True}
    assert (await put(client, document)).json() == {"tenant": "north", "version": 1, "changed": False}
    assert len(bus.logs[Place("config", 0)]) == 1
    assert (await client.get("/v1/tenants/north")).json() == document
    assert (await client.get("/v1/tenants/south")).status_code == 404


async def test_a_changed_document_needs_a_newer_version(client: AsyncClient, document: dict[str, Any]) -> None:
    await put(client, document, version=3)
    answer = await put(client, document, version=3, flow="other")
    assert (answer.status_code, answer.json()["detail"]) == (409, "version 3 is in force; set version: 4")
    assert (await put(client, document, version=4)).json()["changed"]


async def test_numbers_of_another_tenant_are_a_conflict(client: AsyncClient, document: dict[str, Any]) -> None:
    await put(client, document)
    answer = await client.put("/v1/tenants/south", json=document | {"tenant": "south"})
    assert (answer.status_code, answer.json()["detail"]) == (409, "number +15005550100 belongs to tenant north")


async def test_what_does_not_fit_is_refused(client: AsyncClient, document: dict[str, Any]) -> None:
    assert (await put(client, document, colour="blue")).status_code == 422
    assert (await put(client, document, tenant="south")).status_code == 422


async def test_a_bad_document_never_replaces_a_good_one(
    client: AsyncClient, bus: Any, tenants: Tenants, document: dict[str, Any]
) -> None:
    await put(client, document)
    attic = {"name": "attic", "requires": [{"skill": "triage"}]}
    answer = await put(client, document, version=2, queues=[*document["queues"], attic])
    assert answer.status_code == 422
    assert answer.json()["detail"] == (
        "queues.1: nobody ever comes to queue 'attic': it has no intents, and no other queue leads to it. "
        "Add intents: to it, make it another's after_hours queue, or take it away."
    )
    assert (await client.get("/v1/tenants/north")).json() == document
    assert tenants.version("north") == 1
    assert [len(log) for log in bus.logs.values()] == [1, 1]  # on `config` and on `intake`: the good one, once
    assert (await put(client, document, version=2, flow="other")).json()["version"] == 2


async def test_a_bus_that_is_down_is_503_and_nothing_is_adopted(
    client: AsyncClient, bus: Any, document: dict[str, Any]
) -> None:
    bus.failure = BusUnavailable("down")
    assert (await put(client, document)).status_code == 503
    bus.failure = None
    assert (await put(client, document)).json()["changed"]


async def test_applying_again_tells_the_router_what_it_missed(
    client: AsyncClient, bus: Any, tenants: Tenants, document: dict[str, Any]
) -> None:
    bus.failure, bus.failing_topic = BusUnavailable("down"), "intake"
    assert (await put(client, document)).status_code == 503
    await read_config(bus, tenants)  # what follows `config` adopts it meanwhile
    bus.failure = None
    assert (await put(client, document)).json() == {"tenant": "north", "version": 1, "changed": False}
    (told,) = bus.logs[Place("intake", partition_of("pool", 4))]
    assert decode_fact(told.value).type == "config.applied"


@pytest.mark.parametrize(("role", "tenant", "status"), [("admin", "south", 403), ("nurse", None, 403)])
async def test_only_admins_and_only_of_that_tenant(
    client: AsyncClient, identity: Identity, document: dict[str, Any], role: Any, tenant: str | None, status: int
) -> None:
    token = identity.issue("who", role=role, tenant=tenant)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await client.put("/v1/tenants/north", json=document, headers=headers)).status_code == status
    assert (await client.get("/v1/tenants/north", headers=headers)).status_code == status
