"""What each desktop should have been told, and whether it was: in order, none missing, none that does not count."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.nemesis.history import Decided, Document, Evidence, decided

OVER: Final = {
    "item.completed", "item.requeued", "reservation.lapsed", "reservation.rescinded", "reservation.canceled",
}  # fmt: skip
CALL_STATES: Final = {"item.connected": "connected", "item.wrapping": "wrapping"}


@dataclass(frozen=True)
class Told:
    """What one decision has to tell a desktop, and what it then shows: the reservations of offer and call."""

    seq: int
    type: str
    offer: str | None
    call: str | None


@dataclass
class Desk:
    """An agent's desk, followed along the decisions."""

    offer: str | None = None
    item: str | None = None  # of the offer
    call: str | None = None
    told: list[Told] = field(default_factory=list)

    def tell(self, seq: int, kind: str) -> None:
        """A frame of this kind is due."""
        self.told.append(Told(seq, kind, self.offer, self.call))

    def extend(self, seq: int, reservation: str) -> None:
        """A deadline moved: what shows it is told anew."""
        if reservation in {self.offer, self.call}:
            self.tell(seq, "offer" if self.offer == reservation else "call.updated")

    def end(self, seq: int, reservation: str | None) -> None:
        """A reservation is over, once, as an offer or as a call."""
        if reservation is not None and self.offer == reservation:
            self.offer = None
            self.tell(seq, "offer.withdrawn")
        elif reservation is not None and self.call == reservation:
            self.call = None
            self.tell(seq, "call.updated")


def expected(evidence: Evidence) -> dict[str, Desk]:
    """Return every agent's desk with all that it should have been told."""
    desks: defaultdict[str, Desk] = defaultdict(Desk)
    for one in decided(evidence.decisions):
        if one.decision["type"] in _OF_MANY:
            _follow_many(desks, one)
        elif "agent_id" in one.decision:
            _follow(desks[one.decision["agent_id"]], one)
    return dict(desks)


_OF_MANY: Final = {"item.urgency_changed", "deadlines.extended", "contact.reset"}


def _follow_many(desks: defaultdict[str, Desk], one: Decided) -> None:
    """Take a decision that names no agent, or several."""
    decision = one.decision
    for desk in desks.values():
        if desk.offer is not None and desk.item == decision.get("item_id"):
            desk.tell(one.seq, "offer")
    for held in decision.get("reservations", ()):
        desks[held["agent_id"]].extend(one.seq, held["reservation_id"])
    for work in decision.get("released", ()):
        if work.get("agent_id"):
            desks[work["agent_id"]].end(one.seq, work.get("reservation_id"))


def _follow(desk: Desk, one: Decided) -> None:
    decision, kind = one.decision, one.decision["type"]
    reservation = decision.get("reservation_id")
    if kind == "agent.changed":
        desk.tell(one.seq, "status.changed")
    elif kind == "agent.reserved":
        desk.offer, desk.item = reservation, decision["item_id"]
        desk.tell(one.seq, "offer")
    elif kind == "item.connecting" and desk.offer == reservation:
        desk.offer, desk.call = None, reservation
        desk.tell(one.seq, "call.updated")
    elif kind in CALL_STATES and desk.call == reservation:
        desk.tell(one.seq, "call.updated")
    elif kind in OVER:
        desk.end(one.seq, reservation)


def misled(evidence: Evidence) -> Iterator[str]:
    """Yield a sentence for everything that a desktop was not told as it should have been."""
    should = expected(evidence)
    seen: defaultdict[str, list[Document]] = defaultdict(list)
    for frame in evidence.frames:
        seen[frame["agent"]].append(frame)
    for agent, frames in sorted(seen.items()):
        yield from (f"desktop of {agent} {wrong}" for wrong in _compare(should.get(agent, Desk()).told, frames))


def _compare(told: Sequence[Told], frames: Sequence[Document]) -> Iterator[str]:
    """Walk along what a desktop received; of a connection the first frame that is wrong is told, the rest counted."""
    seqs = [one.seq for one in told]
    last: int | None = None
    firsts: dict[Any, str] = {}  # by connection
    wrongs: Counter[Any] = Counter()
    for entry in frames:
        frame = entry["frame"]
        if "seq" not in frame:
            continue
        wrong = _judge(told, seqs, last, frame)
        if wrong is not None:
            firsts.setdefault(entry["connection"], wrong)
            wrongs[entry["connection"]] += 1
        last = frame["seq"] if frame["type"] == "snapshot" else max(frame["seq"], last or 0)
    for connection, first in firsts.items():
        more = f", and {wrongs[connection] - 1} more frames are wrong" if wrongs[connection] > 1 else ""
        yield f"{first} (connection {connection}{more})"
    if seqs and (last or 0) < seqs[-1]:
        yield f"was never told of decision {seqs[bisect_right(seqs, last or 0)]}"


def _judge(told: Sequence[Told], seqs: Sequence[int], last: int | None, frame: Document) -> str | None:
    """Return what is wrong with a frame after the one with seq `last`."""
    seq, kind = frame["seq"], frame["type"]
    upto = bisect_right(seqs, seq)  # how many decisions there are up to and with this one
    if kind == "snapshot":
        if last is not None and seq < last:
            return f"got a snapshot at {seq} after {last}"
        return _judge_snapshot(told[upto - 1] if upto else None, frame)
    if last is None:
        return f"got {kind} before any snapshot"
    missed = seqs[bisect_right(seqs, last) : upto - (kind != "resumed")]
    if missed:
        return f"missed decision {missed[0]} before {kind} {seq}"
    if kind == "resumed":
        return None if seq >= last else f"was resumed at {seq} after {last}"
    if not upto or seqs[upto - 1] != seq:
        return f"was told {kind} {seq}, which is no decision that counts"
    if seq <= last:
        return f"was told decision {seq} after {last}"
    return None if told[upto - 1].type == kind else f"was told {kind} for decision {seq}"


def _judge_snapshot(known: Told | None, frame: Document) -> str | None:
    """Return what is wrong with a snapshot; its seq may lie between decisions, where a router's snapshot was taken."""
    shown = tuple((frame.get(what) or {}).get("reservation_id") for what in ("offer", "call"))
    should = (known.offer, known.call) if known else (None, None)
    return None if shown == should else f"got a snapshot at {frame['seq']} that does not show how things stood"
