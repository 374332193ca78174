"""How the load's carrier delivers, and what it holds an acknowledgement to have promised."""

from contextlib import suppress

import httpx
import pytest

from schemas.ids import fact_id
from services.carriers.addresses import CarrierAddresses
from services.demo.carrier import SimulatedCarrier
from services.demo.delivery import WebhookFailed
from services.demo.twiml import Request
from services.runtime.crypto import UrlSeal, load_root_keys
from tests.nemesis.ledger import Ledger, acts, read
from tests.nemesis.load import LedgeredWebhooks, Promises

ACCOUNT, CALL, BASE = "AC1", "CA1", "http://127.0.0.1:1"
FIELDS = {"CallSid": CALL, "AccountSid": ACCOUNT, "CallStatus": "ringing"}


@pytest.fixture
def addresses(tmp_path):
    return CarrierAddresses(BASE, UrlSeal(load_root_keys(tmp_path)))


@pytest.fixture
def promises(addresses):
    return Promises(ACCOUNT, addresses)


def turn(addresses, text, call=CALL):
    return addresses.turn(text.encode(), account=ACCOUNT, call=call)


def promised(promises, url, answer="", **fields):
    return promises.of(Request(url), FIELDS | fields, answer)


def named(*names):
    return [fact_id("twilio", ACCOUNT, CALL, name) for name in names]


def test_a_call_that_was_answered_with_its_first_question_has_arrived(promises, addresses):
    answer = f'<Gather action="{turn(addresses, """{"i":1}""")}"/>'
    assert promised(promises, f"{BASE}/v1/carriers/twilio/voice", answer) == named("arrived:0")


def test_a_safe_instruction_promises_nothing(promises, addresses):
    again = turn(addresses, '{"i":3}')
    assert promised(promises, f"{BASE}/v1/carriers/twilio/voice", "<Dial>+15005550199</Dial>") == []
    assert promised(promises, again, f'<Gather action="{again}&amp;h=x"/>') == []


def test_a_turn_that_went_on_is_on_the_log_under_its_number(promises, addresses):
    answer = f'<Gather action="{turn(addresses, """{"i":4}""")}"/>'
    assert promised(promises, turn(addresses, '{"i":3}'), answer) == named("turned:3")
    assert promised(promises, turn(addresses, '{"i":3,"z":2}'), answer) == named("turned:3:2")
    assert promised(promises, turn(addresses, '{"i":3,"o":"waiting"}'), answer) == []  # music played on
    assert promised(promises, turn(addresses, '{"i":3}', call="CA2"), answer) == []  # not this call's


def test_statuses_promise_what_they_say(promises, addresses):
    url = f"{BASE}/v1/carriers/twilio/status"
    assert promised(promises, url, CallStatus="completed") == named("caller_ended")
    assert promised(promises, url, CallStatus="in-progress") == []
    assert promised(promises, f"{url}?s=x", CallStatus="in-progress") == named("agent_answered")
    assert promised(promises, f"{url}?s=x", CallStatus="busy") == named("agent_ended")
    assert promised(promises, turn(addresses, '{"i":3}'), CallStatus="completed") == named("caller_ended")


class Answers(httpx.AsyncBaseTransport):
    def __init__(self, *answers):
        self.answers = list(answers)

    async def handle_async_request(self, request):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, text="<Response/>")


async def deliver(tmp_path, promises, *answers):
    """Deliver one webhook and return the attempts that the ledger knows, or how it failed."""
    transport = Answers(*answers)
    path = tmp_path / "ledger.jsonl"
    async with httpx.AsyncClient(transport=transport) as client:
        carrier = SimulatedCarrier(base_url=BASE, account=ACCOUNT, secret="s", client=client)
        with Ledger(path) as ledger:
            webhooks = LedgeredWebhooks(carrier, client, ledger, promises)
            with suppress(WebhookFailed):
                await webhooks._send(Request(f"{BASE}/v1/carriers/twilio/voice"), FIELDS, "token")
    assert transport.answers == []
    return [act.outcome["http"] for act in acts(list(read(path)), "webhook")]


async def test_what_was_answered_comes_once_more_at_the_end_as_it_was(tmp_path, promises):
    requests = []

    def answer(request):
        requests.append((request.headers["I-Twilio-Idempotency-Token"], request.content))
        return httpx.Response(503 if len(requests) == 2 else 200, text="<Response/>")

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        carrier = SimulatedCarrier(base_url=BASE, account=ACCOUNT, secret="s", client=client)
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            webhooks = LedgeredWebhooks(carrier, client, ledger, promises)
            for token in ("one", "refused", "two"):
                with suppress(WebhookFailed):
                    await webhooks._send(Request(f"{BASE}/v1/carriers/twilio/voice"), FIELDS | {"Digits": token}, token)
            assert await webhooks.replay() == webhooks.replayed == 2
    assert sorted(requests[3:]) == [requests[0], requests[2]]


async def test_a_failed_connection_is_tried_once_more_and_nothing_else_is(tmp_path, promises):
    assert await deliver(tmp_path, promises, httpx.ConnectError("no"), 200) == [None, 200]
    (tmp_path / "ledger.jsonl").unlink()
    assert await deliver(tmp_path, promises, httpx.ConnectError("no"), httpx.ConnectError("no")) == [None, None]
    (tmp_path / "ledger.jsonl").unlink()
    assert await deliver(tmp_path, promises, httpx.ReadError("lost")) == [None]
    (tmp_path / "ledger.jsonl").unlink()
    assert await deliver(tmp_path, promises, 503) == [503]
