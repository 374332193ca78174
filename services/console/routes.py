"""The reading API. Each route says who may ask; a row of another tenant does not exist for the asker."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncEngine

from services.console.access import MAY_READ_ALL, MAY_READ_QUEUES, not_stored, reading, scope_of
from services.console.board import Board
from services.console.contacts import read_contact, read_explanation
from services.console.queries import read_agents, read_kpis, read_queues
from services.runtime.clock import Clock
from services.runtime.identity import Identity, NotAuthenticated, Principal
from services.runtime.limits import Limits
from services.runtime.tenants import Tenants

ContactPath = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


def reading_routes(
    *, engine: AsyncEngine, identity: Identity, tenants: Tenants, clock: Clock, limits: Limits
) -> APIRouter:
    """Return the routes that read the database."""
    router = APIRouter(prefix="/v1", tags=["reading"], dependencies=[Depends(not_stored)])
    reader = Annotated[Principal, Depends(identity.require(*MAY_READ_ALL))]
    colleague = Annotated[Principal, Depends(identity.require(*MAY_READ_QUEUES))]

    @router.get("/contacts/{contact_id}")
    async def contact(contact_id: ContactPath, principal: reader) -> dict[str, Any]:
        async with reading(engine) as connection:
            found = await read_contact(connection, contact_id, scope_of(principal))
        return _or_404(found)

    @router.get("/contacts/{contact_id}/explanation")
    async def explanation(contact_id: ContactPath, principal: reader) -> dict[str, Any]:
        async with reading(engine) as connection:
            found = await read_explanation(
                connection, contact_id, scope_of(principal), events_max=limits.history_events_max
            )
        return _or_404(found)

    @router.get("/queues")
    async def queues(principal: colleague) -> dict[str, Any]:
        configs = scope_of(principal).configs(tenants)
        async with reading(engine) as connection:
            return {"queues": await read_queues(connection, configs, clock.now())}

    @router.get("/agents")
    async def agents(principal: reader) -> dict[str, Any]:
        configs = scope_of(principal).configs(tenants)
        async with reading(engine) as connection:
            return {"agents": await read_agents(connection, configs)}

    @router.get("/kpis")
    async def kpis(principal: reader) -> dict[str, Any]:
        configs = scope_of(principal).configs(tenants)
        async with reading(engine) as connection:
            return await read_kpis(connection, configs, clock.now())

    return router


def board_routes(*, board: Board, identity: Identity) -> APIRouter:
    """Return the wall board's ticket and stream. A browser cannot send a token with an event stream, hence tickets."""
    router = APIRouter(prefix="/v1/wallboard", tags=["reading"])
    reader = Annotated[Principal, Depends(identity.require(*MAY_READ_ALL))]

    @router.post("/ticket", dependencies=[Depends(not_stored)])
    async def ticket(principal: reader) -> dict[str, str]:
        scope_of(principal)
        return {"ticket": identity.ticket(principal)}

    @router.get("/stream")
    async def stream(ticket: Annotated[str, Query(max_length=4096)]) -> StreamingResponse:
        try:
            principal = identity.redeem(ticket)
        except NotAuthenticated:
            raise HTTPException(401, "a fresh ticket is needed") from None
        if principal.role not in MAY_READ_ALL:
            raise HTTPException(403, f"this needs the role {' or '.join(MAY_READ_ALL)}")
        scope = scope_of(principal)
        if board.is_full():
            raise HTTPException(503, "too many wall boards are open", {"Retry-After": "30"})
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}
        return StreamingResponse(board.listen(scope), media_type="text/event-stream", headers=headers)

    return router


def _or_404(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        raise HTTPException(404, "no such contact")
    return found
