"""The REST API of the simulated carrier, beyond what whole calls use."""

import asyncio

import httpx
import pytest

from services.demo.carrier_rest import rest_app
from tests.unit.services.demo.fake_system import API, BASE, GREETING, NUMBER, SECRET, conference, invite


@pytest.mark.parametrize("auth", [None, ("AC1", "wrong"), ("AC2", SECRET)])
async def test_who_may_not_ask(carrier, auth):
    async with httpx.AsyncClient(transport=httpx.ASGITransport(rest_app(carrier)), base_url=API, auth=auth) as client:
        answer = await client.get("/Calls.json")
    assert (answer.status_code, answer.json()["code"]) == (401, 20003)


@pytest.mark.parametrize("header", ["Basic !", "Bearer abc", "Basic"])
async def test_a_broken_header_is_not_authentic(carrier, rest, header):
    rest.auth = None
    assert (await rest.get("/Calls.json", headers={"Authorization": header})).status_code == 401


async def test_another_account_is_not_found(carrier, rest):
    answer = await rest.get("http://carrier.test/2010-04-01/Accounts/AC9/Calls.json")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/Calls/CA9.json",
        "/Conferences/x.json",
        "/Conferences/x/Participants.json",
        "/Conferences/x/Participants/y.json",
    ],
)
async def test_what_is_not_there(rest, path):
    answer = await rest.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


async def test_calls_are_listed_in_pages(carrier, rest):
    phones = [await carrier.place_call(to=NUMBER) for _ in range(3)]
    for phone in phones:
        await phone.wait_until("listening")
    await phones[0].hang_up()
    first = (await rest.get("/Calls.json?Status=in-progress&PageSize=1")).json()
    assert len(first["calls"]) == 1
    second = (await rest.get("http://carrier.test" + first["next_page_uri"])).json()
    assert second["next_page_uri"] is None
    assert {first["calls"][0]["sid"], second["calls"][0]["sid"]} == {phone.sid for phone in phones[1:]}
    assert len((await rest.get("/Calls.json")).json()["calls"]) == 3


async def test_a_call_is_made_and_follows_its_document(system, carrier, rest):
    form = {"To": "+15005550007", "From": NUMBER, "Twiml": "<Response><Say>A call for you.</Say></Response>"}
    made = await rest.post("/Calls.json", data=form)
    assert made.status_code == 201
    phone = carrier.leg(made.json()["sid"]).phone
    await phone.wait_until("ended")
    assert phone.heard == ["A call for you."]


async def test_a_call_is_moved_to_an_address(system, carrier, rest):
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    system.answers["/moved"] = ["<Response><Say>Moved.</Say></Response>"]
    await rest.post(f"/Calls/{phone.sid}.json", data={"Url": f"{BASE}/moved"})
    await phone.wait_until("ended")
    assert phone.heard[-1] == "Moved."


@pytest.mark.parametrize("form", [{}, {"To": "client:nora"}, {"To": "client:nora", "From": NUMBER}])
async def test_a_call_needs_its_parameters(rest, form):
    assert (await rest.post("/Calls.json", data=form)).status_code == 400


async def test_a_call_that_has_ended_cannot_be_moved(carrier, rest):
    phone = await carrier.place_call(to=NUMBER)
    await phone.hang_up()
    answer = await rest.post(f"/Calls/{phone.sid}.json", data={"Twiml": GREETING})
    assert (answer.status_code, answer.json()["code"]) == (400, 21220)
    assert (await rest.post(f"/Calls/{phone.sid}.json", data={"Status": "completed"})).status_code == 200


async def test_an_empty_update_is_refused(carrier, rest):
    phone = await carrier.place_call(to=NUMBER)
    assert (await rest.post(f"/Calls/{phone.sid}.json", data={})).status_code == 400


async def test_a_label_is_free_once(rest):
    assert (await invite(rest)).status_code == 201
    again = await invite(rest)
    assert (again.status_code, again.json()["code"]) == (400, 16025)


async def test_a_participant_needs_its_parameters(rest):
    assert (await rest.post("/Conferences/room-1/Participants.json", data={"To": "client:nora"})).status_code == 400
    assert (await rest.get("/Conferences.json")).json()["conferences"] == []


async def test_participants_are_found_by_label_and_conferences_by_name_or_sid(rest):
    made = (await invite(rest)).json()
    member = (await rest.get("/Conferences/room-1/Participants/r-1.json")).json()
    assert member["call_sid"] == made["call_sid"]
    by_name = (await rest.get("/Conferences.json?FriendlyName=room-1")).json()["conferences"]
    assert [room["sid"] for room in by_name] == [made["conference_sid"]]
    assert (await rest.get(f"/Conferences/{made['conference_sid']}.json")).json()["friendly_name"] == "room-1"
    assert (await rest.get("/Conferences.json?Status=completed")).json()["conferences"] == []


async def test_a_participant_is_muted_and_removed(system, rest):
    await invite(rest)
    await system.until(lambda it: it.statuses("/v1/carriers/twilio/status?s=agent")[-1:] == ["in-progress"])
    muted = await rest.post("/Conferences/room-1/Participants/r-1.json", data={"Muted": "true"})
    assert (muted.json()["muted"], muted.json()["end_conference_on_exit"]) == (True, True)
    assert (await rest.delete("/Conferences/room-1/Participants/r-1.json")).status_code == 204
    await system.until(lambda it: it.statuses("/v1/carriers/twilio/status?s=agent")[-1:] == ["completed"])


async def test_a_conference_is_ended(carrier, rest):
    phone = await carrier.place_call(to=NUMBER)
    await phone.wait_until("listening")
    without_action = conference("room-1").replace("action='/after'", "")
    await rest.post(f"/Calls/{phone.sid}.json", data={"Twiml": without_action})
    await phone.wait_until("music")
    await rest.post("/Conferences/room-1.json", data={"Status": "completed"})
    await phone.wait_until("ended")


async def test_requests_are_refused_on_purpose(carrier, rest):
    carrier.faults.rest_status, carrier.faults.rest_times = 503, 1
    carrier.faults.rest_only = "POST /2010-04-01/Accounts/AC1/Conferences"
    assert (await rest.get("/Calls.json")).status_code == 200
    assert (await invite(rest)).status_code == 503
    assert (await invite(rest)).status_code == 201


async def test_an_answer_is_lost_after_the_deed(carrier, rest):
    carrier.faults.rest_status, carrier.faults.rest_times, carrier.faults.rest_lost = 500, 1, True
    assert (await invite(rest)).status_code == 500
    assert (await rest.get("/Conferences/room-1/Participants/r-1.json")).status_code == 200


async def test_an_answer_is_delayed(carrier, rest, pace):
    carrier.faults.rest_delay_s = 5
    asking = asyncio.create_task(rest.get("/Calls.json"))
    await pace.advance(4.9)
    assert not asking.done()
    await pace.advance(0.2)
    assert (await asking).status_code == 200
