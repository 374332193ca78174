"""What a run left behind, read without any code of the system: plain dictionaries and a reader of its own.

`counting` is the rule of DESIGN 3.1 written a second time: which records of `decisions` count. `Books` keeps, from
those alone, who holds what, and notes down every step that may not be.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

PER_STEP: Final = 1024  # decision i of the step at offset o has the position o * 1024 + i
CONTACT_FACTS: Final = ("contact.arrived", "contact.dialog_turned", "contact.handed_off", "contact.self_served")

Document = Mapping[str, Any]


class Record(NamedTuple):
    """One record of a log; `document` is None for bytes that are no JSON object."""

    offset: int
    at: float  # when it was appended, in seconds since 1970
    document: Document | None

    @property
    def data(self) -> Document:
        """The event inside the envelope; empty if there is none."""
        return (self.document or {}).get("data") or {}


Log = Mapping[int, Sequence[Record]]  # by partition, in order of offsets, whole


@dataclass(frozen=True)
class Evidence:
    """All that a run left behind."""

    ledger: Sequence[Document] = ()
    intake: Log = field(default_factory=dict)
    decisions: Log = field(default_factory=dict)
    rows: Mapping[str, Sequence[Document]] = field(default_factory=dict)  # of the database, by table
    frames: Sequence[Document] = ()  # agent, connection, and the frame as it came; in order


def counting(records: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Split a partition of `decisions`, read from its beginning, into what counts and what does not."""
    counts: list[Record] = []
    ignored: list[Record] = []
    epoch, expected = None, 0
    for record in records:
        data = record.data
        if data.get("type") == "router.claim":
            epoch, expected = record.offset, 1
            counts.append(record)
        elif epoch is not None and data.get("epoch") == epoch and data.get("seq") == expected:
            expected += 1
            counts.append(record)
        else:
            ignored.append(record)
    return counts, ignored


class Decided(NamedTuple):
    """One decision that counts."""

    partition: int
    seq: int  # its position, as frames name it
    cell: str
    decision: Document


def decided(decisions: Log) -> Iterator[Decided]:
    """Yield every decision that counts, partition by partition, in order."""
    for partition in sorted(decisions):
        for record in counting(decisions[partition])[0]:
            for index, decision in enumerate(record.data.get("decisions", ())):
                yield Decided(partition, record.offset * PER_STEP + index, record.data["cell"], decision)


def facts(intake: Log) -> Iterator[tuple[int, Record]]:
    """Yield every fact that can be read, with its partition."""
    for partition in sorted(intake):
        for record in intake[partition]:
            if record.document is not None and record.data:
                yield partition, record


@dataclass
class Item:
    """A work item as the decisions tell it."""

    contact: str
    tenant: str
    queue: str
    state: str = "queued"
    holder: str | None = None  # agent
    reservation: str | None = None
    answered: bool = False


MOVES: Final = {
    "item.connecting": ("reserved", "connecting"),
    "item.caller_joining": ("connecting", "connecting"),
    "item.connected": ("connecting", "connected"),
    "item.wrapping": ("connected", "wrapping"),
}


class Books:
    """Follows decisions that count; `wrong` lists what may not be, each as (rule, sentence)."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.holds: defaultdict[str, set[str]] = defaultdict(set)  # agent: reservations
        self.ends: dict[str, str] = {}  # contact: reason
        self.connecting: set[str] = set()  # reservations that call control was told to connect
        self.agents: dict[str, Document] = {}  # the last announcement of each
        self.wrong: list[tuple[str, str]] = []

    def follow(self, one: Decided) -> None:
        """Take the next decision."""
        decision, kind = one.decision, one.decision["type"]
        if kind == "item.queued":
            self._queued(one.seq, decision)
        elif kind == "agent.changed":
            self.agents[decision["agent_id"]] = decision
        elif kind == "contact.ended":
            self._ended(one.seq, decision)
        elif kind == "contact.reset":
            self._reset(one.seq, decision)
        elif "item_id" in decision:
            item = self.items.get(decision["item_id"])
            if item is None:
                self._note("one_state", one.seq, f"{kind} of an item that was never queued")
            else:
                self._of_item(one.seq, item, decision)

    def _queued(self, seq: int, decision: Document) -> None:
        if decision["item_id"] in self.items:
            self._note("one_effect", seq, f"item {decision['item_id']} is queued twice")
            return
        if decision["contact_id"] in self.ends:
            self._note("one_state", seq, f"contact {decision['contact_id']} is queued after its end")
        self.items[decision["item_id"]] = Item(decision["contact_id"], decision["tenant"], decision["queue"])

    def _ended(self, seq: int, decision: Document) -> None:
        contact = decision["contact_id"]
        if contact in self.ends:
            self._note("one_state", seq, f"contact {contact} ended as {self.ends[contact]} and ends again")
        self.ends[contact] = decision["reason"]

    def _reset(self, seq: int, decision: Document) -> None:
        self._note("defects", seq, f"contact {decision['contact_id']} was given up: {decision['reason']}")
        for work in decision["released"]:
            item = self.items.get(work["item_id"])
            if item is not None:
                self._free(item, work.get("agent_id") or "", work.get("reservation_id") or "")
                item.state = "given up"

    def _of_item(self, seq: int, item: Item, decision: Document) -> None:
        kind = decision["type"]
        if kind == "agent.reserved":
            self._reserved(seq, item, decision)
        elif kind == "item.urgency_changed":
            item.queue = decision["queue"]
        elif kind in MOVES:
            self._moved(seq, item, decision)
        elif kind == "item.requeued":
            self._free(item, decision["agent_id"], decision["reservation_id"])
            item.state = "queued"
        elif kind == "reservation.canceled":
            self._free(item, decision["agent_id"], decision["reservation_id"])
        elif kind == "item.completed":
            self._free(item, decision["agent_id"], decision["reservation_id"])
            item.state = "completed"
        elif kind == "item.abandoned":
            item.state = "abandoned"

    def _reserved(self, seq: int, item: Item, decision: Document) -> None:
        agent, reservation = decision["agent_id"], decision["reservation_id"]
        if item.holder is not None:
            self._note("two_agents", seq, f"item {decision['item_id']} goes to {agent} while {item.holder} has it")
        if item.state != "queued":
            self._note("one_state", seq, f"item {decision['item_id']} is {item.state} and is offered")
        if self.holds[agent]:
            self._note("capacity", seq, f"agent {agent} has {len(self.holds[agent])} items and gets another")
        item.state, item.holder, item.reservation = "reserved", agent, reservation
        self.holds[agent].add(reservation)

    def _moved(self, seq: int, item: Item, decision: Document) -> None:
        before, after = MOVES[decision["type"]]
        if item.state != before or item.reservation != decision["reservation_id"]:
            self._note("one_state", seq, f"{decision['type']} of item {decision['item_id']} that is {item.state}")
        item.state = after
        if after == "connecting":
            self.connecting.add(decision["reservation_id"])
        item.answered |= after == "connected"

    def _free(self, item: Item, agent: str, reservation: str) -> None:
        self.holds[agent].discard(reservation)
        if item.reservation == reservation:
            item.holder = item.reservation = None

    def _note(self, rule: str, seq: int, text: str) -> None:
        self.wrong.append((rule, f"{text} (decision {seq})"))


def books(decisions: Log) -> Books:
    """Keep books over all decisions that count."""
    kept = Books()
    for one in decided(decisions):
        kept.follow(one)
    return kept
