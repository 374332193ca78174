"""A queue that is closed, on the running system; and a bad document, which never takes a good one's place."""

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from schemas.ids import contact_id
from services.demo.credentials import TENANT_FILE
from tests.integration.system import FRONTDOOR, document

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(90), pytest.mark.usefixtures("tidy")]
DESK = "agent-dan"
CLERK = "agent-gia"  # of billing only


def closed_until(day):
    """Return the demo's tenant with a billing office that opens on one day to come."""
    office = {"zone": "UTC", "week": {}, "overrides": {str(day): [{"opens": "08:00", "closes": "12:00"}]}}
    return document(version=2, calendars={"billing_office": office})


async def put(system, config):
    path = f"/v1/tenants/{config['tenant']}"
    return await system.http.put(path, json=config, headers=system.headers("admin", tenant=None))


async def in_force(system):
    answer = await system.http.get("/v1/tenants/demo", headers=system.headers("admin", tenant=None))
    return answer.raise_for_status().json()


async def test_who_asks_for_a_closed_queue_is_led_to_whoever_is_there(system):
    day = datetime.now(UTC).date() + timedelta(days=30)
    (await put(system, closed_until(day).model_dump(mode="json"))).raise_for_status()
    clerk = await system.agent(CLERK)
    desk = await system.agent(DESK)
    phone = await system.waiting_call("I have a question about my bill")
    offer = await desk.offer()
    assert (offer["queue"], offer["intent"]) == ("front_desk", "billing.question")
    assert not [frame for frame in clerk.frames if frame["type"] == "offer"]
    contact = contact_id("twilio", system.carrier.account, phone.sid)
    await system.contact(contact, lambda contact: contact["queue"] == "front_desk")
    explanation = await system.get(f"/v1/contacts/{contact}/explanation")
    (record,) = [event for event in explanation["events"] if event["type"] == "item.after_hours"]
    assert record["data"] | {"item_id": None, "contact_id": None} == {
        "item_id": None, "contact_id": None, "tenant": "demo", "queue": "billing", "then": "call_back",
        "waits_in": "front_desk", "closed_until": f"{day}T08:00:00Z",
    }  # fmt: skip
    await phone.hang_up()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("hours: billing_office", "hours: billing_offices", "the hours 'billing_offices' of queue"),
        ('opens: "13:00"', 'opens: "11:00"', "07:30-12:00 and 11:00-18:00 overlap"),
        ("default_queue: front_desk", "default_queue: attic", "default_queue 'attic' is not among the queues"),
    ],
)  # fmt: skip
async def test_a_bad_document_changes_nothing(system, tmp_path, old, new, said):
    before = await in_force(system)
    bad = tmp_path / "bad.yaml"
    text = TENANT_FILE.read_text("utf-8").replace("version: 1\n", f"version: {before['version'] + 1}\n")
    bad.write_text(text.replace(old, new), "utf-8")
    command = [FRONTDOOR, "config", "apply", str(bad), "--url", system.base, "--data", str(system.data)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{bad}:" in done.stderr
    assert said in done.stderr
    assert await in_force(system) == before


async def test_the_running_system_refuses_what_the_command_would_have_refused(system):
    before = await in_force(system)
    bad = before | {"version": before["version"] + 1}
    bad["queues"] = [*bad["queues"], {"name": "attic", "requires": [{"skill": "nurse"}]}]
    answer = await put(system, bad)
    assert answer.status_code == 422
    assert "nobody ever comes to queue 'attic'" in answer.json()["detail"]
    assert await in_force(system) == before
