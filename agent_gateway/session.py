"""One desktop's conversation with the gateway, without the socket (the manner of websockets' sans-I/O core).

Feed it: `receive` what the desktop sent, `decided` what the log says about its agent, `beat` as time goes by. After
each of them the caller drains `frames` and sends them, drains `facts` and publishes them, and looks at
`close_requested`. An accepted offer is a fact and nothing else: what the desktop sees of it follows from the decision.

    hello        -> welcome, then snapshot; or welcome, what was missed, resumed
    other frames -> a fact, or an error frame; the session lives
    too big, too many, too slow, silent, replaced -> close_requested

`seq` grows strictly over the frames of a session that decisions caused, from the last snapshot on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeVar

from agent_gateway.desk import Call, Desk, DeskBook, DeskChange, Offer
from agent_gateway.frames import FrameRefused, parse
from agent_gateway.presence import Beat, Pulse
from schemas.agents import HangUpRequested, OfferAccepted, OfferRejected, StatusSet, WrapUpDone
from schemas.gateway_frames import (
    AcceptOffer,
    CallView,
    ClientFrame,
    CloseCode,
    ErrorFrame,
    FinishWrapUp,
    HangUpCall,
    Hello,
    OfferFrame,
    OfferView,
    Ping,
    Pong,
    Reconnect,
    RejectOffer,
    Resume,
    Resumed,
    ServerFrame,
    SetStatus,
    SnapshotFrame,
    Welcome,
)
from schemas.ids import AgentId, ReservationId, SessionId

SessionFact = StatusSet | OfferAccepted | OfferRejected | HangUpRequested | WrapUpDone
ErrorCode = Literal["malformed", "unknown_type", "not_yours", "hello_first", "replaced", "overloaded", "unavailable"]
ScreenPop = Callable[[Offer], dict[str, Any]]
"""Opens an offer's sealed data for its agent; called when the frame is drained, and only while the offer is theirs."""

_View = TypeVar("_View", OfferView, CallView)

_GREETING_FRAMES: Final = 2  # welcome, and snapshot or resumed


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Named maxima of one session."""

    frame_bytes_max: int = 16 * 1024
    unsent_frames_max: int = 256
    frames_per_s_max: float = 20.0  # on average
    frames_burst_max: int = 40  # at once
    hello_s: float = 10.0
    ping_s: float = 20.0


class Close(NamedTuple):
    """Why the socket is to be closed. `reason` is safe to show and to log."""

    code: int
    reason: str


class Session:
    """The desktop of one agent, on one socket."""

    __slots__ = (
        "_allowance", "_allowed_at", "_book", "_close", "_facts", "_limits", "_name", "_opened_at", "_pulse",
        "_screen_pop", "_seq", "_unsent", "agent_id", "greeted", "session_id",
    )  # fmt: skip

    def __init__(
        self,
        session_id: SessionId,
        agent_id: AgentId,
        *,
        name: str,
        book: DeskBook,
        screen_pop: ScreenPop,
        now: float,
        limits: SessionLimits,
    ) -> None:
        self.session_id: Final = session_id
        self.agent_id: Final = agent_id
        self.greeted = False
        """Whether the desktop has said hello; only then does it count as present."""
        self._name = name
        self._book = book
        self._screen_pop = screen_pop
        self._limits = limits
        self._opened_at = now
        self._pulse = Pulse(now, ping_s=limits.ping_s)
        self._allowance = float(limits.frames_burst_max)
        self._allowed_at = now
        self._seq = 0  # of the last decision that the desktop knows of, or will once `_unsent` is sent
        self._unsent: list[ServerFrame] = []  # nearly always empty, where a deque would weigh ten times as much
        self._facts: list[SessionFact] = []
        self._close: Close | None = None

    @property
    def close_requested(self) -> Close | None:
        """Set once: drain `frames`, then close the socket with this; nothing that comes later is heard."""
        return self._close

    @property
    def vouchable(self) -> bool:
        """Whether the desktop has said hello and owes no answer to a ping."""
        return self.greeted and self._close is None and self._pulse.unanswered == 0

    def next_frame(self) -> ServerFrame | None:
        """Drain one frame, or None when all is sent. Its screen pop is opened here, so send it before asking again."""
        return self._with_screen_pop(self._unsent.pop(0)) if self._unsent else None

    def frames(self) -> list[ServerFrame]:
        """Drain all that is to be sent, in order; for who sends without waiting."""
        return list(iter(self.next_frame, None))

    @property
    def unsent(self) -> int:
        """How many frames wait to be drained."""
        return len(self._unsent)

    def facts(self) -> list[SessionFact]:
        """Drain what the agent did, in order. The caller publishes it, or calls `unavailable`."""
        drained, self._facts = self._facts, []
        return drained

    def receive(self, text: str | bytes, *, now: float) -> None:
        """Take one message from the desktop; `now` is monotonic seconds."""
        if self._close is not None:
            return
        if len(text if isinstance(text, bytes) else text.encode()) > self._limits.frame_bytes_max:
            self._request_close(CloseCode.TOO_BIG, "frame too big")
        elif not self._allows(now):
            self.refuse("overloaded", "too many frames")
            self._request_close(CloseCode.OVERLOADED, "too many frames")
        else:
            try:
                self._heard(parse(text))
            except FrameRefused as refused:
                self.refuse(refused.code, refused.reason)

    def decided(self, position: int, change: DeskChange) -> None:
        """Tell the desktop what was decided about its agent. What it knows already is not repeated."""
        if change.session is not None and change.session > self.session_id:
            self._replaced()
        elif self.greeted and position > self._seq:
            self._seq = position
            self._push(change.frame)

    def beat(self, now: float) -> None:
        """Let time pass: pings a quiet desktop, gives up one that is silent or never said hello."""
        if not self.greeted:
            if now >= self._opened_at + self._limits.hello_s:
                self._request_close(CloseCode.NO_HELLO, "no hello")
            return
        beat = self._pulse.beat(now, ping_s=self._limits.ping_s)
        if beat is Beat.PING:
            self._push(Ping())
        elif beat is Beat.SILENT:
            self._request_close(CloseCode.SILENT, "no pong")

    def doubt(self, now: float) -> None:
        """Time has passed unseen: the desktop is vouched for once it answers a ping, which is sent now."""
        if self.greeted:
            self._pulse.doubt(now, ping_s=self._limits.ping_s)
            self._push(Ping())

    def refuse(self, code: ErrorCode, message: str) -> None:
        """Tell the desktop that its last frame had no effect; the session lives."""
        self._push(ErrorFrame(code=code, message=message))

    def unavailable(self) -> None:
        """What was drained from `facts` may not be on the log. The desktop may try again: repeats are harmless."""
        self.refuse("unavailable", "that may not have arrived; try again")

    def leave(self, after_s: float) -> None:
        """The gateway is going away: the desktop should connect elsewhere in `after_s` seconds. Until then it works."""
        self._push(Reconnect(after_s=after_s))

    def restart(self) -> None:
        """The gateway is gone now; the desktop should connect again, when it was told to or at once."""
        self._request_close(CloseCode.RESTARTING, "restarting")

    def resync(self) -> None:
        """What was decided is not known without a gap: show how things stand, all of it."""
        desk = self._book.desk(self.agent_id)
        if desk.session is not None and desk.session > self.session_id:
            self._replaced()
        elif self.greeted:
            self._show(desk)

    # ---- what the desktop says

    def _heard(self, frame: ClientFrame) -> None:
        if isinstance(frame, Hello):
            self._greet(frame.resume)
        elif not self.greeted:
            self.refuse("hello_first", "say hello first")
        elif isinstance(frame, Pong):
            self._pulse.answered()
        elif isinstance(frame, SetStatus):
            self._facts.append(StatusSet(agent_id=self.agent_id, status=frame.status, reason=frame.reason))
        elif isinstance(frame, AcceptOffer):
            self._accept(frame)
        elif isinstance(frame, RejectOffer):
            self._reject(frame)
        elif isinstance(frame, HangUpCall):
            self._hang_up(frame)
        else:
            self._finish(frame)

    def _greet(self, resume: Resume | None) -> None:
        if self.greeted:
            self.refuse("malformed", "hello was said before")
            return
        desk = self._book.desk(self.agent_id)
        if desk.session is not None and desk.session > self.session_id:
            self._replaced()
            return
        self.greeted = True
        self._push(
            Welcome(session=self.session_id, agent_id=self.agent_id, name=self._name, ping_s=self._limits.ping_s)
        )
        missed = self._book.since(self.agent_id, resume.seq) if resume else None
        if missed is None or len(missed) + _GREETING_FRAMES > self._limits.unsent_frames_max:
            self._show(desk)
        else:
            for _, change in missed:
                self._push(change.frame)
            self._push(Resumed(seq=desk.position))
            self._seq = desk.position

    def _show(self, desk: Desk) -> None:
        offer = desk.offer.view if desk.offer else None
        call = desk.call.view if desk.call else None
        self._push(SnapshotFrame(seq=desk.position, status=desk.status, offer=offer, call=call))
        self._seq = desk.position

    def _accept(self, frame: AcceptOffer) -> None:
        desk = self._book.desk(self.agent_id)
        if self._offers(frame.reservation_id):
            self._facts.append(OfferAccepted(agent_id=self.agent_id, reservation_id=frame.reservation_id))
        elif desk.held(frame.reservation_id) is None:
            self.refuse("not_yours", "this offer is over, or was never yours")
        # Otherwise it was accepted before, and a second click changes nothing.

    def _reject(self, frame: RejectOffer) -> None:
        if self._offers(frame.reservation_id):
            rejected = OfferRejected(agent_id=self.agent_id, reservation_id=frame.reservation_id, reason=frame.reason)
            self._facts.append(rejected)
        else:
            self.refuse("not_yours", "this offer is over, or was never yours")

    def _hang_up(self, frame: HangUpCall) -> None:
        call = self._call()
        if call is not None and call.offer.view.contact_id == frame.contact_id and call.state != "wrapping":
            self._facts.append(HangUpRequested(agent_id=self.agent_id, contact_id=frame.contact_id))
        else:
            self.refuse("not_yours", "this call is over, or was never yours")

    def _finish(self, frame: FinishWrapUp) -> None:
        call = self._call()
        if call is not None and call.offer.view.item_id == frame.item_id and call.state == "wrapping":
            done = WrapUpDone(agent_id=self.agent_id, item_id=frame.item_id, disposition=frame.disposition)
            self._facts.append(done)
        else:
            self.refuse("not_yours", "this work is not in wrap-up, or was never yours")

    def _offers(self, reservation_id: ReservationId) -> bool:
        offer = self._book.desk(self.agent_id).offer
        return offer is not None and offer.view.reservation_id == reservation_id

    def _call(self) -> Call | None:
        return self._book.desk(self.agent_id).call

    def _allows(self, now: float) -> bool:
        earned = (now - self._allowed_at) * self._limits.frames_per_s_max
        self._allowance = min(self._allowance + earned, self._limits.frames_burst_max)
        self._allowed_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    # ---- what the desktop is told

    def _push(self, frame: ServerFrame) -> None:
        """Queue a frame. A desktop that stops reading is closed, so that its calls are offered elsewhere."""
        if self._close is not None:
            return
        if len(self._unsent) < self._limits.unsent_frames_max:
            self._unsent.append(frame)
        else:
            self._unsent.clear()
            self._request_close(CloseCode.TOO_SLOW, "too slow")

    def _replaced(self) -> None:
        self.refuse("replaced", "you are signed in elsewhere since")
        self._request_close(CloseCode.REPLACED, "replaced")

    def _request_close(self, code: int, reason: str) -> None:
        self._close = self._close or Close(code, reason)

    def _with_screen_pop(self, frame: ServerFrame) -> ServerFrame:
        if isinstance(frame, OfferFrame):
            return frame.model_copy(update={"offer": self._popped(frame.offer)})
        if isinstance(frame, SnapshotFrame):
            offer = self._popped(frame.offer) if frame.offer else None
            call = self._popped(frame.call) if frame.call else None
            return frame.model_copy(update={"offer": offer, "call": call})
        return frame

    def _popped(self, view: _View) -> _View:
        # Minimum necessary: what is over by now is shown without patient data.
        held = self._book.desk(self.agent_id).held(view.reservation_id)
        return view.model_copy(update={"screen_pop": self._screen_pop(held)}) if held else view
