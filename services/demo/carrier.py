"""The simulated carrier: it follows the TwiML that its signed webhooks bring, and does what its REST API is told.

Each leg is one task that performs one activity after another: asking for a document, following it, ringing, standing
in a conference. An order (moved by REST, hung up) ends the present activity and begins the next. Time is injected, so a
test can let a call run in no time at all::

    carrier = SimulatedCarrier(base_url=url, account=account, secret=secret, client=httpx.AsyncClient())
    phone = await carrier.place_call(to="+15005550100")
    await phone.wait_until("listening")
    phone.say("I need a refill")
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Final, Literal

import httpx

from services.demo.conferences import Conference, Conferences, Participant
from services.demo.delivery import WebhookFailed, Webhooks
from services.demo.faults import Faults
from services.demo.legs import STATUS_OF_EVENT, Activity, Direction, Document, Leg, Outcome, Ringing, Standing
from services.demo.listening import Ear
from services.demo.pace import Pace, RealPace, sleep
from services.demo.phone import CallEnded, Phone, PhoneEvent
from services.demo.twiml import (
    DialConference,
    DialNumber,
    Gather,
    Hangup,
    Interpreter,
    Pause,
    Play,
    Reject,
    Request,
    Say,
    TwimlError,
)

ACTIVITIES_MAX: Final = 2000  # of one call: a loop of redirects ends there
ENDED_KEPT_MAX: Final = 1000
RING_S: Final = 60.0
Caller = Callable[[Phone], Awaitable[None]]


class SimulatedCarrier:
    """One account at one carrier, with one voice URL for all its numbers.

    `say_chars_per_s` is how fast text is read out, 0: in no time. `music_s` is how long one Play lasts.
    `answer_s` is how long the phones of `client:`, `sip:` and number endpoints ring, unless `behave` says otherwise.
    """

    def __init__(
        self,
        *,
        base_url: str,
        account: str,
        secret: str,
        client: httpx.AsyncClient,
        pace: Pace | None = None,
        faults: Faults | None = None,
        say_chars_per_s: float = 0.0,
        music_s: float = 20.0,
        answer_s: float = 0.0,
    ) -> None:
        self.account = account
        self.secret = secret
        self.pace = pace or RealPace()
        self.faults = faults or Faults()
        self.webhooks = Webhooks(client, secret=secret, pace=self.pace, faults=self.faults)
        self.conferences = Conferences()
        self._base_url = base_url.rstrip("/")
        self._ear = Ear(self.pace, say_chars_per_s=say_chars_per_s, music_s=music_s)
        self._answer_s = answer_s
        self._behaviour: dict[str, tuple[Outcome, float]] = {}
        self._live: dict[str, Leg] = {}
        self._ended: deque[Leg] = deque(maxlen=ENDED_KEPT_MAX)
        self._callers: set[asyncio.Task[None]] = set()

    # ---- what people do

    async def place_call(self, *, to: str, from_: str = "+15005550006", caller: Caller | None = None) -> Phone:
        """Call one of the system's numbers; return the caller's phone at once, while it rings.

        `caller` is run beside the call and canceled when the call ends; without it, drive the phone yourself.
        """
        leg = self._leg("inbound", from_, to)
        leg.status = "ringing"
        leg.callback = f"{self._base_url}/v1/carriers/twilio/status"
        self._start(leg, Request(f"{self._base_url}/v1/carriers/twilio/voice"))
        if caller is not None:
            task = asyncio.create_task(_play_caller(caller, leg))
            self._callers.add(task)
            task.add_done_callback(self._callers.discard)
        return leg.phone

    def behave(self, endpoint: str, outcome: Outcome = "answer", *, after_s: float = 0.0) -> None:
        """Say what the phone of an endpoint does when it is called, and after how many seconds."""
        self._behaviour[endpoint] = (outcome, after_s)

    def hang_up_endpoint(self, endpoint: str) -> None:
        """Hang up the phone of an agent, as a person would by pressing its red key."""
        for leg in self.legs():
            if leg.called == endpoint and leg.live:
                leg.end("hung_up")

    @property
    def calls_live(self) -> int:
        """How many legs are up now."""
        return len(self._live)

    async def close(self, *, tell_s: float = 0.0) -> None:
        """End every call at once; give the last statuses so many real seconds to arrive, and then up."""
        tasks = [leg.task for leg in self._live.values() if leg.task] + list(self._callers)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(TimeoutError):
            await asyncio.wait_for(self.webhooks.drained(), tell_s)
        self.webhooks.cancel()
        await self.webhooks.drained()

    # ---- what the REST API does

    def legs(self) -> Iterator[Leg]:
        """Yield every leg, the newest first; ended ones are kept up to a number."""
        yield from sorted((*self._live.values(), *self._ended), key=lambda leg: (leg.created_at, leg.sid), reverse=True)

    def leg(self, sid: str) -> Leg | None:
        """Return a leg by its SID."""
        return self._live.get(sid) or next((leg for leg in self._ended if leg.sid == sid), None)

    def dial(
        self, *, caller: str, to: str, then: Activity, timeout_s: float = RING_S, callback: str | None, events: set[str]
    ) -> Leg:
        """Call somebody and do `then` with whoever answers."""
        assert not isinstance(then, Ringing), "a phone that rings is not answered yet"
        leg = self._leg("outbound-api", caller, to)
        leg.callback, leg.callback_events = callback, frozenset(events)
        self._start(leg, Ringing(timeout_s, then))
        return leg

    def invite(self, room: Conference, leg: Leg, participant: Participant) -> None:
        """Put a leg that was dialled on the list of a conference, before it has answered."""
        room.members[leg.sid] = participant

    def new_sid(self, prefix: str) -> str:
        """Return a fresh identifier."""
        return prefix + secrets.token_hex(16)

    # ---- the life of a leg

    def _leg(self, direction: Direction, caller: str, called: str) -> Leg:
        leg = Leg(self.new_sid("CA"), self.account, direction, caller, called, self.pace.now())
        self._live[leg.sid] = leg
        return leg

    def _start(self, leg: Leg, first: Activity) -> None:
        leg.task = asyncio.create_task(self._live_through(leg, first))

    async def _live_through(self, leg: Leg, first: Activity) -> None:
        upcoming: Activity | None = first
        try:
            for _ in range(ACTIVITIES_MAX):
                if upcoming is None:
                    break
                upcoming = await self._until_ordered(leg, upcoming)
        except Exception:
            leg.status = leg.why = "failed"  # a defect of the simulation: nobody shall wait for this call
            raise
        finally:
            self._finish(leg)

    async def _until_ordered(self, leg: Leg, activity: Activity) -> Activity | None:
        """Perform an activity, or as much of it as an order leaves; return what comes next."""
        doing = asyncio.create_task(self._perform(leg, activity))
        try:
            await asyncio.wait({doing, leg.order()}, return_when=asyncio.FIRST_COMPLETED)
            if not leg.order().done():
                return doing.result()
        finally:
            doing.cancel()
            await asyncio.wait({doing})
            leg.phone.gather(active=False)
        return leg.take_order()

    async def _perform(self, leg: Leg, activity: Activity) -> Activity | None:
        match activity:
            case Ringing():
                return await self._ring(leg, activity)
            case Standing(room, participant):
                await self._stand(leg, room, participant)
                return None
            case Document():
                return await self._follow(leg, activity)
            case Request(url):
                try:
                    text = await self.webhooks.ask(activity, leg.fields())
                except WebhookFailed:
                    await self._apologise(leg)
                    return None
                return await self._follow(leg, Document(text, url))

    async def _ring(self, leg: Leg, ringing: Ringing) -> Activity | None:
        outcome, after_s = self._behaviour.get(leg.called, ("answer", self._answer_s))
        self._enter(leg, "initiated")
        if outcome in {"answer", "no-answer"}:
            self._enter(leg, "ringing")
        if outcome == "no-answer" or after_s > ringing.timeout_s:
            outcome, after_s = "no-answer", ringing.timeout_s
        await sleep(self.pace, after_s)
        if outcome != "answer":
            leg.status = leg.why = outcome
            return None
        self._answer(leg)
        return ringing.then

    def _answer(self, leg: Leg) -> None:
        leg.answered_at = self.pace.now()
        self._enter(leg, "in-progress")

    async def _follow(self, leg: Leg, document: Document) -> Activity | None:
        try:
            script = Interpreter(document.text, url=document.url)
            step = script.step()
            if leg.answered_at is None and not isinstance(step, Reject):
                self._answer(leg)
            while not isinstance(step, Hangup):
                following = await self._do(leg, script, step)
                if isinstance(following, Request):
                    return following
                step = following or script.step()
        except TwimlError:
            self.webhooks.failures.append(None)
            await self._apologise(leg)
        return None

    async def _do(self, leg: Leg, script: Interpreter, step: object) -> Request | Hangup | None:
        """Do one step; return the request that follows from it, Hangup to end, or None to go on."""
        match step:
            case Request():
                return step
            case Say() | Play() | Pause():
                await self._ear.hear(leg.phone, step)
            case Gather():
                return script.gathered(step, await self._ear.listen(leg.phone, step))
            case DialConference():
                room = self.conferences.open(step.name, self.new_sid("CF"))
                participant = Participant(leg.sid, step.label, step.start_on_enter, step.end_on_exit)
                await self._stand(leg, room, participant)
                return script.dialled(step, status="answered")
            case DialNumber():
                child = await self._call_for(leg, step)
                return script.dialled(step, status=child.status, sid=child.sid, seconds=child.seconds())
            case Reject(reason):
                leg.status = leg.why = "busy" if reason == "busy" else "no-answer"
                return Hangup()
        return None

    async def _stand(self, leg: Leg, room: Conference, participant: Participant) -> None:
        leg.phone.forget_inputs()
        room.join(participant)
        self._tell_talking(room)
        if not room.talking:
            leg.phone.tell(PhoneEvent("music"), "music")
        try:
            await participant.out
        finally:
            room.leave(leg.sid)
            self._end_the_rest(room)
            self._tell_talking(room)

    async def _call_for(self, leg: Leg, step: DialNumber) -> Leg:
        """Call somebody on behalf of a caller, and keep them together until one of them is gone."""
        room = Conference(self.new_sid("CF"), f"dial {leg.sid}")
        child = self._leg("outbound-dial", leg.caller, step.to)
        child.parent = leg.sid
        self._start(child, Ringing(step.timeout_s, Standing(room, Participant(child.sid, end_on_exit=True))))
        assert child.task is not None, "it was started"
        child.task.add_done_callback(lambda _: room.complete())
        try:
            await self._stand(leg, room, Participant(leg.sid, end_on_exit=True))
        finally:
            child.end()
        await asyncio.wait({child.task})
        return child

    async def _apologise(self, leg: Leg) -> None:
        leg.why = "application_error"
        await self._ear.hear(leg.phone, Say("We are sorry, an application error has occurred. Goodbye.", "en-US"))

    def _tell_talking(self, room: Conference) -> None:
        """Let those in a room notice whether they can talk."""
        if room.status == "completed":
            return
        event: Literal["connected", "music"] = "connected" if room.talking else "music"
        for member in room.members.values():
            if member.joined and (leg := self._live.get(member.call)):
                leg.phone.tell(PhoneEvent(event), event)

    def _end_the_rest(self, room: Conference) -> None:
        """Once a conference is over, phones that still ring for it are given up."""
        if room.status == "completed":
            for member in list(room.members.values()):
                if not member.joined and (leg := self._live.get(member.call)):
                    leg.end()

    def _finish(self, leg: Leg) -> None:
        if leg.status in {"queued", "initiated", "ringing"}:
            leg.status = "canceled"
        elif leg.status == "in-progress":
            leg.status = "completed"
        leg.ended_at = self.pace.now()
        for room in self.conferences:
            room.leave(leg.sid)
        self._live.pop(leg.sid)
        self._ended.append(leg)
        leg.phone.tell(PhoneEvent("ended", reason=leg.why), "ended")
        self._call_back(leg, "completed")

    def _enter(self, leg: Leg, status: str) -> None:
        leg.status = status
        for event in (event for event, value in STATUS_OF_EVENT.items() if value == status):
            self._call_back(leg, event)

    def _call_back(self, leg: Leg, event: str) -> None:
        if leg.callback and event in leg.callback_events:
            fields = leg.status_fields(self.pace.now())
            leg.last_callback = self.webhooks.tell(leg.callback, fields, after=leg.last_callback)


async def _play_caller(caller: Caller, leg: Leg) -> None:
    """Run a caller's part for as long as the call lasts."""
    assert leg.task is not None, "the call was started"
    part = asyncio.ensure_future(caller(leg.phone))
    try:
        await asyncio.wait({part, leg.task}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        part.cancel()
        with suppress(asyncio.CancelledError, CallEnded):
            await part
