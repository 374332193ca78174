"""A small system under the carrier: it greets, gathers, lets wait, and moves the caller when it is told to."""

import asyncio
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import httpx
from twilio.request_validator import RequestValidator

BASE = "http://system.test"
API = "http://carrier.test/2010-04-01/Accounts/AC1"
NUMBER = "+15005550100"
SECRET = "a-secret"

GREETING = (
    "<Response><Gather input='dtmf speech' numDigits='1' timeout='5' actionOnEmptyResult='true' action='/turn?s=1'>"
    "<Say>Hello.</Say></Gather></Response>"
)
WAITING = (
    "<Response><Gather input='dtmf speech' numDigits='1' timeout='1' actionOnEmptyResult='true' action='/turn?s=2'>"
    "<Say>Please wait.</Say><Play>/hold.wav</Play></Gather></Response>"
)


class FakeSystem:
    """An ASGI application that checks signatures and answers from a script; everything it was sent is kept."""

    def __init__(self) -> None:
        self.validator = RequestValidator(SECRET)
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, list[str | int]] = {"/v1/carriers/twilio/voice": [GREETING], "/turn?s=1": [WAITING]}
        self.forged = 0
        self.changed = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        body = (await receive())["body"]
        target = scope["path"] + (f"?{scope['query_string'].decode()}" if scope["query_string"] else "")
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True))
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if not self.validator.validate(BASE + target, fields, headers.get("x-twilio-signature", "")):
            self.forged += 1
        self.requests.append((target, fields))
        answer = self._answer(target)
        self.changed.set()
        self.changed = asyncio.Event()
        status = answer if isinstance(answer, int) else 200
        text = "" if isinstance(answer, int) else answer
        kind = b"text/xml" if text else b"text/plain"
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": text.encode()})

    def _answer(self, target: str) -> str | int:
        if target.startswith("/v1/carriers/twilio/status"):
            return 204
        planned = self.answers.get(target, [WAITING])
        return planned.pop(0) if len(planned) > 1 else planned[0]

    def statuses(self, target: str = "/v1/carriers/twilio/status") -> list[str]:
        return [fields["CallStatus"] for path, fields in self.requests if path == target]

    async def until(self, condition) -> None:
        while not condition(self):
            await self.changed.wait()


def conference(name: str, *, action: str = "/after", end: str = "true") -> str:
    return (
        f"<Response><Dial action='{escape(action)}'><Conference endConferenceOnExit='{end}'>{name}</Conference></Dial>"
        "</Response>"
    )


async def invite(rest: httpx.AsyncClient, room: str = "room-1", **more: str) -> httpx.Response:
    form = {
        "From": NUMBER,
        "To": "client:nora",
        "Label": "r-1",
        "EndConferenceOnExit": "true",
        "StatusCallback": f"{BASE}/v1/carriers/twilio/status?s=agent",
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
    }
    return await rest.post(f"/Conferences/{room}/Participants.json", data=form | more)
