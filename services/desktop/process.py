"""The desktop process: routes and loops."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from services.desktop.gate import Gate
from services.desktop.relay import Relay
from services.runtime.bus import Bus
from services.runtime.clock import Clock
from services.runtime.crypto import Vault
from services.runtime.identity import Identity, Principal
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.telemetry import Metrics
from services.runtime.tenants import Tenants


class Ticket(BaseModel):
    """What opens one socket: `WS /v1/agents/ws?ticket=…`."""

    ticket: str = Field(description="good once, for 30 s; a token never stands in a URL (ASVS 5.0, 4.4.3)")


def build(
    *,
    bus: Bus,
    clock: Clock,
    identity: Identity,
    tenants: Tenants,
    vault: Vault,
    limits: Limits,
    metrics: Metrics,
    public_url: str,
) -> Process:
    """Return the process."""
    relay = Relay(bus, clock=clock, limits=limits, metrics=metrics)
    gate = Gate(
        relay,
        public_url=public_url,
        identity=identity,
        tenants=tenants,
        vault=vault,
        clock=clock,
        limits=limits,
        metrics=metrics,
    )
    return Process(
        name="desktop",
        routes=(_routes(gate, identity),),
        loops=(relay.follow, relay.sweep),
        not_ready=relay.not_ready,
        drain=relay.drain,
    )


def _routes(gate: Gate, identity: Identity) -> APIRouter:
    router = APIRouter(tags=["agents"])
    agent = Annotated[Principal, Depends(identity.require("agent", "nurse", "supervisor"))]

    @router.post("/v1/agents/ticket")
    async def ticket(principal: agent, response: Response) -> Ticket:
        """Return a ticket for the websocket, for whom the bearer token names."""
        response.headers["Cache-Control"] = "no-store"
        return Ticket(ticket=identity.ticket(principal))

    router.add_websocket_route("/v1/agents/ws", gate.serve)
    return router
