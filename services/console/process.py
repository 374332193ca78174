"""The console process: reading API, wall board and pages."""

from sqlalchemy.ext.asyncio import AsyncEngine

from services.console.board import Board
from services.console.demo_routes import carrier_url, demo_routes
from services.console.pages import page_routes
from services.console.routes import board_routes, reading_routes
from services.runtime.clock import Clock
from services.runtime.identity import Identity
from services.runtime.limits import Limits
from services.runtime.process import Process
from services.runtime.settings import Settings
from services.runtime.telemetry import Metrics
from services.runtime.tenants import Tenants


def build(
    *,
    settings: Settings,
    engine: AsyncEngine,
    identity: Identity,
    tenants: Tenants,
    clock: Clock,
    metrics: Metrics,
    limits: Limits | None = None,
) -> Process:
    """Return the process. `tenants` is kept up to date by whoever starts it (`follow_config`).

    It is ready without a database: pages then say that history is not to be had, and calls go on.
    """
    limits = limits or Limits()
    board = Board(engine=engine, tenants=tenants, clock=clock, metrics=metrics, limits=limits)
    routes = [
        reading_routes(engine=engine, identity=identity, tenants=tenants, clock=clock, limits=limits),
        board_routes(board=board, identity=identity),
        page_routes(demo=settings.demo, carrier_url=carrier_url(settings)),
    ]
    if settings.demo:
        routes.append(demo_routes(settings=settings, identity=identity, tenants=tenants))
    return Process(name="console", vital=False, routes=tuple(routes), loops=(board.run,), drain=board.close)
