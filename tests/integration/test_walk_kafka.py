"""The same walk through a real Apache Kafka: the whole system on it, one call end to end, and a restart."""

import pytest

from tests.integration.system import running, served

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
            contacts.append(await served(system, agent))
            await agent.leave()
    assert [contact["end_reason"] for contact in contacts] == ["completed", "completed"]
