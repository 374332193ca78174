"""What a simulated agent does about each frame: plans, made without I/O and drawn from a seeded generator."""

import random
from dataclasses import dataclass
from typing import Final

from schemas.gateway_frames import (
    AcceptOffer,
    CallUpdated,
    CallView,
    ClientFrame,
    FinishWrapUp,
    HangUpCall,
    OfferFrame,
    OfferView,
    OfferWithdrawn,
    Ping,
    Pong,
    RejectOffer,
    Resumed,
    ServerFrame,
    SetStatus,
    SnapshotFrame,
    StatusChanged,
    Welcome,
)
from schemas.routing import AgentStatus, Disposition

DISPOSITIONS: Final = (Disposition.RESOLVED, Disposition.FOLLOW_UP, Disposition.ESCALATED, Disposition.WRONG_NUMBER)
BREAK: Final = "break"  # the key of plans about status


@dataclass(frozen=True, slots=True)
class Plan:
    """Send `frame` in `after_s` seconds, unless the plans of `key` are dropped first."""

    key: str
    after_s: float
    frame: ClientFrame


@dataclass(frozen=True, slots=True)
class Drop:
    """Forget every plan of `key`."""

    key: str


@dataclass(frozen=True, slots=True)
class Temper:
    """How an agent works: shares are 0..1, durations are seconds."""

    rejects: float = 0.04
    lets_lapse: float = 0.03
    hangs_up_first: float = 0.7
    talk_mean_s: float = 25.0
    wrap_up_s: tuple[float, float] = (2.0, 8.0)
    takes_break: float = 0.05  # after a call
    break_s: tuple[float, float] = (15.0, 40.0)


class AgentMind:
    """Turns frames from the server into plans."""

    def __init__(self, rng: random.Random, temper: Temper | None = None) -> None:
        self._rng = rng
        self._temper = temper or Temper()
        self._on_break = False
        self._wanted: AgentStatus | None = None
        self._status = AgentStatus.OFFLINE
        self._offer: OfferView | None = None
        self._call: CallUpdated | None = None

    def react(self, frame: ServerFrame) -> list[Plan | Drop]:
        """Return what follows from a frame."""
        match frame:
            case Ping():
                return [Plan("ping", 0.0, Pong())]
            case Welcome():
                self._on_break, self._wanted = False, None  # plans were lost with the socket
            case SnapshotFrame(status=held, offer=offer, call=call):
                self._status, self._offer = held.status, offer
                self._call = _updated(call, frame.seq) if call else None
                return self._take_stock()
            case Resumed():
                return self._take_stock()
            case OfferFrame(offer=offer):
                self._offer = offer
                return self._consider(offer)
            case OfferWithdrawn(reservation_id=reservation):
                self._offer = None
                return [Drop(reservation)]
            case CallUpdated():
                self._offer, self._call = None, frame
                return self._follow_call(frame)
            case StatusChanged(status=held):
                self._status = held.status
                return self._want(held.status)
            case _:
                pass
        return []

    def _take_stock(self) -> list[Plan | Drop]:
        """Plan anew from what is known, after a sign-in."""
        plans = self._want(self._status)
        if self._offer:
            plans += self._consider(self._offer)
        if self._call:
            plans += self._follow_call(self._call)
        return plans

    def _want(self, status: AgentStatus) -> list[Plan | Drop]:
        """Become available, unless on a break; a status is asked for once, until the server shows it."""
        if status == self._wanted:
            self._wanted = None
        if self._on_break or status is AgentStatus.AVAILABLE or self._wanted is AgentStatus.AVAILABLE:
            return []
        return [self._set(AgentStatus.AVAILABLE, after_s=self._rng.uniform(0.1, 1.0))]

    def _set(self, status: AgentStatus, *, after_s: float, reason: str | None = None) -> Plan:
        self._wanted = status
        return Plan(BREAK, after_s, SetStatus(status=status, reason=reason))

    def _consider(self, offer: OfferView) -> list[Plan | Drop]:
        mood, reservation = self._rng.random(), offer.reservation_id
        if mood < self._temper.rejects:
            refusal = RejectOffer(reservation_id=reservation, reason="busy with a form")
            return [Drop(reservation), Plan(reservation, self._rng.uniform(1.0, 3.0), refusal)]
        if mood < self._temper.rejects + self._temper.lets_lapse:
            return []
        taken = AcceptOffer(reservation_id=reservation)
        return [Drop(reservation), Plan(reservation, self._rng.uniform(1.0, 3.0), taken)]

    def _follow_call(self, call: CallUpdated) -> list[Plan | Drop]:
        key = call.reservation_id
        match call.state:
            case "connected":
                talk_s = min(max(self._rng.expovariate(1 / self._temper.talk_mean_s), 4.0), 120.0)
                if self._rng.random() >= self._temper.hangs_up_first:
                    talk_s *= 4  # the caller has the time to hang up; somebody has to, in the end
                return [Drop(key), Plan(key, talk_s, HangUpCall(contact_id=call.contact_id))]
            case "wrapping":
                disposition = self._rng.choices(DISPOSITIONS, weights=(80, 12, 5, 3))[0]
                done = FinishWrapUp(item_id=call.item_id, disposition=disposition)
                return [Drop(key), Plan(key, self._rng.uniform(*self._temper.wrap_up_s), done)]
            case "ended":
                self._call = None
                return [Drop(key), *self._rest()]
            case _:
                return []

    def _rest(self) -> list[Plan | Drop]:
        if self._on_break or self._rng.random() >= self._temper.takes_break:
            return []
        self._on_break = True
        return [Plan(BREAK, 0.5, SetStatus(status=AgentStatus.BREAK, reason="coffee"))]

    def sent(self, frame: ClientFrame) -> list[Plan | Drop]:
        """Return what follows from a frame that was sent: a break ends after a while."""
        if not isinstance(frame, SetStatus):
            return []
        if frame.status is AgentStatus.BREAK:
            back = SetStatus(status=AgentStatus.AVAILABLE)
            return [Plan(BREAK, self._rng.uniform(*self._temper.break_s), back)]
        self._on_break = False
        return []


def _updated(call: CallView, seq: int) -> CallUpdated:
    return CallUpdated(
        seq=seq,
        contact_id=call.contact_id,
        item_id=call.item_id,
        reservation_id=call.reservation_id,
        state=call.state,
    )
