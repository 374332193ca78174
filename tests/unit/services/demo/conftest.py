"""A simulated carrier over a small system, in memory and on time that a test moves."""

import httpx
import pytest

from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_rest import rest_app
from services.demo.pace import ManualPace
from tests.unit.services.demo.fake_system import API, BASE, SECRET, FakeSystem


@pytest.fixture
def system() -> FakeSystem:
    return FakeSystem()


@pytest.fixture
def pace() -> ManualPace:
    return ManualPace()


@pytest.fixture
async def carrier(system, pace):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(system)) as client:
        carrier = SimulatedCarrier(base_url=BASE, account="AC1", secret=SECRET, client=client, pace=pace)
        yield carrier
        await carrier.close()


@pytest.fixture
async def rest(carrier):
    transport = httpx.ASGITransport(rest_app(carrier))
    async with httpx.AsyncClient(transport=transport, base_url=API, auth=("AC1", SECRET)) as client:
        yield client
