"""Signing in with one click and finding the simulated carrier: only in the demo, and only there without a token."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException
from pydantic import Field, model_validator

from schemas.routing import EdgeModel
from services.console.access import not_stored
from services.runtime.identity import Identity
from services.runtime.settings import Settings
from services.runtime.tenants import Tenants

PRACTICE = "practice-"  # agents whose id begins so are kept for people; no simulated agent signs in as one


class SignIn(EdgeModel):
    """Who to be: an agent by id, or a supervisor."""

    agent_id: Annotated[str, Field(max_length=64)] | None = None
    role: Literal["supervisor"] | None = None

    @model_validator(mode="after")
    def _one(self) -> "SignIn":
        if (self.agent_id is None) == (self.role is None):
            raise ValueError("give agent_id or role, one of them")
        return self


def carrier_url(settings: Settings) -> str:
    """Return where the simulated carrier listens."""
    return f"http://{settings.host}:{settings.carrier_port}"


def demo_routes(*, settings: Settings, identity: Identity, tenants: Tenants) -> APIRouter:
    """Return the demo's routes; the caller mounts them only when `settings.demo`."""
    router = APIRouter(prefix="/v1/demo", tags=["demo"], dependencies=[Depends(not_stored)])

    @router.get("/info")
    async def info() -> dict[str, Any]:
        return {
            "agents": [
                {
                    "agent_id": agent.agent_id,
                    "name": agent.name,
                    "role": agent.role,
                    "skills": [level.skill for level in agent.skills],
                    "practice": agent.agent_id.startswith(PRACTICE),
                }
                for config in tenants.all()
                for agent in config.agents
            ],
            "numbers": [number for config in tenants.all() for number in config.numbers],
            "carrier_url": carrier_url(settings),
        }

    @router.post("/sign-in")
    async def sign_in(wanted: SignIn) -> dict[str, str]:
        if wanted.agent_id is not None:
            found = tenants.agent(wanted.agent_id)
            if found is None:
                raise HTTPException(404, "no such agent")
            config, agent = found
            return {"token": identity.issue(agent.agent_id, role=agent.role, tenant=config.tenant)}
        configs = tenants.all()
        if not configs:
            raise HTTPException(503, "no tenant has been applied yet", {"Retry-After": "1"})
        return {"token": identity.issue("demo-supervisor", role="supervisor", tenant=configs[0].tenant)}

    return router
