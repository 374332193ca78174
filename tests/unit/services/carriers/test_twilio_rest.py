"""The REST client against a transport that records, and against the simulated carrier's API."""

import base64
from urllib.parse import parse_qs

import httpx
import pytest

from schemas.errors import CarrierUnavailable
from services.carriers.port import AgentCall, CarrierRefused, LegGone, Participant
from services.carriers.twilio_rest import PAGES_MAX, TwilioRest

BASE = "https://api.example"
ACCOUNT = f"{BASE}/2010-04-01/Accounts/AC1"
CALL = AgentCall(
    account="AC1",
    contact_id="c-1",
    reservation_id="r-1",
    caller_id="+15005550100",
    endpoint="client:nora",
    ring_s=20,
    status_url="https://x.example/status?s=T",
)


class Api:
    """Answers from a table and remembers what was asked."""

    def __init__(self, answers, secrets=("token",)):
        self.answers = answers
        self.requests = []
        self.rest = TwilioRest(
            httpx.MockTransport(self._answer),
            base_url=BASE,
            secrets_of=lambda account: secrets if account == "AC1" else (),
            timeout_s=5.0,
        )

    def _answer(self, request):
        self.requests.append(request)
        answer = self.answers.get((request.method, str(request.url)), (404, {"code": 20404}))
        if callable(answer):
            return answer(request)
        return httpx.Response(answer[0], json=answer[1])

    def form(self, index=-1):
        return parse_qs(self.requests[index].content.decode(), keep_blank_values=True)


PARTICIPANTS = f"{ACCOUNT}/Conferences/c-1/Participants.json"


async def test_an_agent_is_dialled_into_the_conference():
    api = Api({("POST", PARTICIPANTS): (201, {"call_sid": "CA2"})})
    assert await api.rest.dial_agent(CALL) == "CA2"
    assert api.form() == {
        "From": ["+15005550100"],
        "To": ["client:nora"],
        "Label": ["r-1"],
        "EarlyMedia": ["false"],
        "Beep": ["false"],
        "EndConferenceOnExit": ["true"],
        "Timeout": ["20"],
        "StatusCallback": ["https://x.example/status?s=T"],
        "StatusCallbackMethod": ["POST"],
        "StatusCallbackEvent": ["answered", "completed"],
    }
    scheme, encoded = api.requests[0].headers["authorization"].split()
    assert (scheme, base64.b64decode(encoded)) == ("Basic", b"AC1:token")


async def test_who_is_in_the_conference_also_while_phones_ring():
    api = Api({
        ("GET", f"{ACCOUNT}/Conferences.json?FriendlyName=c-1&PageSize=20"): (200, {"conferences": [
            {"sid": "CF1", "status": "completed"}, {"sid": "CF2", "status": "init"},
        ]}),
        ("GET", f"{ACCOUNT}/Conferences/CF2/Participants.json"): (200, {"participants": [
            {"call_sid": "CA2", "label": "r-1", "status": "ringing"},
            {"call_sid": "CA3", "label": None, "status": "connected"},
            {"call_sid": "CA4", "label": "r-0", "status": "complete"},
        ]}),
    })  # fmt: skip
    assert await api.rest.participants("AC1", "c-1") == (Participant("CA2", "r-1"), Participant("CA3", None))


async def test_a_conference_that_ends_meanwhile_is_empty():
    listing = {"conferences": [{"sid": "CF2", "status": "in-progress"}]}
    api = Api({("GET", f"{ACCOUNT}/Conferences.json?FriendlyName=c-1&PageSize=20"): (200, listing)})
    assert await api.rest.participants("AC1", "c-1") == ()


async def test_a_caller_is_moved_and_sent_back_and_a_leg_ended():
    api = Api({("POST", f"{ACCOUNT}/Calls/CA1.json"): (200, {"sid": "CA1"})})
    await api.rest.join_caller("AC1", "CA1", "c-1", return_url="https://x.example/turn?s=T")
    assert "<Conference " in api.form()["Twiml"][0]
    assert ">c-1</Conference>" in api.form()["Twiml"][0]
    assert 'action="https://x.example/turn?s=T"' in api.form()["Twiml"][0]
    await api.rest.send_back("AC1", "CA1", return_url="https://x.example/turn?s=T")
    assert api.form() == {"Url": ["https://x.example/turn?s=T"], "Method": ["POST"]}
    await api.rest.end_leg("AC1", "CA1")
    assert api.form() == {"Status": ["completed"]}


async def test_live_calls_are_read_page_by_page():
    first = f"{ACCOUNT}/Calls.json?Status=in-progress&PageSize=1000"
    second = "/2010-04-01/Accounts/AC1/Calls.json?Status=in-progress&PageSize=1000&Page=1"
    api = Api({
        ("GET", first): (200, {"calls": [{"sid": "CA1"}], "next_page_uri": second}),
        ("GET", BASE + second): (200, {"calls": [{"sid": "CA2"}], "next_page_uri": None}),
    })  # fmt: skip
    assert await api.rest.live_calls("AC1") == {"CA1", "CA2"}


@pytest.mark.parametrize(
    "following",
    ["https://evil.example/2010-04-01/x", "//evil.example/x", "http://api.example/x", "https://api.example:444/x", 7,
     "https://api.example@evil.example/x", "https://[/x"],
)  # fmt: skip
async def test_secrets_do_not_follow_a_page_to_another_place(following):
    first = f"{ACCOUNT}/Calls.json?Status=in-progress&PageSize=1000"
    api = Api({("GET", first): (200, {"calls": [{"sid": "CA1"}], "next_page_uri": following})})
    with pytest.raises(CarrierUnavailable):
        await api.rest.live_calls("AC1")
    assert {request.url.host for request in api.requests} == {"api.example"}
    assert {request.url.port for request in api.requests} == {None}
    assert {request.url.scheme for request in api.requests} == {"https"}


async def test_a_list_without_end_is_a_failure_and_not_half_a_list():
    page = f"{ACCOUNT}/Calls.json?Status=in-progress&PageSize=1000"
    api = Api({("GET", page): (200, {"calls": [], "next_page_uri": page})})
    with pytest.raises(CarrierUnavailable, match="pages"):
        await api.rest.live_calls("AC1")
    assert len(api.requests) == PAGES_MAX + 1


@pytest.mark.parametrize("calls", [None, {}, [None], [{"status": "in-progress"}], [{"sid": 7}]])
async def test_what_is_no_list_is_a_failure(calls):
    api = Api({("GET", f"{ACCOUNT}/Calls.json?Status=in-progress&PageSize=1000"): (200, {"calls": calls})})
    with pytest.raises(CarrierUnavailable):
        await api.rest.live_calls("AC1")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (404, {"code": 20404}, LegGone),
        (400, {"code": 21220}, LegGone),
        (409, {"code": 20409}, LegGone),
        (400, {"code": 21604}, CarrierRefused),
        (403, {}, CarrierRefused),
        (429, {"code": 20429}, CarrierUnavailable),
        (500, {"code": 20500}, CarrierUnavailable),
        (503, {}, CarrierUnavailable),
    ],
)
async def test_refusals_and_failures_are_told_apart(status, body, error):
    api = Api({("POST", f"{ACCOUNT}/Calls/CA1.json"): (status, body)})
    with pytest.raises(CarrierUnavailable) as caught:
        await api.rest.end_leg("AC1", "CA1")
    assert type(caught.value) is error
    assert caught.value.status == status


async def test_a_success_that_is_no_json_is_a_failure():
    api = Api({("POST", f"{ACCOUNT}/Calls/CA1.json"): lambda _: httpx.Response(200, text="<html>")})
    with pytest.raises(CarrierUnavailable):
        await api.rest.end_leg("AC1", "CA1")


async def test_no_answer_is_a_failure_without_a_status():
    def refuse(_):
        raise httpx.ConnectTimeout("too slow")

    api = Api({("POST", f"{ACCOUNT}/Calls/CA1.json"): refuse})
    with pytest.raises(CarrierUnavailable) as caught:
        await api.rest.end_leg("AC1", "CA1")
    assert caught.value.status is None


async def test_a_secret_that_the_carrier_does_not_know_yet_is_passed_over():
    def admit(request):
        old = base64.b64encode(b"AC1:old").decode()
        return httpx.Response(200 if request.headers["authorization"] == f"Basic {old}" else 401, json={})

    api = Api({("POST", f"{ACCOUNT}/Calls/CA1.json"): admit}, secrets=("new", "old"))
    await api.rest.end_leg("AC1", "CA1")
    assert len(api.requests) == 2


async def test_wrong_secrets_are_a_refusal():
    api = Api({("POST", f"{ACCOUNT}/Calls/CA1.json"): (401, {"code": 20003})})
    with pytest.raises(CarrierRefused):
        await api.rest.end_leg("AC1", "CA1")


async def test_an_account_that_no_tenant_has_is_not_asked():
    api = Api({})
    with pytest.raises(CarrierRefused):
        await api.rest.end_leg("AC9", "CA1")
    assert api.requests == []
