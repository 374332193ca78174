"""The same walk through a real Apache Kafka: the whole system on it, one call end to end, and a restart."""

import asyncio

import pytest

from tests.integration.system import PATIENCE_S, running

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


async def test_a_call_goes_from_the_carrier_to_an_agent_and_back_through_kafka(tmp_path, kafka_bootstrap):
    environ = {
        "FRONTDOOR_BUS": "kafka",
        "FRONTDOOR_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "FRONTDOOR_KAFKA_PREFIX": f"{tmp_path.name}.",
    }
    contacts = []
    for _ in range(2):  # the second start meets what the first has left on the log
        async with running(tmp_path, environ=environ) as system:
            agent = await system.agent("agent-finn")
            phone = await system.waiting_call()
            offer = await agent.offer()
            await agent.accept(offer)
            async with asyncio.timeout(PATIENCE_S):
                await phone.wait_until("connected")
            await agent.expect("call.updated", state="connected")
            await agent.send("call.hang_up", contact_id=offer["contact_id"])
            await agent.finish(offer)
            ended = await system.contact(offer["contact_id"], lambda contact: contact["state"] == "ended")
            contacts.append(ended)
            await agent.leave()
    assert [contact["end_reason"] for contact in contacts] == ["completed", "completed"]
