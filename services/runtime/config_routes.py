"""Tenants' documents over HTTP: how a running system gets a new one."""

from collections.abc import Awaitable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException

from schemas.errors import BusUnavailable
from schemas.tenant_config import TenantConfig
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.identity import Identity, Principal
from services.runtime.tenant_checks import findings
from services.runtime.tenants import Tenants, announce_tenant, publish_tenant


def config_routes(identity: Identity, bus: Bus, tenants: Tenants, clock: Clock) -> APIRouter:
    """Return PUT and GET /v1/tenants/{tenant}, for admins: of the installation, or of that tenant.

    A PUT of what is there already changes nothing and is answered 200, and tells the router once more: an earlier PUT
    may have failed between the two. An old version, or a number or agent of another tenant, is a conflict (409). A
    document that breaks the schema or a rule of `tenant_checks` is refused (422), and the one in force stays.
    """
    router = APIRouter(tags=["configuration"])
    admin = Annotated[Principal, Depends(identity.require("admin"))]

    @router.put("/v1/tenants/{tenant}")
    async def put(tenant: str, config: TenantConfig, principal: admin) -> dict[str, Any]:
        _require_own(principal, tenant)
        if config.tenant != tenant:
            raise HTTPException(422, "the document is of another tenant")
        known = tenants.get(tenant)
        if config == known:
            await _acknowledged(announce_tenant(bus, config, clock))
        else:
            _require_newer(config, known)
            _require_order(config, clock)
            conflict = tenants.conflict(config)
            if conflict:
                raise HTTPException(409, conflict)
            await _acknowledged(publish_tenant(bus, config, clock))
            tenants.apply(config)
        return {"tenant": tenant, "version": config.version, "changed": config != known}

    @router.get("/v1/tenants/{tenant}")
    async def get(tenant: str, principal: admin) -> TenantConfig:
        _require_own(principal, tenant)
        known = tenants.get(tenant)
        if known is None:
            raise HTTPException(404, "no tenant has this name")
        return known

    return router


def _require_own(principal: Principal, tenant: str) -> None:
    if principal.tenant not in {None, tenant}:
        raise HTTPException(403, "this is another tenant's document")


def _require_newer(config: TenantConfig, known: TenantConfig | None) -> None:
    if known is not None and config.version <= known.version:
        raise HTTPException(409, f"version {known.version} is in force; set version: {known.version + 1}")


def _require_order(config: TenantConfig, clock: Clock) -> None:
    """Refuse a document that would leave callers without anybody, so that it never replaces a good one."""
    finding = next(findings(config, clock.now()), None)
    if finding is not None:
        where = ".".join(map(str, finding.at))
        raise HTTPException(422, f"{where}: {finding.problem}. {finding.remedy}")


async def _acknowledged(publishing: Awaitable[None]) -> None:
    try:
        await publishing
    except BusUnavailable:
        raise HTTPException(503, "the bus did not acknowledge; apply the document again") from None
