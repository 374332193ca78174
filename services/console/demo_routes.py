"""Signing in with one click and finding the simulated carrier: only in the demo, and only there without a token.

A page of somewhere else must not do it: its name may be made to lead here (DNS rebinding), and then the browser takes
it for one of ours. So these routes answer only to names that are ours, and to bare addresses, which nobody can bind.
"""

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header, HTTPException
from pydantic import Field, model_validator

from schemas.routing import EdgeModel
from services.console.access import not_stored
from services.runtime.identity import Identity
from services.runtime.settings import Settings
from services.runtime.tenants import Tenants

_EVERYWHERE: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  compared with, not listened on
_LOOPBACK: Final = "127.0.0.1"
_MISDIRECTED: Final = 421
_HOST: Final = re.compile(r"(?:\[(?P<address>[^\[\]]+)\]|(?P<name>[^:\[\]]+))(?::\d*)?")
PRACTICE: Final = "practice-"  # agents whose id begins so are kept for people; no simulated agent signs in as one


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
    """Return where a browser finds the simulated carrier."""
    host = _LOOPBACK if settings.host in _EVERYWHERE else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.carrier_port}"


def own_host(settings: Settings) -> Callable[[str], None]:
    """Return a dependency that answers 421 to a request whose `Host` is somebody else's name."""
    own = {"localhost", settings.host.lower(), (urlsplit(settings.public_url).hostname or "localhost").lower()}

    def check(host: Annotated[str, Header()] = "") -> None:
        name = _name_of(host)
        if name not in own and not _is_address(name):
            raise HTTPException(_MISDIRECTED, "the demo answers only to a name of its own")

    return check


def _name_of(host: str) -> str:
    """Return the name in a `Host` header, without port and final dot; empty for what is none."""
    found = _HOST.fullmatch(host)
    return (found["address"] or found["name"]).lower().removesuffix(".") if found else ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def demo_routes(*, settings: Settings, identity: Identity, tenants: Tenants) -> APIRouter:
    """Return the demo's routes; the caller mounts them only when `settings.demo`."""
    guards = [Depends(not_stored), Depends(own_host(settings))]
    router = APIRouter(prefix="/v1/demo", tags=["demo"], dependencies=guards)

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
