"""The carrier's side of a webhook: signed, sent in time or not at all, and once more after a failure."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx

from services.demo.faults import Faults
from services.demo.pace import Pace, sleep
from services.demo.signature import HEADER, sign
from services.demo.twiml import Request

TOTAL_S: Final = 15.0
ATTEMPTS: Final = 2
_XML: Final = frozenset({"text/xml", "application/xml"})
_SERVER_ERROR: Final = 500


class WebhookFailed(Exception):
    """No usable answer came; the caller hears an application error. `status` is the last HTTP status, if any."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Webhooks:
    """Sends what the carrier has to tell. `disagreements` counts copies of a webhook that got another answer."""

    def __init__(self, client: httpx.AsyncClient, *, secret: str, pace: Pace, faults: Faults) -> None:
        self._client = client
        self._secret = secret
        self._pace = pace
        self._faults = faults
        self._background: set[asyncio.Task[Any]] = set()
        self.disagreements = 0
        self.failures: list[int | None] = []

    async def ask(self, request: Request, fields: Mapping[str, str]) -> str:
        """Make a request and return the TwiML that answers it.

        A caller who hangs up meanwhile cancels the wait, not the request.

        Raises:
            WebhookFailed: no answer in time, a status that is not 2xx, or no XML.
        """
        asking = asyncio.create_task(self._ask(request, {**fields, **request.fields}))
        self._keep(asking)
        return await asyncio.shield(asking)

    def tell(
        self, url: str, fields: Mapping[str, str], *, after: asyncio.Task[None] | None = None
    ) -> asyncio.Task[None]:
        """Post a status in the background, once `after` is done; one that fails is lost, as at the carrier."""
        task = asyncio.create_task(self._tell(url, dict(fields), after))
        self._keep(task)
        return task

    async def drained(self) -> None:
        """Wait until every status that is on its way has been answered or lost."""
        while self._background:
            await asyncio.wait(set(self._background))

    def cancel(self) -> None:
        """Give up on what is on its way."""
        for task in self._background:
            task.cancel()

    async def _tell(self, url: str, fields: Mapping[str, str], after: asyncio.Task[None] | None) -> None:
        if after is not None:
            await asyncio.wait({after})
        await sleep(self._pace, self._faults.status_delay_s)
        if fields["CallStatus"] in self._faults.statuses_dropped:
            return
        token = secrets.token_hex(16)
        for _ in range(max(1, self._faults.status_copies)):
            try:
                await self._send(Request(url), fields, token)
            except WebhookFailed as failure:
                self.failures.append(failure.status)

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._background.add(task)
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, since nobody may be waiting for it any more

    async def _ask(self, request: Request, fields: Mapping[str, str]) -> str:
        token = secrets.token_hex(16)
        answers = [await self._document(request, fields, token) for _ in range(max(1, self._faults.webhook_copies))]
        self.disagreements += sum(answer != answers[0] for answer in answers)
        return answers[0]

    async def _document(self, request: Request, fields: Mapping[str, str], token: str) -> str:
        try:
            answer = await self._send(request, fields, token)
        except WebhookFailed as failure:
            self.failures.append(failure.status)
            raise
        if answer.headers.get("content-type", "").partition(";")[0].strip() not in _XML:
            self.failures.append(answer.status_code)
            raise WebhookFailed("the answer is no XML", answer.status_code)
        return answer.text

    async def _send(self, request: Request, fields: Mapping[str, str], token: str) -> httpx.Response:
        failure = WebhookFailed("no answer")
        for _ in range(ATTEMPTS):
            try:
                async with asyncio.timeout(TOTAL_S):
                    answer = await self._client.send(self._build(request, fields, token))
            except (httpx.TransportError, TimeoutError):
                failure = WebhookFailed("no answer")
                continue
            if answer.is_success:
                return answer
            failure = WebhookFailed("refused", answer.status_code)
            if answer.status_code < _SERVER_ERROR:
                break
        raise failure

    def _build(self, request: Request, fields: Mapping[str, str], token: str) -> httpx.Request:
        url = request.url.partition("#")[0]
        headers = {"I-Twilio-Idempotency-Token": token, "User-Agent": "TwilioProxy/1.1", "Accept": "*/*"}
        if request.method == "GET":
            url += ("&" if "?" in url else "?") + urlencode(fields)
            headers[HEADER] = sign(self._secret, url)
            return self._client.build_request("GET", url, headers=headers)
        headers[HEADER] = sign(self._secret, url, fields.items())
        headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        return self._client.build_request("POST", url, headers=headers, content=urlencode(fields))
