"""Judges a run by its two logs alone.

Written apart from the router and sharing no code with it: it reads the facts, the decisions that count, and nothing
else, and raises `Unsound` at the first thing that the system has promised never to do.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

BACK_AFTER_S = 30.0  # a caller whose agent was lost is sought after this
EMERGENT = 0


class Unsound(AssertionError):
    """A promise was broken."""


@dataclass
class Person:
    """A contact that is not over."""

    urgency: int = 2
    asked: bool = False
    had_item: bool = False
    connected: bool = False
    in_dialog: bool = False
    served: bool = False
    gone: bool = False
    turn: int = -1
    silent_at: datetime | None = None
    lost_at: datetime | None = None  # their agent's leg ended in the middle of the call


@dataclass
class Work:
    """A work item that is not over."""

    contact: str
    tenant: str
    needs: tuple[Any, ...]
    urgency: int
    queued_at: datetime
    state: str = "queued"
    held_by: str | None = None  # reservation
    agent: str | None = None
    until: datetime | None = None
    canceled: bool = False
    stage: int = 0  # how far its soft needs have given way
    excluded: dict[str, datetime] = field(default_factory=dict)


@dataclass
class Desk:
    """An agent."""

    tenant: str
    skills: dict[str, float]
    listed: bool = True
    session: str | None = None
    connected: bool = False
    shown: Any = None  # the last announcement
    item: str | None = None


MOVES = {
    "agent.reserved": ({"queued"}, "reserved"),
    "item.connecting": ({"reserved"}, "connecting"),
    "item.caller_joining": ({"connecting"}, "connecting"),
    "item.connected": ({"connecting"}, "connected"),
    "item.requeued": ({"reserved", "connecting"}, "queued"),
    "item.wrapping": ({"connected"}, "wrapping"),
    "item.completed": ({"wrapping"}, "over"),
    "item.abandoned": ({"queued", "reserved", "connecting"}, "over"),
}


def require(condition: object, promise: str) -> None:
    if not condition:
        raise Unsound(promise)


def valid(records: Sequence[Any], start: int, epoch: int, seq: int) -> Iterator[tuple[int, Any, int, int]]:
    """Yield the records from `start` that count, with the epoch and seq after each."""
    for offset in range(start, len(records)):
        record = records[offset]
        if record.type == "router.claim":
            epoch, seq = offset, 0
            yield offset, record, epoch, seq
        elif record.epoch == epoch and record.seq == seq + 1:
            seq += 1
            yield offset, record, epoch, seq


def _idle(desk: Desk) -> bool:
    shown = desk.shown
    present = desk.listed and desk.connected and desk.item is None and shown is not None
    return bool(present and shown.reachable and shown.status == "available" and shown.state == "idle")


def _moments(needs: Sequence[Any]) -> list[float]:
    return sorted({step.after_s for need in needs if not need.hard for step in need.relax})


def _meets(desk: Desk, needs: Sequence[Any], stage: int) -> bool:
    passed = _moments(needs)[:stage]
    for need in needs:
        floor = need.level_min if need.hard or need.relax else None
        for step in () if need.hard else need.relax:
            floor = step.level_min if step.after_s in passed else floor
        if floor is not None and desk.skills.get(need.skill, -1.0) < floor:
            return False
    return True


TOLERANCE = timedelta(microseconds=1)  # seconds travel as a fraction


class Auditor:
    """Follows both logs and keeps books of its own."""

    def __init__(self, intake: Sequence[Any], decisions: Sequence[Any]) -> None:
        self._intake, self._decisions = intake, decisions
        self._next_fact = self._next_record = 0
        self._epoch, self._seq = -1, 0
        self._decided_at: datetime | None = None
        self._sign: datetime | None = None  # when an owner was last seen to be there
        self._fence = 0
        self._seen: set[str] = set()
        self.versions: dict[str, int] = {}
        self.emergency: dict[str, tuple[Any, tuple[Any, ...]]] = {}  # what each tenant keeps, and of which agents
        self.people: dict[str, Person] = {}
        self.work: dict[str, Work] = {}
        self.desks: dict[str, Desk] = {}
        self.ended: dict[str, str] = {}
        self.items_made: set[str] = set()
        self.reservations: dict[str, str | None] = {}  # every one ever made, and how it ended
        self.accepted: set[str] = set()
        self.joined: set[str] = set()

    # ---- following

    def follow(self) -> None:
        """Take in what is new on the decisions log."""
        for offset, record, epoch, seq in valid(self._decisions, self._next_record, self._epoch, self._seq):
            self._epoch, self._seq = epoch, seq
            if record.type == "router.step":
                self._step(record, offset)
                self._sign = max(record.decided_at, self._sign or record.decided_at)
            elif record.type == "router.heartbeat":
                self._sign = max(record.sent_at, self._sign or record.sent_at)
        self._next_record = len(self._decisions)

    def _step(self, step: Any, offset: int) -> None:
        rejected = {decision.offset for decision in step.decisions if decision.type == "fact.rejected"}
        self._fold_facts(step.cause + 1, rejected)
        require(self._decided_at is None or step.decided_at >= self._decided_at, "decisions never run back in time")
        self._decided_at = step.decided_at
        for decision in step.decisions:
            try:
                self._decision(decision, step.decided_at)
            except Unsound as error:
                raise Unsound(f"{error} (record {offset}, {decision!r})") from None

    def _fold_facts(self, end: int, rejected: set[int]) -> None:
        require(end >= self._next_fact or end == 0, "a later step never knew less")
        for offset in range(self._next_fact, end):
            if offset not in rejected:
                self._fact(self._intake[offset])
        self._next_fact = max(self._next_fact, end)

    # ---- facts

    def _fact(self, envelope: Any) -> None:
        data = envelope.data
        if data.type == "config.applied":
            self._config(data)
            return
        about_contact = hasattr(data, "contact_id") and data.type != "call.hang_up_requested"
        if envelope.id in self._seen or not (about_contact or data.agent_id in self.desks):
            return
        self._seen.add(envelope.id)
        if about_contact:
            if data.contact_id not in self.ended:
                self._contact_fact(data, envelope.time)
        else:
            self._agent_fact(self.desks[data.agent_id], data)

    def _config(self, data: Any) -> None:
        if self.versions.get(data.tenant, 0) >= data.version:
            return
        self.versions[data.tenant] = data.version
        emergency = data.document.emergency
        queue = next(queue for queue in data.document.queues if queue.name == emergency.queue)
        self.emergency[data.tenant] = (emergency, queue.requires)
        for desk in self.desks.values():
            desk.listed = desk.listed and desk.tenant != data.tenant
        for entry in data.document.agents:
            desk = self.desks.setdefault(entry.agent_id, Desk(data.tenant, {}))
            desk.tenant, desk.listed = data.tenant, True
            desk.skills = {known.skill: known.level for known in entry.skills}

    def _contact_fact(self, data: Any, at: datetime) -> None:
        if data.type.startswith("leg.") and data.type != "leg.caller_ended":
            self._leg(data, at)
            return
        person = self.people.setdefault(data.contact_id, Person())
        if data.type == "contact.arrived" and not (person.asked or person.in_dialog or person.served):
            person.silent_at = at + timedelta(seconds=data.answer_by_s)
        elif data.type == "contact.dialog_turned" and not person.asked and data.turn >= person.turn:
            person.in_dialog, person.turn = True, data.turn
            person.silent_at = at + timedelta(seconds=data.answer_by_s)
        elif data.type == "contact.self_served":
            person.served = True
        elif data.type in {"contact.handed_off", "contact.urgency_raised"}:
            person.asked, person.silent_at = True, None
            if getattr(data, "returning", False):
                person.lost_at = None
            person.urgency = min(person.urgency, int(data.urgency))
        elif data.type == "leg.caller_ended":
            person.gone = True

    def _leg(self, data: Any, at: datetime) -> None:
        if data.type == "leg.caller_joined":
            self.joined.add(data.reservation_id)
        held = next((work for work in self.work.values() if work.held_by == data.reservation_id), None)
        if data.type == "leg.agent_ended" and held is not None and held.state == "connected":
            self.people[data.contact_id].lost_at = at

    def _agent_fact(self, desk: Desk, data: Any) -> None:
        if data.type == "agent.connected" and (desk.session is None or data.session >= desk.session):
            desk.session, desk.connected = data.session, True
        elif data.type == "agent.disconnected" and data.session == desk.session:
            desk.connected = False
        elif data.type == "offer.accepted":
            work = next((work for work in self.work.values() if work.held_by == data.reservation_id), None)
            if work is not None and work.agent == data.agent_id and data.reservation_id not in self._seen:
                self.accepted.add(data.reservation_id)
        if data.type in {"offer.accepted", "offer.rejected"}:
            self._seen.add(data.reservation_id)  # the first answer stands

    # ---- decisions

    def _decision(self, decision: Any, at: datetime) -> None:
        kind = decision.type
        if kind == "item.queued":
            self._queued(decision)
        elif kind == "item.urgency_changed":
            work = self.work[decision.item_id]
            require(decision.urgency < work.urgency, "urgency is only ever raised")
            work.urgency, work.needs, work.stage = int(decision.urgency), tuple(decision.requirements), 0
        elif kind in {"item.relaxed", "item.held"}:
            self._waits_on(decision, at)
        elif kind in MOVES:
            self._move(decision, at)
        elif kind in {"reservation.lapsed", "reservation.rescinded", "reservation.canceled"}:
            self._reservation_over(decision, at)
        elif kind == "contact.diverted":
            self._diverted(decision, at)
        elif kind == "contact.ended":
            self._ended(decision)
        elif kind == "agent.changed":
            self.desks[decision.agent_id].shown = decision
        elif kind == "deadlines.extended":
            self._extended(decision, at)
        require(kind != "contact.reset", "no contact's state is beyond judging")

    def _waits_on(self, decision: Any, at: datetime) -> None:
        work = self.work[decision.item_id]
        require(work.state == "queued", "only who waits is held, or asks for less")
        if decision.type == "item.held":
            require(work.urgency != EMERGENT, "nothing holds an emergent caller")
            require(decision.until > at, "a hold has an end that is still to come")
            return
        require(decision.stage > work.stage, "needs give way step by step")
        after = _moments(work.needs)[decision.stage - 1]
        require(at >= work.queued_at + timedelta(seconds=after), "needs do not give way before their time")
        work.stage = decision.stage

    def _extended(self, decision: Any, at: datetime) -> None:
        by = timedelta(seconds=decision.by_s)
        # With no sign of anyone before, all the time there was is lost.
        require(self._sign is None or at - by >= self._sign - TOLERANCE, "no more time is given than was lost")
        held = {work.held_by: work for work in self.work.values() if work.held_by and work.state != "connected"}
        extended = {entry.reservation_id: entry.expires_at for entry in decision.reservations}
        require(extended.keys() == held.keys(), "every open deadline is extended, and no other")
        for name, work in held.items():
            require(work.until is not None, "an offer has an end")
            require(work.until <= extended[name] <= work.until + by, "nobody gets more than was lost, or has less")
            require(extended[name] == work.until + by or extended[name] > at, "who had time left has it again")
            work.until = extended[name]
        latest = at + timedelta(seconds=decision.grace_s)
        for person in self.people.values():
            if person.silent_at is not None:
                person.silent_at = max(person.silent_at, min(person.silent_at + by, latest))
            if person.lost_at is not None:
                back_by = person.lost_at + timedelta(seconds=BACK_AFTER_S)
                person.lost_at += max(back_by, min(back_by + by, latest)) - back_by

    def _queued(self, decision: Any) -> None:
        require(decision.item_id not in self.items_made, "an item is queued once")
        require(decision.contact_id not in self.ended, "nobody waits who is gone")
        others = [work for work in self.work.values() if work.contact == decision.contact_id]
        require(all(work.state == "wrapping" for work in others), "a contact waits in one place")
        self.items_made.add(decision.item_id)
        person = self.people[decision.contact_id]
        require(decision.urgency <= person.urgency, "urgency is never lowered")
        person.had_item, person.lost_at, person.silent_at = True, None, None
        self.work[decision.item_id] = Work(
            decision.contact_id,
            decision.tenant,
            tuple(decision.requirements),
            int(decision.urgency),
            decision.queued_at,
        )

    def _move(self, decision: Any, at: datetime) -> None:
        work = self.work[decision.item_id]
        allowed, state = MOVES[decision.type]
        require(work.state in allowed, f"an item that is {work.state} cannot meet {decision.type}")
        if decision.type == "agent.reserved":
            self._reserved(work, decision, at)
        elif decision.type != "item.abandoned":
            require(decision.reservation_id == work.held_by, "only the reservation that holds an item moves it")
            require(decision.agent_id == work.agent, "only the agent who holds an item moves it")
        if decision.type == "item.connecting":
            require(work.held_by in self.accepted, "nobody is connected who did not accept")
        if decision.type == "item.connected":
            require(work.held_by in self.joined, "nobody is connected whom the carrier did not connect")
            self.people[work.contact].connected = True
        work.state = state
        work.until = getattr(decision, "expires_at", work.until)
        if state in {"queued", "over"}:
            self._free(work, decision)
        if decision.type == "item.requeued" and decision.excluded_until is not None:
            work.excluded[decision.agent_id] = decision.excluded_until

    def _reserved(self, work: Work, decision: Any, at: datetime) -> None:
        desk = self.desks[decision.agent_id]
        require(decision.reservation_id not in self.reservations, "a reservation is made once")
        require(decision.fence > self._fence, "fences only grow")
        require(work.held_by is None, "no item has two agents")
        require(desk.item is None, "no agent has two items")
        require(decision.expires_at > at, "an offer has an end that is still to come")
        require(self._may(work, desk, decision.agent_id, at), "an agent is offered only what they may take")
        for other in self.work.values():
            same = other.state == "queued" and (other.tenant, other.needs) == (work.tenant, work.needs)
            if same and self._may(other, desk, decision.agent_id, at):
                sooner = (other.urgency, other.queued_at) < (work.urgency, work.queued_at)
                require(not sooner, "nobody is overtaken by a later or less urgent caller with the same needs")
        self._fence = decision.fence
        self.reservations[decision.reservation_id] = None
        work.held_by, work.agent = decision.reservation_id, decision.agent_id
        desk.item = decision.item_id

    def _free(self, work: Work, decision: Any) -> None:
        if work.held_by is not None:
            require(work.canceled or decision.type != "item.abandoned", "an abandoned offer is canceled")
            self.reservations[work.held_by] = decision.type
            self.desks[work.agent or ""].item = None
        work.held_by = work.agent = work.until = None
        if work.state == "over":
            del self.work[decision.item_id]

    def _reservation_over(self, decision: Any, at: datetime) -> None:
        work = self.work[decision.item_id]
        require(work.held_by == decision.reservation_id, "only an open reservation ends")
        if decision.type == "reservation.lapsed":
            require(decision.reservation_id not in self._seen, "an answer on the log beats the timer")
            require(work.until is not None and work.until <= at, "an offer lapses at its deadline, not before")
        if decision.type == "reservation.canceled":
            require(self.people[work.contact].gone, "only a caller who went away cancels an offer")
            work.canceled = True
            self.desks[decision.agent_id].item = None

    def _diverted(self, decision: Any, at: datetime) -> None:
        person = self.people[decision.contact_id]
        if decision.reason == "dialog_lost":
            back_by = person.lost_at and person.lost_at + timedelta(seconds=BACK_AFTER_S)
            deadline = person.silent_at or back_by
            require(deadline is not None and deadline <= at, "no caller is torn from a dialog that goes on")
        person.asked = True

    def _ended(self, decision: Any) -> None:
        require(decision.contact_id not in self.ended, "a contact ends once")
        person = self.people.pop(decision.contact_id)
        require(person.gone, "a contact ends when the caller is gone")
        left = [work.state for work in self.work.values() if work.contact == decision.contact_id]
        require(set(left) <= {"wrapping"}, "nothing waits for who is gone")
        if decision.reason == "completed":
            require(person.connected, "only who spoke to a person was served by one")
        if decision.reason.startswith("abandoned"):
            require(not person.connected, "who spoke to a person did not abandon")
        self.ended[decision.contact_id] = decision.reason

    # ---- what holds whenever nothing is left to do

    def _may(self, work: Work, desk: Desk, agent: str, at: datetime) -> bool:
        if not _idle(desk):
            return False
        if desk.tenant != work.tenant:
            return False
        if not _meets(desk, work.needs, work.stage):
            return False
        return work.urgency == EMERGENT or (work.excluded.get(agent, at) <= at and not self._kept(work, agent, at))

    def _kept(self, work: Work, agent: str, at: datetime) -> bool:
        """Tell whether the agent is one of the last who could take an emergent call."""
        emergency, needs = self.emergency[work.tenant]
        if not emergency.reserve or at >= work.queued_at + timedelta(seconds=emergency.reserve_s):
            return False
        idle = [name for name, desk in self.desks.items() if desk.tenant == work.tenant and _idle(desk)]
        able = [name for name in idle if _meets(self.desks[name], needs, 0)]
        return agent in able and len(able) <= emergency.reserve

    def check_at_rest(self, now: datetime) -> None:
        """Check what holds when the owner has folded all of `intake` and has nothing left to decide at `now`."""
        self.follow()
        at = max(now, self._decided_at or now)
        view = copy.copy(self)  # the facts after the last step may yet come to stand after another one
        view.people = {name: replace(person) for name, person in self.people.items()}
        view.desks = {name: replace(desk) for name, desk in self.desks.items()}
        view._seen, view.accepted, view.joined = set(self._seen), set(self.accepted), set(self.joined)
        view.versions = dict(self.versions)
        view._fold_facts(len(self._intake), set())
        view._check_work(at)
        for name, person in view.people.items():
            view._check_person(name, person, at)

    def _check_work(self, at: datetime) -> None:
        for item, work in self.work.items():
            if work.state == "queued":
                for agent, desk in self.desks.items():
                    require(not self._may(work, desk, agent, at), f"{agent} is idle while {item} waits for them")
                require(work.urgency <= self.people[work.contact].urgency, f"{item} is as urgent as its caller")
            elif work.state != "connected":
                require(work.until is not None and work.until > at, f"{item} is {work.state} past its end")
        for agent, desk in self.desks.items():
            released = desk.shown is None or desk.shown.state in {"idle", "unreachable"}
            require(desk.item is not None or released, f"{agent} has nothing and is not released")

    def _check_person(self, name: str, person: Person, at: datetime) -> None:
        has_work = any(work.contact == name and work.state != "wrapping" for work in self.work.values())
        require(not person.gone, f"{name} is gone and not ended")
        known = bool(self.versions)  # before there is a document, nobody knows of any queue
        require(has_work or person.had_item or not (person.asked and known), f"{name} asked for a person and is lost")
        if not has_work and not person.asked and person.silent_at is not None:
            require(person.silent_at > at, f"{name} is lost in the dialog")
        if not has_work and person.lost_at is not None:
            back_by = person.lost_at + timedelta(seconds=BACK_AFTER_S)
            require(back_by > at, f"{name} is lost between agents")

    def check_end(self) -> None:
        """Check what holds once every caller has gone home and every timer has run out."""
        self.follow()
        self._fold_facts(len(self._intake), set())
        require(not self.people, f"callers lost: {sorted(self.people)}")
        require(not self.work, f"items left: {sorted(self.work)}")
        open_ = sorted(name for name, end in self.reservations.items() if end is None)
        require(not open_, f"reservations without end: {open_}")
        require(all(desk.item is None for desk in self.desks.values()), "every agent is free in the end")
