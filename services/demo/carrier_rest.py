"""The part of Twilio's REST API that call control uses, over a simulated carrier. Basic auth, forms in, JSON out."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from email.utils import format_datetime
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, FastAPI, HTTPException
from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse, Response
from starlette.middleware.base import RequestResponseEndpoint

from services.demo.carrier import RING_S, SimulatedCarrier
from services.demo.conferences import Conference, Participant
from services.demo.legs import API_VERSION, Activity, Document, Leg, Standing
from services.demo.pace import sleep
from services.demo.twiml import Request

PAGE_SIZE: Final = 50
PAGE_SIZE_MAX: Final = 1000
ENDING: Final = frozenset({"completed", "canceled"})
_BASE: Final = f"/{API_VERSION}/Accounts/{{account}}"
_SHOWN: Final = {"queued": "queued", "initiated": "connecting", "ringing": "ringing", "in-progress": "connected"}

NOT_FOUND: Final = (404, 20404, "The requested resource was not found")
NOT_AUTHENTICATED: Final = (401, 20003, "Authenticate")
MISSING: Final = (400, 21604, "A required parameter is missing")
LABEL_IN_USE: Final = (400, 16025, "Participant label is in use by another participant")
NOT_IN_PROGRESS: Final = (400, 21220, "Call is not in-progress. Cannot redirect.")
INJECTED: Final = 20500


class Refused(HTTPException):
    """An error as the carrier reports it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(status)
        self.body = {
            "status": status,
            "code": code,
            "message": message,
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
        }


class Form:
    """A form with repeated keys. `one` is the last value of a key, `all` every one."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = list(pairs)

    def one(self, key: str, default: str = "") -> str:
        """Return the last value."""
        return dict(self._pairs).get(key, default)

    def all(self, key: str) -> set[str]:
        """Return every value; several may stand in one, separated by spaces."""
        return {word for name, value in self._pairs if name == key for word in value.split()}

    def flag(self, key: str, *, default: bool) -> bool:
        """Return a truth value."""
        return self.one(key, "true" if default else "false").lower() == "true"


async def _form(request: HttpRequest) -> Form:
    return Form(parse_qsl((await request.body()).decode(), keep_blank_values=True))


FormBody = Annotated[Form, Depends(_form)]


def rest_app(carrier: SimulatedCarrier) -> FastAPI:
    """Return the carrier's API as an application of its own; tests mount it, the demo serves it."""
    app = FastAPI(title="Simulated carrier", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(_Rest(carrier).routes())

    @app.exception_handler(Refused)
    async def refused(_: HttpRequest, refusal: Refused) -> Response:
        return JSONResponse(refusal.body, refusal.status_code)

    @app.middleware("http")
    async def with_faults(request: HttpRequest, go_on: RequestResponseEndpoint) -> Response:
        faults, what = carrier.faults, f"{request.method} {request.url.path}"
        if not request.url.path.startswith(f"/{API_VERSION}/") or not faults.concerns(what):
            return await go_on(request)
        await request.body()  # it has come, so it is carried out, whether or not its sender still waits
        await sleep(carrier.pace, faults.rest_delay_s)
        status = faults.refusal(what)
        if status is None:
            return await go_on(request)
        if faults.rest_lost:
            await go_on(request)
        return JSONResponse(Refused(status, INJECTED, "Refused on purpose").body, status)

    return app


class _Rest:
    def __init__(self, carrier: SimulatedCarrier) -> None:
        self._carrier = carrier

    def routes(self) -> APIRouter:
        router = APIRouter(prefix=_BASE, dependencies=[Depends(self._admit)])
        for method, path, endpoint, status in (
            ("GET", "/Calls.json", self.list_calls, 200),
            ("POST", "/Calls.json", self.create_call, 201),
            ("GET", "/Calls/{sid}.json", self.fetch_call, 200),
            ("POST", "/Calls/{sid}.json", self.update_call, 200),
            ("GET", "/Conferences.json", self.list_conferences, 200),
            ("GET", "/Conferences/{room}.json", self.fetch_conference, 200),
            ("POST", "/Conferences/{room}.json", self.update_conference, 200),
            ("GET", "/Conferences/{room}/Participants.json", self.list_participants, 200),
            ("POST", "/Conferences/{room}/Participants.json", self.create_participant, 201),
            ("GET", "/Conferences/{room}/Participants/{key}.json", self.fetch_participant, 200),
            ("POST", "/Conferences/{room}/Participants/{key}.json", self.update_participant, 200),
            ("DELETE", "/Conferences/{room}/Participants/{key}.json", self.remove_participant, 204),
        ):
            router.add_api_route(path, endpoint, methods=[method], status_code=status, response_model=None)
        return router

    async def _admit(self, account: str, request: HttpRequest) -> None:
        if not self._authentic(request.headers.get("authorization", "")):
            raise Refused(*NOT_AUTHENTICATED)
        if account != self._carrier.account:
            raise Refused(*NOT_FOUND)

    def _authentic(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        return scheme.lower() == "basic" and hmac.compare_digest(
            given, f"{self._carrier.account}:{self._carrier.secret}".encode()
        )

    # ---- calls

    async def list_calls(self, request: HttpRequest) -> dict[str, Any]:
        asked = request.query_params
        calls = [
            leg.resource()
            for leg in self._carrier.legs()
            if all(leg.resource()[name.lower()] == asked[name] for name in ("Status", "To", "From") if name in asked)
        ]
        return _page(calls, "calls", request)

    async def create_call(self, form: FormBody) -> dict[str, Any]:
        then = _asked_activity(form)
        if then is None or not form.one("To") or not form.one("From"):
            raise Refused(*MISSING)
        return self._dial(form, then).resource()

    async def fetch_call(self, sid: str) -> dict[str, Any]:
        return self._leg(sid).resource()

    async def update_call(self, sid: str, form: FormBody) -> dict[str, Any]:
        leg = self._leg(sid)
        activity = _asked_activity(form)
        if form.one("Status") in ENDING:
            leg.end()
            return leg.resource()
        if activity is None:
            raise Refused(*MISSING)
        if leg.status != "in-progress":
            raise Refused(*NOT_IN_PROGRESS)
        leg.move(activity)
        return leg.resource()

    def _dial(self, form: Form, then: Activity) -> Leg:
        return self._carrier.dial(
            caller=form.one("From"),
            to=form.one("To"),
            then=then,
            timeout_s=float(form.one("Timeout", str(RING_S))),
            callback=form.one("StatusCallback") or None,
            events=form.all("StatusCallbackEvent") or {"completed"},
        )

    # ---- conferences

    async def list_conferences(self, request: HttpRequest) -> dict[str, Any]:
        name, status = request.query_params.get("FriendlyName"), request.query_params.get("Status")
        rooms = [
            self._conference(room)
            for room in self._carrier.conferences
            if name in {None, room.name} and status in {None, room.status}
        ]
        return _page(rooms, "conferences", request)

    async def fetch_conference(self, room: str) -> dict[str, Any]:
        return self._conference(self._room(room))

    async def update_conference(self, room: str, form: FormBody) -> dict[str, Any]:
        found = self._room(room)
        if form.one("Status") == "completed":
            found.complete()
        return self._conference(found)

    async def list_participants(self, room: str, request: HttpRequest) -> dict[str, Any]:
        found = self._room(room)
        return _page([self._participant(found, member) for member in found.members.values()], "participants", request)

    async def create_participant(self, room: str, form: FormBody) -> dict[str, Any]:
        if not form.one("To") or not form.one("From"):
            raise Refused(*MISSING)
        label = form.one("Label") or None
        found = self._carrier.conferences.open(room, self._carrier.new_sid("CF"))
        if label and found.find(label):
            raise Refused(*LABEL_IN_USE)
        participant = Participant(
            "",
            label,
            start_on_enter=form.flag("StartConferenceOnEnter", default=True),
            end_on_exit=form.flag("EndConferenceOnExit", default=False),
        )
        leg = self._dial(form, Standing(found, participant))
        participant.call = leg.sid
        self._carrier.invite(found, leg, participant)
        return self._participant(found, participant)

    async def fetch_participant(self, room: str, key: str) -> dict[str, Any]:
        found = self._room(room)
        return self._participant(found, self._member(found, key))

    async def update_participant(self, room: str, key: str, form: FormBody) -> dict[str, Any]:
        found = self._room(room)
        member = self._member(found, key)
        member.muted = form.flag("Muted", default=member.muted)
        member.hold = form.flag("Hold", default=member.hold)
        member.end_on_exit = form.flag("EndConferenceOnExit", default=member.end_on_exit)
        return self._participant(found, member)

    async def remove_participant(self, room: str, key: str) -> None:
        member = self._member(self._room(room), key)
        self._leg(member.call).end()

    # ---- shared

    def _leg(self, sid: str) -> Leg:
        leg = self._carrier.leg(sid)
        if leg is None:
            raise Refused(*NOT_FOUND)
        return leg

    def _room(self, key: str) -> Conference:
        room = self._carrier.conferences.find(key)
        if room is None:
            raise Refused(*NOT_FOUND)
        return room

    def _member(self, room: Conference, key: str) -> Participant:
        member = room.find(key)
        if member is None:
            raise Refused(*NOT_FOUND)
        return member

    def _conference(self, room: Conference) -> dict[str, Any]:
        uri = f"{_BASE.format(account=self._carrier.account)}/Conferences/{room.sid}"
        return {
            "sid": room.sid,
            "account_sid": self._carrier.account,
            "api_version": API_VERSION,
            "friendly_name": room.name,
            "status": room.status,
            "uri": f"{uri}.json",
            "subresource_uris": {"participants": f"{uri}/Participants.json"},
        }

    def _participant(self, room: Conference, member: Participant) -> dict[str, Any]:
        leg = self._leg(member.call)
        return {
            "account_sid": self._carrier.account,
            "call_sid": member.call,
            "conference_sid": room.sid,
            "label": member.label,
            "status": _SHOWN.get(leg.status, "complete"),
            "muted": member.muted,
            "hold": member.hold,
            "start_conference_on_enter": member.start_on_enter,
            "end_conference_on_exit": member.end_on_exit,
            "coaching": False,
            "call_sid_to_coach": None,
            "date_created": format_datetime(leg.created_at),
            "uri": f"{_BASE.format(account=self._carrier.account)}/Conferences/{room.sid}/Participants/{leg.sid}.json",
        }


def _asked_activity(form: Form) -> Activity | None:
    """Return what a call shall do by a form: follow `Twiml`, or ask at `Url` for it."""
    if form.one("Twiml"):
        return Document(form.one("Twiml"), form.one("Url") or "http://127.0.0.1/")
    if form.one("Url"):
        return Request(form.one("Url"), "GET" if form.one("Method", "POST").upper() == "GET" else "POST")
    return None


def _page(rows: list[dict[str, Any]], name: str, request: HttpRequest) -> dict[str, Any]:
    asked: Mapping[str, str] = request.query_params
    size = min(max(int(asked.get("PageSize", PAGE_SIZE)), 1), PAGE_SIZE_MAX)
    page = max(int(asked.get("Page", 0)), 0)
    shown = rows[page * size : (page + 1) * size]
    following = request.url.include_query_params(Page=page + 1, PageSize=size)
    more = len(rows) > (page + 1) * size
    return {
        name: shown,
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "uri": f"{request.url.path}?{request.url.query}",
        "next_page_uri": f"{following.path}?{following.query}" if more else None,
    }
