"""A leg: one telephone's connection to the carrier, with what the carrier's API and webhooks tell about it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, Literal

from services.demo.conferences import Conference, Participant
from services.demo.phone import Phone
from services.demo.twiml import Request

API_VERSION: Final = "2010-04-01"
STATUS_OF_EVENT: Final = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress"}
Direction = Literal["inbound", "outbound-api", "outbound-dial"]
Outcome = Literal["answer", "busy", "no-answer", "failed"]


@dataclass(frozen=True, slots=True)
class Document:
    """TwiML to follow, and where it came from."""

    text: str = field(repr=False)
    url: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Standing in a conference, with nothing to follow after it."""

    room: Conference
    participant: Participant


@dataclass(frozen=True, slots=True)
class Ringing:
    """A phone rings; `then` is what follows if it is answered within `timeout_s`."""

    timeout_s: float
    then: "Request | Document | Standing"


Activity = Request | Document | Standing | Ringing


@dataclass(slots=True, eq=False)
class Leg:
    """The state of one leg. `move` and `end` are orders to whatever the leg is doing; it obeys at its next await."""

    sid: str
    account: str
    direction: Direction
    caller: str = field(repr=False)
    called: str = field(repr=False)
    created_at: datetime
    status: str = "queued"
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    callback: str | None = field(default=None, repr=False)
    callback_events: frozenset[str] = frozenset({"completed"})
    parent: str | None = None
    why: str = "completed"  # as the phone is told
    last_callback: asyncio.Task[None] | None = None
    callbacks: int = 0
    task: asyncio.Task[None] | None = None
    phone: Phone = field(init=False)
    _order: asyncio.Future[Activity | None] | None = None

    def __post_init__(self) -> None:
        self.phone = Phone(self.sid, end=self.end)

    @property
    def live(self) -> bool:
        """Whether the leg has not ended."""
        return self.ended_at is None

    def order(self) -> asyncio.Future[Activity | None]:
        """Return the future that the next order sets; None means: end."""
        if self._order is None:
            self._order = asyncio.get_running_loop().create_future()
        return self._order

    def take_order(self) -> Activity | None:
        """Return the order that was given, and wait for another."""
        given, self._order = self.order().result(), None
        return given

    def move(self, activity: Activity) -> None:
        """Leave what is being done and do something else. An order to end stands."""
        if not self.order().done():
            self.order().set_result(activity)
        elif self.order().result() is not None:
            self._order = None
            self.order().set_result(activity)

    def end(self, why: str = "completed") -> None:
        """End the leg. Nothing happens if it has ended."""
        if self.live and (not self.order().done() or self.order().result() is not None):
            self.why = why
            self._order = None if self.order().done() else self._order
            self.order().set_result(None)

    def seconds(self) -> int:
        """How long the leg was up."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return round((self.ended_at - self.answered_at).total_seconds())

    def fields(self) -> dict[str, str]:
        """Return what every webhook about this leg carries."""
        fields = {
            "CallSid": self.sid,
            "AccountSid": self.account,
            "From": self.caller,
            "To": self.called,
            "Caller": self.caller,
            "Called": self.called,
            "CallStatus": self.status,
            "Direction": self.direction,
            "ApiVersion": API_VERSION,
        }
        return fields | ({"ParentCallSid": self.parent} if self.parent else {})

    def status_fields(self, now: datetime) -> dict[str, str]:
        """Return what a status callback carries now; each call of it counts as one callback."""
        fields = self.fields() | {
            "Timestamp": format_datetime(now),
            "CallbackSource": "call-progress-events",
            "SequenceNumber": str(self.callbacks),
        }
        self.callbacks += 1
        return fields | ({"CallDuration": str(self.seconds())} if self.ended_at else {})

    def resource(self) -> dict[str, Any]:
        """Return the leg as the REST API shows a call."""
        return {
            "sid": self.sid,
            "account_sid": self.account,
            "api_version": API_VERSION,
            "from": self.caller,
            "to": self.called,
            "direction": self.direction,
            "status": self.status,
            "parent_call_sid": self.parent,
            "date_created": format_datetime(self.created_at),
            "start_time": self.answered_at and format_datetime(self.answered_at),
            "end_time": self.ended_at and format_datetime(self.ended_at),
            "duration": str(self.seconds()) if self.ended_at else None,
            "uri": f"/{API_VERSION}/Accounts/{self.account}/Calls/{self.sid}.json",
        }
