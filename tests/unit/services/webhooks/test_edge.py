"""What is let in, and what is refused without a trace."""

import asyncio
from urllib.parse import urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

from services.carriers.addresses import STATUS, TURN, VOICE
from tests.carrier_cases import ACCOUNT, CALL, NUMBER, PUBLIC, SECRET, tenant

FORM = {"AccountSid": ACCOUNT, "CallSid": CALL, "To": NUMBER, "CallStatus": "completed"}


@pytest.mark.parametrize("path", [VOICE, TURN, STATUS])
async def test_no_signature(world, path):
    answer = await world.carrier.raw(path, urlencode(FORM))
    assert (answer.status_code, answer.content) == (403, b"")
    assert world.bus.records == []


async def test_an_unknown_account(world):
    answer = await world.carrier.post(VOICE, account="AC9")
    assert answer.status_code == 403
    assert world.counted("voice", "unknown_account") == 1
    assert world.bus.records == []


async def test_a_secret_that_is_missing_lets_nobody_in(world):
    world.environ.clear()
    answer = await world.carrier.post(VOICE)
    assert answer.status_code == 403
    assert world.counted("voice", "no_secret") == 1


async def test_two_secrets_during_a_rotation(world):
    world.environ["FRONTDOOR_SECRET_NEXT"] = "the-next-one"
    line = {"carrier": "twilio", "account": ACCOUNT, "secrets": ["next", "twilio"]}
    world.tenants.apply(tenant(version=2, carriers=[line]))
    for secret in (SECRET, "the-next-one"):
        assert (await world.carrier.post(VOICE, secret=secret)).status_code == 200
    assert (await world.carrier.post(VOICE, secret="older")).status_code == 403


@pytest.mark.parametrize("path", [VOICE, TURN, STATUS])
async def test_a_body_of_a_mebibyte(world, path):
    answer = await world.carrier.raw(path, "a=" + "b" * 2**20)
    assert answer.status_code == 413
    assert world.bus.records == []


async def test_a_body_that_grows_beyond_the_limit_without_saying_so(world):
    async def chunks():
        for _ in range(100):
            yield b"b" * 1024

    answer = await world.carrier.raw(VOICE, chunks())
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "", "multipart/form-data; boundary=x"])
async def test_another_kind_of_content(world, kind):
    answer = await world.carrier.raw(VOICE, urlencode(FORM), **{"Content-Type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize("body", ["", "AccountSid", "a=1", "&&&", "AccountSid=%00&CallSid=1", "AccountSid=AC1&x"])
async def test_a_body_that_is_no_form_of_the_carrier(world, body):
    answer = await world.carrier.raw(VOICE, body)
    assert answer.status_code in {400, 403}
    assert world.bus.records == []


async def test_a_signed_form_without_a_call(world):
    answer = await world.carrier.post(VOICE, call="")
    assert answer.status_code == 400
    assert world.counted("voice", "malformed") == 1


async def test_the_query_string_is_signed_as_it_came(world):
    path = f"{STATUS}?x=%41&y=a+b&y"
    assert (await world.carrier.post(path, CallStatus="ringing")).status_code == 204
    signature = RequestValidator(SECRET).compute_signature(f"{PUBLIC}{STATUS}?x=A&y=a+b&y", FORM)
    answer = await world.carrier.raw(path, urlencode(FORM), **{"X-Twilio-Signature": signature})
    assert answer.status_code == 403


async def test_headers_that_a_stranger_may_set_do_not_change_what_was_signed(world):
    signature = RequestValidator(SECRET).compute_signature(f"https://evil.example{STATUS}", FORM)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Twilio-Signature": signature}
    answer = await world.carrier.raw(STATUS, urlencode(FORM), **headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("path", [VOICE, TURN, STATUS])
async def test_other_methods_are_not_for_carriers(world, path):
    assert (await world.carrier.client.get(path)).status_code == 405


async def test_a_body_that_never_comes_is_given_up(world, monkeypatch):
    monkeypatch.setattr("services.webhooks.edge._BODY_S_MAX", 0.01)

    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self):
            yield b"a"
            await asyncio.Event().wait()

    answer = await asyncio.wait_for(world.carrier.raw(VOICE, Slow()), 10)
    assert answer.status_code == 408
