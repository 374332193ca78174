from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from services.console.process import build
from services.runtime.clock import ManualClock
from services.runtime.crypto import load_root_keys
from services.runtime.database import open_database
from services.runtime.identity import DevelopmentKey, Identity, Role
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.settings import Settings
from services.runtime.telemetry import Metrics
from services.runtime.tenants import Tenants
from tests import records_cases as case


@dataclass
class Console:
    """The console over a real database, asked over HTTP."""

    engine: AsyncEngine
    identity: Identity
    tenants: Tenants
    clock: ManualClock
    metrics: Metrics
    limits: Limits
    folder: Path

    def process(self, *, demo: bool = False, **more: Any) -> Process:
        settings = Settings(data_dir=self.folder, demo=demo, port=8080, **more)
        return build(
            settings=settings,
            engine=self.engine,
            identity=self.identity,
            tenants=self.tenants,
            clock=self.clock,
            metrics=self.metrics,
            limits=self.limits,
        )

    def client(self, *, demo: bool = False, base_url: str = "http://127.0.0.1:8080", **more: Any) -> httpx.AsyncClient:
        app = FastAPI()
        for router in self.process(demo=demo, **more).routes:
            app.include_router(router)
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url)

    def bearer(self, role: Role = "supervisor", tenant: str | None = "demo") -> dict[str, str]:
        return {"Authorization": f"Bearer {self.identity.issue('someone', role=role, tenant=tenant)}"}

    async def get(self, path: str, *, role: Role = "supervisor", tenant: str | None = "demo") -> httpx.Response:
        async with self.client() as client:
            return await client.get(path, headers=self.bearer(role, tenant))


@pytest.fixture
async def console(tmp_path: Path) -> AsyncIterator[Console]:
    clock = ManualClock(case.at(100))
    tenants = Tenants()
    tenants.apply(case.config(2))
    identity = Identity(DevelopmentKey.load(tmp_path), roots=load_root_keys(tmp_path), clock=clock)
    async with open_database(f"sqlite+aiosqlite:///{tmp_path}/records.db") as engine:
        await case.fold_with_cuts(engine, [])
        yield Console(
            engine, identity, tenants, clock, Metrics(), Limits(board_listeners_max=1, board_interval_s=0.01), tmp_path
        )
