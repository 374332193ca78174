"""Who may read what: by role, and strictly within the tenant that a token names."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from fastapi import HTTPException, Response
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from schemas.tenant_config import TenantConfig
from services.runtime.identity import Principal, Role
from services.runtime.tenants import Tenants

MAY_READ_ALL: Final[tuple[Role, ...]] = ("supervisor", "admin", "auditor")
MAY_READ_QUEUES: Final[tuple[Role, ...]] = (*MAY_READ_ALL, "agent", "nurse", "service")
# A token without a tenant is for the installation itself; only these roles have such staff.
_INSTALLATION_ROLES: Final[frozenset[Role]] = frozenset({"admin", "auditor", "service"})


class Scope(NamedTuple):
    """What a principal may see: one tenant, or None for all of the installation."""

    tenant: str | None

    def holds(self, tenant: str | None) -> bool:
        """Return whether a row of `tenant` is in it. A row whose tenant is unknown is the installation's."""
        return self.tenant is None or self.tenant == tenant

    def configs(self, tenants: Tenants) -> Sequence[TenantConfig]:
        """Return the documents of its tenants, sorted by tenant."""
        return [config for config in tenants.all() if self.holds(config.tenant)]


def scope_of(principal: Principal) -> Scope:
    """Return what a principal may see; 403 for a token without a tenant whose role belongs to one."""
    if principal.tenant is None and principal.role not in _INSTALLATION_ROLES:
        raise HTTPException(403, "this token names no tenant")
    return Scope(principal.tenant)


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Give a connection to read with; a database that does not answer is 503, since calls go on without it."""
    try:
        async with engine.connect() as connection:
            yield connection
    except (SQLAlchemyError, OSError):
        raise HTTPException(503, "the database does not answer; calls go on", {"Retry-After": "5"}) from None


def not_stored(response: Response) -> None:
    """Keep answers out of caches; a dependency of every reading route."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
