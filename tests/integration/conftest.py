"""One running system for all tests of a module."""

import pytest
import pytest_asyncio

from tests.integration.system import running


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def system(data):
    async with running(data, environ={"FRONTDOOR_LOG_LEVEL": "debug"}) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="module")
async def tidy(system):
    """Leave no call behind, no agent and no fault."""
    yield
    for agent in system.agents:
        await agent.leave()
    system.agents.clear()
    faults = system.carrier.faults
    faults.rest_status = None
    faults.rest_delay_s = faults.status_delay_s = 0.0
    faults.rest_only, faults.rest_lost, faults.rest_times = "", False, None
    faults.webhook_copies = faults.status_copies = 1
    faults.statuses_dropped = ()
    for leg in list(system.carrier.legs()):
        if leg.live:
            leg.end("hung_up")
            await leg.phone.wait_until("ended")
