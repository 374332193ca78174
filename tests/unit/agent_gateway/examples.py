"""Decisions about one call, and a desktop that believes every frame."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from agent_gateway.desk import DeskBook, DeskChange, Offer
from agent_gateway.session import Session, SessionLimits
from schemas.decisions import (
    AgentChanged,
    AgentReserved,
    CallerJoining,
    ContactReset,
    DeadlinesExtended,
    ExtendedDeadline,
    ItemCompleted,
    ItemConnected,
    ItemConnecting,
    ItemRequeued,
    ItemWrapping,
    ReleasedWork,
    ReservationCanceled,
    ReservationLapsed,
    ReservationRescinded,
    Step,
    UrgencyChanged,
)
from schemas.envelope import Sealed
from schemas.gateway_frames import (
    CallUpdated,
    CallView,
    OfferFrame,
    OfferView,
    OfferWithdrawn,
    ServerFrame,
    SnapshotFrame,
    StatusChanged,
    StatusView,
)
from schemas.ids import AgentId, CellId, ContactId, ItemId, QueueName, ReservationId, SessionId, TenantId
from schemas.routing import AgentState, AgentStatus, Disposition, RequeueReason, Urgency

NURSE = AgentId("nurse-1")
OTHER = AgentId("nurse-2")
NOON = datetime(2030, 1, 7, 12, tzinfo=UTC)
SEALED = Sealed(kid="k", key="a2V5", box="Ym94")


def second(n: float) -> datetime:
    return NOON + timedelta(seconds=n)


def session_id(n: int) -> SessionId:
    return SessionId(f"session-{n:04}")


class Work:
    """The decisions about an agent's n-th reservation; each is made anew, so that none is shared."""

    def __init__(self, n: int = 1, agent: AgentId = NURSE) -> None:
        self.agent = agent
        self.names: dict[str, Any] = {
            "item_id": ItemId(f"item-{n}"),
            "contact_id": ContactId(f"contact-{n}"),
            "reservation_id": ReservationId(f"reservation-{n}"),
            "agent_id": agent,
        }
        self.line: dict[str, Any] = {
            "fence": n, "tenant": TenantId("north"), "carrier": "twilio", "account": "AC1", "call": f"CA{n}",
        }  # fmt: skip

    @property
    def reservation_id(self) -> ReservationId:
        return self.names["reservation_id"]

    def reserved(self) -> AgentReserved:
        return AgentReserved(
            **self.names,
            fence=1,
            tenant=TenantId("north"),
            queue=QueueName("triage"),
            intent="symptoms",
            urgency=Urgency.URGENT,
            language="en",
            queued_at=NOON,
            expires_at=second(20),
            why="the only idle nurse",
            sealed=SEALED,
        )

    def more_urgent(self) -> UrgencyChanged:
        return UrgencyChanged(
            item_id=self.names["item_id"],
            contact_id=self.names["contact_id"],
            queue=QueueName("emergency"),
            urgency=Urgency.EMERGENT,
            requirements=(),
            why="red flag",
        )

    def connecting(self) -> ItemConnecting:
        return ItemConnecting(
            **self.names, **self.line, number="+15005550001", endpoint="client:nurse-1", expires_at=second(30)
        )

    def joining(self) -> CallerJoining:
        return CallerJoining(**self.names, **self.line)

    def connected(self) -> ItemConnected:
        return ItemConnected(**self.names)

    def wrapping(self) -> ItemWrapping:
        return ItemWrapping(**self.names, expires_at=second(90))

    def completed(self) -> ItemCompleted:
        return ItemCompleted(**self.names, disposition=Disposition.RESOLVED)

    def lapsed(self) -> ReservationLapsed:
        return ReservationLapsed(**self.names, reachable=True)

    def rescinded(self, reason: RequeueReason = RequeueReason.NEEDS_CHANGED) -> ReservationRescinded:
        return ReservationRescinded(**self.names, reason=reason)

    def canceled(self) -> ReservationCanceled:
        return ReservationCanceled(**self.names)

    def extended(self, until: float = 600) -> DeadlinesExtended:
        names = {name: self.names[name] for name in ("reservation_id", "agent_id")}
        return DeadlinesExtended(by_s=5, reservations=(ExtendedDeadline(**names, expires_at=second(until)),))

    def reset(self) -> ContactReset:
        names = {name: self.names[name] for name in ("item_id", "reservation_id", "agent_id")}
        return ContactReset(
            contact_id=self.names["contact_id"],
            tenant=TenantId("north"),
            reason="KeyError",
            released=(ReleasedWork(item_id=ItemId("item-0")), ReleasedWork(**names)),
        )

    def requeued(self, reason: RequeueReason = RequeueReason.REJECTED) -> ItemRequeued:
        return ItemRequeued(**self.names, reason=reason)


def changed(version: int = 1, session: int | None = None, agent: AgentId = NURSE) -> AgentChanged:
    return AgentChanged(
        agent_id=agent,
        tenant=TenantId("north"),
        status=AgentStatus.AVAILABLE,
        version=version,
        state=AgentState.IDLE,
        session=session_id(session) if session is not None else None,
    )


class Log:
    """A cell's log: each call decides one step, folds it and tells the sessions."""

    def __init__(self, book: DeskBook) -> None:
        self.book = book
        self.sessions: list[Session] = []
        self.offset = 0

    def decide(self, *decisions: Any) -> list[tuple[AgentId, int, DeskChange]]:
        self.offset += 1
        now = second(self.offset)
        step = Step(epoch=0, seq=self.offset, cell=CellId("pool"), cause=-1, decided_at=now, decisions=tuple(decisions))
        told = self.book.fold(self.offset, step, now)
        for agent_id, position, change in told:
            for session in self.sessions:
                if session.agent_id == agent_id:
                    session.decided(position, change)
        return told

    def open(self, n: int = 1, *, limits: SessionLimits | None = None, agent: AgentId = NURSE) -> Session:
        session = Session(
            session_id(n),
            agent,
            name="Nurse One",
            book=self.book,
            screen_pop=pop,
            now=0.0,
            limits=limits or SessionLimits(),
        )
        self.sessions.append(session)
        return session


def pop(offer: Offer) -> dict[str, Any]:
    return {"opened_for": offer.view.contact_id}


@dataclass
class Desktop:
    """What a desktop shows when it believes every frame, and nothing else."""

    seq: int = 0
    status: StatusView | None = None
    offer: OfferView | None = None
    call: CallView | None = None

    def show(self, frame: ServerFrame) -> None:
        self.seq = getattr(frame, "seq", self.seq)
        if isinstance(frame, SnapshotFrame):
            self.status, self.offer, self.call = frame.status, frame.offer, frame.call
        elif isinstance(frame, StatusChanged):
            self.status = frame.status
        elif isinstance(frame, OfferFrame):
            self.offer = frame.offer
        elif isinstance(frame, OfferWithdrawn):
            self.offer = None
        elif isinstance(frame, CallUpdated):
            self._follow(frame)

    def _follow(self, frame: CallUpdated) -> None:
        if frame.state == "ended":
            self.call = None
            return
        known = self.call or self.offer
        assert known is not None
        assert known.reservation_id == frame.reservation_id
        facts = known.model_dump() | {"state": frame.state, "since": frame.since}
        facts |= {"deadline": frame.deadline} if frame.deadline else {}
        self.call = CallView(**facts)
        self.offer = None if frame.state == "connecting" else self.offer
