"""A carrier without phones: signs webhooks, reads where TwiML leads, and answers the REST calls of call control.

It does at once what it is asked, so that no time of the carrier's own is in what is measured.
"""

import asyncio
import html
import itertools
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from services.demo.signature import HEADER, sign
from tests.bench.http_client import FORM, HttpClient
from tests.bench.system import ACCOUNT, NUMBER, SECRET, System

_ACTION = re.compile(r'<Gather[^>]* action="([^"]+)"')
# What becomes of an agent's phone that is answered: the event that can be asked for, and the status that it tells.
_RING = (("initiated", "initiated"), ("ringing", "ringing"), ("answered", "in-progress"))
_REFILL_KEY = "2"
STATUS_PATH = "/v1/carriers/twilio/status"

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Form = Mapping[str, list[str]]


@dataclass(slots=True, eq=False)
class Leg:
    """One call at the carrier. `room` is the conference that it is in; `ended` is set when it is over."""

    sid: str
    status_url: str
    room: str = ""
    label: str = ""
    events: frozenset[str] = frozenset({"completed"})
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Carrier:
    """Calls in, and the REST API as an ASGI application (`self`)."""

    def __init__(self, system: System) -> None:
        self.http = HttpClient(system.base_url)
        self.legs: dict[str, Leg] = {}
        self.failures: list[str] = []
        self._base_url = system.base_url
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    # ---- callers

    async def arrive(self) -> tuple[Leg, str]:
        """Place a call; return its leg and the address of its next turn."""
        leg = Leg(f"CA{next(self._numbers):032x}", self._base_url + STATUS_PATH)
        self.legs[leg.sid] = leg
        answer = await self._webhook(f"{self._base_url}/v1/carriers/twilio/voice", leg, "ringing")
        return leg, _next_turn(answer)

    async def ask_for_refill(self, leg: Leg, action: str) -> None:
        """Press the key that hands the caller off to a person."""
        await self._webhook(action, leg, "in-progress", Digits=_REFILL_KEY)

    async def _webhook(self, url: str, leg: Leg, status: str, **more: str) -> str:
        fields = {
            "AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", "CallSid": leg.sid, "CallStatus": status,
            "Called": NUMBER, "Caller": "+15005550142", "Direction": "inbound", "From": "+15005550142", "To": NUMBER,
        } | more  # fmt: skip
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = FORM | {HEADER: sign(SECRET, url, fields.items())}
        return (await self.http.post(path, urlencode(fields).encode(), headers)).decode()

    # ---- what the system asks for

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Serve the REST API."""
        body = b""
        while scope["method"] == "POST":
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        query = parse_qs(scope["query_string"].decode())
        path = [part.removesuffix(".json") for part in scope["path"].split("/")[4:]]
        status, content = self._answer(scope["method"], path, query, parse_qs(body.decode()))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(content).encode()})

    def _answer(self, method: str, path: list[str], query: Form, form: Form) -> tuple[int, dict[str, Any]]:
        match method, path:
            case "GET", ["Conferences"]:
                name = query["FriendlyName"][0]
                known = any(leg.room == name for leg in self.legs.values())
                return 200, {"conferences": [{"sid": name, "status": "in-progress"}] if known else []}
            case "GET", ["Conferences", room, "Participants"]:
                rows = [_row(leg) for leg in self.legs.values() if leg.room == room]
                return 200, {"participants": rows}
            case "POST", ["Conferences", room, "Participants"]:
                return 201, _row(self._dial(room, form))
            case "GET", ["Calls"]:
                return 200, {"calls": [{"sid": sid} for sid in self.legs]}
            case "POST", ["Calls", sid] if sid in self.legs:
                self._change(self.legs[sid], form)
                return 200, {"sid": sid}
        return 404, {"code": 20404, "message": "not found"}

    def _dial(self, room: str, form: Form) -> Leg:
        events = frozenset(form["StatusCallbackEvent"])
        leg = Leg(f"CA{next(self._numbers):032x}", form["StatusCallback"][0], room, form["Label"][0], events)
        self.legs[leg.sid] = leg
        self._do(self._ring(leg))
        return leg

    def _change(self, leg: Leg, form: Form) -> None:
        conference = re.search(r"<Conference[^>]*>([^<]+)<", form.get("Twiml", [""])[0])
        if conference:
            leg.room = conference[1]
        elif form.get("Status") == ["completed"]:
            both = [other for other in self.legs.values() if other is leg or (leg.room and other.room == leg.room)]
            for one in both:
                self._end(one)

    async def _ring(self, leg: Leg) -> None:
        for event, status in _RING:
            if event in leg.events:
                await self._webhook(leg.status_url, leg, status)

    def _end(self, leg: Leg) -> None:
        del self.legs[leg.sid]
        leg.ended.set()
        self._do(self._webhook(leg.status_url, leg, "completed"))

    def _do(self, work: Awaitable[object]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001  counted and shown; the load goes on
                self.failures.append(str(error))

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _row(leg: Leg) -> dict[str, Any]:
    return {"call_sid": leg.sid, "label": leg.label or None, "status": "connected"}


def _next_turn(twiml: str) -> str:
    found = _ACTION.search(twiml)
    if found is None:
        raise ValueError("the answer gathers nothing")
    return html.unescape(found[1])
