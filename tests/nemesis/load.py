"""Callers, a carrier and agents as clients of the system, who write down what they do before they do it.

The carrier delivers as carriers do: once more after a failed connection only, then its fallback document; and, drawn
from the seed, doubled, in another order, and with statuses whose own clock says that they are up to an hour old. Once
all calls are over, some of what was delivered in the run comes once more, as it was, after its contact's end.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import httpx

from schemas.errors import MalformedInput
from schemas.ids import contact_id, fact_id
from services.carriers.addresses import CarrierAddresses
from services.carriers.twilio_webhooks import ANSWERED, CARRIER, ENDED
from services.demo.agent_mind import AgentMind, Temper
from services.demo.agents import Connect, SimulatedAgent, Socket, open_socket
from services.demo.callers import CallerPart, Person, draw_person
from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_server import carrier_app, serving
from services.demo.conferences import Conference, Participant
from services.demo.delivery import WebhookFailed, Webhooks
from services.demo.legs import Direction, Leg
from services.demo.pace import RealPace, sleep
from services.demo.twiml import Request
from services.runtime.crypto import UrlSeal, load_root_keys
from tests.nemesis.ledger import Ledger
from tests.nemesis.system import System

ATTEMPTS: Final = 2
TOTAL_S: Final = 15.0
HOUR_S: Final = 3600.0
REPLAYED_MAX: Final = 60  # spread over the whole run
AT_A_TIME: Final = 4
LAST_STATUSES_S: Final = 5.0
FALLBACK: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Say>If this is an emergency, hang up and dial 9 1 1.</Say>'
    "<Pause length='5'/><Hangup/></Response>"
)
TEMPER: Final = Temper(
    rejects=0.05, lets_lapse=0.03, talk_mean_s=6.0, wrap_up_s=(1.0, 4.0), takes_break=0.04, break_s=(4.0, 8.0)
)
_TURN: Final = re.compile(r"/turn\?s=([A-Za-z0-9_-]+)")


class Promises:
    """What an acknowledgement promises: the facts that have to be on the log, by name."""

    def __init__(self, account: str, addresses: CarrierAddresses) -> None:
        self._account = account
        self._addresses = addresses

    def of(self, request: Request, fields: Mapping[str, str], answer: str) -> list[str]:
        """Return the ids of facts that a 2xx to this webhook promises; of a safe instruction none."""
        parts = urlsplit(request.url)
        token = parse_qs(parts.query).get("s", [""])[0]
        call, status = fields["CallSid"], fields["CallStatus"]
        if parts.path.endswith("/status"):
            return self._ids(call, *_of_status(status, of_agent=bool(token)))
        if status in ENDED:
            return self._ids(call, "caller_ended")
        after = next((self._session(found, call) for found in _TURN.findall(answer)), None)
        if parts.path.endswith("/voice"):
            return self._ids(call, *(["arrived:0"] if after and after.get("i", 0) > 0 else []))
        before = self._session(token, call)
        if before is None or after is None or after.get("i", 0) <= before.get("i", 0) or before.get("o") == "waiting":
            return []
        ordinal = before.get("z", 0)
        return self._ids(call, f"turned:{before.get('i', 0)}" + (f":{ordinal}" if ordinal else ""))

    def _ids(self, call: str, *names: str) -> list[str]:
        return [fact_id(CARRIER, self._account, call, name) for name in names]

    def _session(self, token: str, call: str) -> dict[str, Any] | None:
        """Return the session inside a turn's address; None for another call's, or for who comes out of a conference."""
        try:
            found = json.loads(self._addresses.open_turn(token, account=self._account, call=call))
        except (MalformedInput, ValueError):
            return None
        return found if isinstance(found, dict) and "returned" not in found else None


def _of_status(status: str, *, of_agent: bool) -> list[str]:
    if status in ENDED:
        return ["agent_ended" if of_agent else "caller_ended"]
    return ["agent_answered"] if of_agent and status == ANSWERED else []


class LedgeredWebhooks(Webhooks):
    """Delivers as a carrier does, and unreliably."""

    def __init__(
        self, carrier: SimulatedCarrier, client: httpx.AsyncClient, ledger: Ledger, promises: Promises
    ) -> None:
        super().__init__(client, secret=carrier.secret, pace=carrier.pace, faults=carrier.faults)
        self._ledger = ledger
        self._promises = promises
        self.rng = random.Random()
        self.copies = self.late = self.reordered = self.fallbacks = self.replayed = 0
        self._answered: list[tuple[Request, Mapping[str, str], str]] = []  # as they were sent

    async def _ask(self, request: Request, fields: Mapping[str, str]) -> str:
        token = f"{self.rng.getrandbits(128):032x}"
        if self.rng.random() < 0.15:
            self.copies += 1
            after_s = self.rng.uniform(20.0, 90.0) if self.rng.random() < 0.2 else self.rng.uniform(0.0, 3.0)
            self._keep(asyncio.create_task(self._again(request, fields, token, after_s)))
        try:
            return await self._document(request, fields, token)
        except WebhookFailed:
            self.fallbacks += 1
            self._ledger.note("fallback", leg=fields["CallSid"])
            return FALLBACK

    async def _again(self, request: Request, fields: Mapping[str, str], token: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        with suppress(WebhookFailed):
            await self._send(request, fields, token)

    async def _tell(self, url: str, fields: Mapping[str, str], after: "asyncio.Task[None] | None") -> None:
        rng = self.rng
        reordered, late = rng.random() < 0.2, rng.random() < 0.15
        copies, delay_s = (2 if rng.random() < 0.2 else 1), (rng.uniform(0.0, 2.0) if rng.random() < 0.3 else 0.0)
        if late:
            self.late += 1
            fields = _older(fields, rng.uniform(0.0, HOUR_S))
        if reordered:
            self.reordered += 1
        elif after is not None:
            await asyncio.wait({after})
        await asyncio.sleep(delay_s)
        self.copies += copies - 1
        for _ in range(copies):
            with suppress(WebhookFailed):
                await self._send(Request(url), fields, f"{rng.getrandbits(128):032x}")

    async def _send(self, request: Request, fields: Mapping[str, str], token: str) -> httpx.Response:
        path = urlsplit(request.url).path.rpartition("/")[2]
        failure = WebhookFailed("no answer")
        for attempt in range(ATTEMPTS):
            number = self._ledger.intend(
                "webhook", what=path, leg=fields["CallSid"], status=fields["CallStatus"], attempt=attempt
            )
            try:
                async with asyncio.timeout(TOTAL_S):
                    answer = await self._client.send(self._build(request, fields, token))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                self._ledger.settle(number, http=None, why=type(error).__name__)
                continue  # the one thing that a carrier tries again
            except (httpx.HTTPError, TimeoutError) as error:
                self._ledger.settle(number, http=None, why=type(error).__name__)
                raise failure from None
            told = self._promises.of(request, fields, answer.text) if answer.is_success else []
            self._ledger.settle(number, http=answer.status_code, facts=told)
            if answer.is_success:
                self._answered.append((request, dict(fields), token))
                return answer
            raise WebhookFailed("refused", answer.status_code)
        raise failure

    async def replay(self, number: int = REPLAYED_MAX) -> int:
        """Deliver up to so many that were answered once more, drawn from the seed, with their own fields and tokens.

        Returns how many were answered with success.
        """
        drawn = self.rng.sample(self._answered, min(number, len(self._answered)))
        answered = 0
        for first in range(0, len(drawn), AT_A_TIME):
            sends = (self._send(*webhook) for webhook in drawn[first : first + AT_A_TIME])
            answers = await asyncio.gather(*sends, return_exceptions=True)
            self.replayed += len(answers)
            answered += sum(isinstance(answer, httpx.Response) for answer in answers)
        return answered


def _older(fields: Mapping[str, str], by_s: float) -> dict[str, str]:
    at = parsedate_to_datetime(fields["Timestamp"]) - timedelta(seconds=by_s)
    return {**fields, "Timestamp": format_datetime(at)}


class LedgeredCarrier(SimulatedCarrier):
    """Writes down every leg, and who is invited where."""

    ledger: Ledger
    rng: random.Random

    def new_sid(self, prefix: str) -> str:
        """Return a fresh identifier, from the seed."""
        return f"{prefix}{self.rng.getrandbits(128):032x}"

    def invite(self, room: Conference, leg: Leg, participant: Participant) -> None:
        """Note whose phone rings for which reservation."""
        self.ledger.note("invited", leg=leg.sid, room=room.name, label=participant.label)
        super().invite(room, leg, participant)

    def _leg(self, direction: Direction, caller: str, called: str) -> Leg:
        leg = super()._leg(direction, caller, called)
        self.ledger.note("leg", leg=leg.sid, direction=direction)
        return leg

    def _finish(self, leg: Leg) -> None:
        super()._finish(leg)
        self.ledger.note("leg_over", leg=leg.sid, status=leg.status, why=leg.why)


class LedgeredAgent(SimulatedAgent):
    """An agent with a token of their own, who writes down each frame."""

    token: str

    async def _address(self) -> str:
        headers = {"Authorization": f"Bearer {self.token}"}
        ticket = (await self._post("/v1/agents/ticket", headers=headers))["ticket"]
        return f"ws{self._base_url.removeprefix('http')}/v1/agents/ws?ticket={quote(str(ticket), safe='')}"


class _LedgeredSocket:
    """A websocket whose frames are written down, those that are sent before they are."""

    def __init__(self, socket: Socket, ledger: Ledger, agent: str, connection: int) -> None:
        self._socket = socket
        self._ledger = ledger
        self._of = {"agent": agent, "connection": connection}

    async def send(self, text: str) -> None:
        frame = json.loads(text)
        number = None if frame["type"] == "pong" else self._ledger.intend("frame", **self._of, frame=frame)
        await self._socket.send(text)
        if number is not None:
            self._ledger.settle(number, sent=True)

    async def receive(self) -> str:
        text = await self._socket.receive()
        frame = json.loads(text)
        for view in (frame.get("offer"), frame.get("call")):
            if isinstance(view, dict):
                view.pop("screen_pop", None)
        if frame["type"] != "ping":
            self._ledger.note("told", **self._of, frame=frame)
        return text


def connect_with(ledger: Ledger, agent: str) -> Connect:
    """Return a way to open sockets that are written down."""

    @asynccontextmanager
    async def connect(url: str) -> AsyncIterator[Socket]:
        async with open_socket(url) as socket:
            connection = ledger.intend("connection", agent=agent)
            try:
                yield _LedgeredSocket(socket, ledger, agent, connection)
            finally:
                ledger.settle(connection, closed=True)

    return connect


class Load:
    """Everybody outside the system. An asynchronous context manager; `calling` is switched off for the end."""

    def __init__(self, system: System, ledger: Ledger, *, seed: int, rate: float, speed: float = 2.0) -> None:
        """`rate` is calls a minute, over both tenants; `speed` is how fast people's time runs."""
        self._system = system
        self._ledger = ledger
        self._seed = seed
        self._rate = rate
        self._pace = RealPace(speed)
        self._rng = random.Random(f"{seed} callers")
        self._tasks: list[asyncio.Task[None]] = []
        self._calling = asyncio.Event()
        self.calls = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Serve the carrier, call and answer until `stop`."""
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=0)  # a carrier connects anew each time
        timeout = httpx.Timeout(TOTAL_S, connect=5.0, pool=None)
        async with httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False) as client:
            self.carrier = self._make_carrier(client)
            app = carrier_app(self.carrier)
            async with serving(app, port=self._system.carrier_own_port):
                self._tasks = [asyncio.create_task(agent.run()) for agent in self._agents(client)]
                self._system.somebody = self._somebody
                self._calling.set()
                self._tasks.append(asyncio.create_task(self._call_on()))
                try:
                    await stop.wait()
                finally:
                    for task in self._tasks:
                        task.cancel()
                    await asyncio.gather(*self._tasks, return_exceptions=True)
                    await self.carrier.close()

    def _make_carrier(self, client: httpx.AsyncClient) -> LedgeredCarrier:
        known = self._system.credentials.twilio
        carrier = LedgeredCarrier(
            base_url=self._system.base_url,
            account=known.account,
            secret=known.secret,
            client=client,
            pace=self._pace,
            say_chars_per_s=400.0,
            music_s=4.0,
            answer_s=0.5,
        )
        carrier.ledger, carrier.rng = self._ledger, random.Random(f"{self._seed} carrier {time.time_ns()}")
        seal = UrlSeal(load_root_keys(self._system.folder))
        promises = Promises(known.account, CarrierAddresses(self._system.base_url, seal))
        self.webhooks = LedgeredWebhooks(carrier, client, self._ledger, promises)
        self.webhooks.rng = random.Random(f"{self._seed} delivery")
        carrier.webhooks = self.webhooks
        return carrier

    def _agents(self, client: httpx.AsyncClient) -> list[LedgeredAgent]:
        agents = []
        for config in self._system.tenants:
            for entry in config.agents:
                if entry.agent_id.startswith("practice"):
                    continue
                agent = LedgeredAgent(
                    entry.agent_id,
                    base_url=self._system.desktops_url,
                    client=client,
                    mind=AgentMind(random.Random(f"{self._seed} {entry.agent_id}"), TEMPER),
                    pace=self._pace,
                    connect=connect_with(self._ledger, entry.agent_id),
                )
                agent.token = self._system.identity.issue(entry.agent_id, role="agent", tenant=config.tenant)
                agents.append(agent)
        return agents

    async def _call_on(self) -> None:
        while True:
            await asyncio.sleep(self._rng.expovariate(self._rate / 60.0))
            if self._calling.is_set():
                await self._call()

    async def _call(self) -> None:
        self.calls += 1
        number = self._rng.choice([config.numbers[0] for config in self._system.tenants])
        person = _brisk(draw_person(self._rng), self._rng)
        await self.carrier.place_call(
            to=number,
            from_=f"+1500555{self._rng.randrange(1000, 9999)}",
            caller=CallerPart(person, self._pace),
        )

    def _somebody(self, cell: str) -> str | None:
        """Return a contact who is on the line with a cell now."""
        numbers = {number for config in self._system.tenants if config.cell == cell for number in config.numbers}
        for leg in self.carrier.legs():
            if leg.live and leg.direction == "inbound" and leg.called in numbers:
                return contact_id(CARRIER, leg.account, leg.sid)
        return None

    async def wind_down(self, *, grace_s: float) -> None:
        """No more calls; whoever is still on the line after `grace_s` hangs up."""
        self._calling.clear()
        deadline = asyncio.get_running_loop().time() + grace_s
        while self.carrier.calls_live and asyncio.get_running_loop().time() < deadline:
            await sleep(self._pace, 0.5)
        for leg in list(self.carrier.legs()):
            if leg.live and leg.direction == "inbound":
                leg.end("hung_up")
        with suppress(TimeoutError):  # a copy may be more than a minute late
            await asyncio.wait_for(self.webhooks.drained(), LAST_STATUSES_S)
        self._ledger.note("replayed", answered=await self.webhooks.replay())


def _brisk(person: Person, rng: random.Random) -> Person:
    """Return the same person in a hurry, so that a short run has many calls from their beginning to their end."""
    return replace(
        person, thinking_s=rng.uniform(0.2, 1.0), patience_s=person.patience_s / 3, talk_s=rng.uniform(2, 10)
    )
