import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from schemas.agents import StatusSet
from schemas.contacts import ContactArrived
from schemas.errors import BusUnavailable
from schemas.ids import AgentId, ContactId
from schemas.intake import FactEnvelope
from schemas.routing import AgentStatus
from schemas.topics import partition_of
from services.runtime.bus import Message, Place
from services.runtime.clock import ManualClock
from services.runtime.codec import decode_fact
from services.runtime.facts import FactPublisher, fact
from services.runtime.limits import Limits
from services.runtime.telemetry import FACTS_PUBLISHED, LIMIT_REACHED, Metrics


def status(number: int, cell: str, clock: ManualClock) -> FactEnvelope:
    data = StatusSet(agent_id=AgentId("nurse-1"), status=AgentStatus.AVAILABLE)
    return fact(
        data, id=f"f{number}", source="/desktop", subject="nurse-1", cell=cell, tenant="north", time=clock.now()
    )


def test_a_fact_takes_its_type_from_its_data(clock: ManualClock) -> None:
    data = ContactArrived(
        contact_id=ContactId("c1"), carrier="twilio", account="AC1", call="CA1", number="+15005550100"
    )
    envelope = fact(
        data, id="f1", source="/carriers/twilio", subject="c1", cell="pool", tenant="north", time=clock.now(),
        causationid="f0",
    )  # fmt: skip
    assert envelope.type == "contact.arrived"
    assert envelope.causationid == "f0"
    assert envelope.data is data


async def test_facts_go_to_the_partition_of_their_cell_in_order(bus: Any, clock: ManualClock) -> None:
    metrics = Metrics()
    facts = [status(number, cell, clock) for number, cell in enumerate(["pool", "north", "pool", "west", "pool"])]
    await FactPublisher(bus, clock, metrics=metrics).publish(facts)
    log = bus.logs[Place("intake", partition_of("pool", 4))]
    assert [decode_fact(record.value).id for record in log if record.key == "pool"] == ["f0", "f2", "f4"]
    assert sum(map(len, bus.logs.values())) == 5
    assert metrics.value(FACTS_PUBLISHED, type="agent.status_set") == 5


async def test_nothing_to_publish_is_nothing(bus: Any, clock: ManualClock) -> None:
    await FactPublisher(bus, clock).publish([])
    assert bus.logs == {}


async def test_a_bus_that_does_not_answer_is_unavailable_in_time(bus: Any, clock: ManualClock) -> None:
    async def never(topic: str, partition: int, messages: Sequence[Message]) -> Sequence[int]:
        await asyncio.Event().wait()
        raise AssertionError

    bus.publish = never
    metrics = Metrics()
    publisher = FactPublisher(bus, clock, limits=Limits(publish_timeout_s=0.01), metrics=metrics)
    with pytest.raises(BusUnavailable):
        await publisher.publish([status(1, "pool", clock)])
    assert metrics.value(LIMIT_REACHED, limit="publish_timeout_s") == 1


async def test_what_the_bus_raises_goes_on_and_counts_nothing(bus: Any, clock: ManualClock) -> None:
    bus.failure = BusUnavailable("down")
    metrics = Metrics()
    with pytest.raises(BusUnavailable, match="down"):
        await FactPublisher(bus, clock, metrics=metrics).publish([status(1, "pool", clock)])
    assert metrics.value(FACTS_PUBLISHED, type="agent.status_set") == 0
