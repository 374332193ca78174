"""The buses under contract: every test that asks for `open_bus` or `bus` runs on each of them."""

from uuid import uuid4

import pytest

from services.runtime.embedded_bus import EmbeddedBus
from services.runtime.kafka_bus import KafkaBus

PARTITIONS = 2


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def open_bus(request, tmp_path):
    """A function that opens the bus, each time over the same logs."""
    if request.param == "embedded":
        return lambda: EmbeddedBus(tmp_path / "bus.db", PARTITIONS)
    bootstrap = request.getfixturevalue("kafka_bootstrap")
    prefix = f"{uuid4().hex}."
    # A patience that a busy machine does not exhaust; what happens when it ends is tested apart.
    return lambda: KafkaBus(bootstrap, PARTITIONS, prefix, publish_timeout_s=20)


@pytest.fixture
async def bus(open_bus):
    async with open_bus() as opened:
        yield opened
