"""The part of Twilio's REST API that call control uses: each request is built once and given to the transport.

What httpx's client does on the way (redirects, cookies, steps of authentication) is not wanted here, and takes time.
"""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode, urljoin

import httpx

from schemas.errors import CarrierUnavailable
from schemas.ids import ContactId
from services.carriers.port import AgentCall, CarrierRefused, LegGone, Participant
from services.carriers.twiml import join_conference

VERSION: Final = "2010-04-01"
PAGE_SIZE: Final = 1000
PAGES_MAX: Final = 50  # 50,000 calls of one account
NOT_IN_PROGRESS: Final = 21220
_NOT_FOUND: Final = 404
_CONFLICT: Final = 409
_UNAUTHORISED: Final = 401
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_OVER: Final = frozenset({"complete", "failed"})  # states of a participant who is not there any more
_CONFERENCES_MAX: Final = 20  # of one name: each attempt to connect a caller makes one at most

_HEADERS: Final = (
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", b"identity"),  # a few octets that stand for a great many are not asked for
    (b"User-Agent", b"frontdoor"),
)
_FORM: Final = (b"Content-Type", b"application/x-www-form-urlencoded")

Form = Mapping[str, str | Sequence[str]]


class TwilioRest:
    """A `CallControl` over `https://api.twilio.com`, or whatever answers like it at `base_url`.

    `secrets_of` returns an account's tokens, the newest first; one that the carrier does not know yet is passed over.
    `timeout_s` is for each step of a request: a free connection, a new one, and the server's silence.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        *,
        base_url: str,
        secrets_of: Callable[[str], Sequence[str]],
        timeout_s: float,
    ) -> None:
        self._transport = transport
        self._base_url = base_url
        self._secrets_of = secrets_of
        self._extensions = {"timeout": httpx.Timeout(timeout_s).as_dict()}

    async def participants(self, account: str, contact_id: ContactId) -> tuple[Participant, ...]:
        """Return who is in the contact's conference, phones that still ring for it included."""
        found: list[Participant] = []
        asked = {"FriendlyName": contact_id, "PageSize": str(_CONFERENCES_MAX)}
        listing = await self._get(account, "/Conferences.json", asked)
        for conference in _rows(listing, "conferences"):
            # Not asked for by status: one whose only phone still rings is not in progress yet.
            if conference.get("status") != "completed":
                found += await self._members(account, _id(conference, "sid"))
        return tuple(found)

    async def dial_agent(self, call: AgentCall) -> str:
        """Ring an agent's phone; the conference is made by its first participant."""
        form: Form = {
            "From": call.caller_id,
            "To": call.endpoint,
            "Label": call.reservation_id,
            "EarlyMedia": "false",
            "Beep": "false",
            "EndConferenceOnExit": "true",
            "Timeout": str(call.ring_s),
            "StatusCallback": call.status_url,
            "StatusCallbackMethod": "POST",
            "StatusCallbackEvent": ["answered", "completed"],  # the others change nothing for the router
        }
        answer = await self._post(call.account, f"/Conferences/{call.contact_id}/Participants.json", form)
        return str(answer.get("call_sid", ""))

    async def join_caller(self, account: str, call: str, contact_id: ContactId, *, return_url: str) -> None:
        """Give the caller's leg the document that puts it into the conference."""
        await self._change(account, call, {"Twiml": join_conference(contact_id, return_url=return_url)})

    async def send_back(self, account: str, call: str, *, return_url: str) -> None:
        """Let the caller's leg go on at an address of ours."""
        await self._change(account, call, {"Url": return_url, "Method": "POST"})

    async def end_leg(self, account: str, call: str) -> None:
        """End a leg, whether it rings or talks."""
        await self._change(account, call, {"Status": "completed"})

    async def live_calls(self, account: str) -> frozenset[str]:
        """Return all calls that are in progress."""
        asked = {"Status": "in-progress", "PageSize": str(PAGE_SIZE)}
        return frozenset([_id(row, "sid") async for row in self._listed(account, "/Calls.json", asked, "calls")])

    async def _members(self, account: str, sid: str) -> list[Participant]:
        try:
            listing = await self._get(account, f"/Conferences/{sid}/Participants.json", {})
        except LegGone:
            return []  # it ended between the two questions
        rows = (row for row in _rows(listing, "participants") if row.get("status") not in _OVER)
        return [Participant(_id(row, "call_sid"), row.get("label")) for row in rows]

    async def _listed(
        self, account: str, path: str, asked: Mapping[str, str], name: str
    ) -> AsyncIterator[dict[str, Any]]:
        listing = await self._get(account, path, asked)
        for _ in range(PAGES_MAX):
            for row in _rows(listing, name):
                yield row
            following = listing.get("next_page_uri")
            if not following:
                return
            listing = await self._send("GET", account, self._page(str(following)))
        # Half a list would make live calls look gone.
        raise CarrierUnavailable(f"more than {PAGES_MAX} pages")

    def _page(self, address: str) -> str:
        """Return where a list goes on. The account's secret goes along, so it has to be the same place."""
        try:
            there, here = httpx.URL(urljoin(self._base_url, address)), httpx.URL(self._base_url)
        except (ValueError, httpx.InvalidURL):
            raise CarrierUnavailable("the next page has no address") from None
        if (there.scheme, there.netloc, there.userinfo) != (here.scheme, here.netloc, here.userinfo):
            raise CarrierUnavailable("the next page is at another place")
        return str(there)

    async def _change(self, account: str, call: str, form: Form) -> None:
        try:
            await self._post(account, f"/Calls/{call}.json", form)
        except CarrierRefused as refusal:
            if refusal.status == _CONFLICT:
                raise LegGone("the leg has ended", status=refusal.status) from None
            raise

    async def _get(self, account: str, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
        query = f"?{urlencode(asked)}" if asked else ""
        return await self._send("GET", account, self._url(account, path) + query)

    async def _post(self, account: str, path: str, form: Form) -> dict[str, Any]:
        return await self._send("POST", account, self._url(account, path), urlencode(form, doseq=True).encode("ascii"))

    def _url(self, account: str, path: str) -> str:
        return f"{self._base_url}/{VERSION}/Accounts/{account}{path}"

    async def _send(self, method: str, account: str, url: str, form: bytes | None = None) -> dict[str, Any]:
        secrets = self._secrets_of(account)
        if not secrets:
            raise CarrierRefused("no tenant has this account")
        for secret in secrets:
            answer = await self._ask(method, url, _headers(account, secret, form), form)
            if answer.status_code != _UNAUTHORISED:
                break
        return _content(answer)

    async def _ask(
        self, method: str, url: str, headers: list[tuple[bytes, bytes]], form: bytes | None
    ) -> httpx.Response:
        request = httpx.Request(method, url, headers=headers, content=form, extensions=self._extensions)
        try:
            answer = await self._transport.handle_async_request(request)
            await answer.aread()
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise CarrierUnavailable(type(error).__name__) from None
        return answer


def _headers(account: str, secret: str, form: bytes | None) -> list[tuple[bytes, bytes]]:
    basic = b"Basic " + b64encode(f"{account}:{secret}".encode())
    return [*_HEADERS, (b"Authorization", basic), *([_FORM] if form is not None else [])]


def _content(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON of a success.

    Raises:
        LegGone: what was asked for is not there, or not in progress any more.
        CarrierRefused: another refusal, which would be the same next time.
        CarrierUnavailable: a failure that may pass.
    """
    status = answer.status_code
    document = _json(answer)
    if answer.is_success and document is not None:
        return document
    if status == _NOT_FOUND or (document or {}).get("code") == NOT_IN_PROGRESS:
        raise LegGone("not there", status=status)
    if answer.is_client_error and status != _TOO_MANY:
        raise CarrierRefused("refused", status=status)
    raise CarrierUnavailable("failed", status=status)


def _json(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        document = answer.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _rows(listing: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = listing.get(name)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CarrierUnavailable("the answer is no list")
    return rows


def _id(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise CarrierUnavailable(f"a row without {name}")
    return value
