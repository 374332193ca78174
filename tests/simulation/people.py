"""Whoever acts outside the router: callers, agents and the carrier.

They hear of the decisions that count and answer with facts.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from router.ownership import Lineage
from schemas import agents, contacts
from schemas.decisions import Step
from schemas.routing import AgentStatus, CallEndCause, Disposition, Urgency
from tests.simulation.logs import Clock, Logs

INTENTS = ("refill.request", "triage.symptom", "agent.request")
URGENCIES = (Urgency.EMERGENT, Urgency.URGENT, Urgency.ROUTINE)


class Caller:
    """One call, as the caller's side of the line knows it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.on_line = True
        self.talking = False


class Crowd:
    """All callers and agents of a run."""

    def __init__(self, random: Random, clock: Clock, logs: Logs) -> None:
        self._random, self._clock, self._logs = random, clock, logs
        self._lineage, self._next = Lineage(), 0
        self._sessions: dict[str, int] = {}
        self.callers: dict[str, Caller] = {}
        self._over: set[str] = set()  # reservations
        logs.watchers.append(self.look)

    # ---- callers

    def arrive(self, name: str) -> None:
        caller = self.callers[name] = Caller(name)
        self._tell(
            contacts.ContactArrived(
                contact_id=name, carrier="twilio", account="AC1", call=f"CA-{name}", number="+15005550100"
            )
        )
        self._dialog(caller, turn=1)

    def _dialog(self, caller: Caller, turn: int) -> None:
        roll = self._random.random()
        if not caller.on_line:
            return
        if turn < 4 and roll < 0.5:
            self._tell(contacts.DialogTurned(contact_id=caller.name, turn=turn, node="menu", answer_by_s=45))
            self._soon(1, 8, lambda: self._dialog(caller, turn + 1))
        elif roll < 0.58:
            self._tell(contacts.SelfServed(contact_id=caller.name, task="facility.info"))
            self._soon(1, 5, lambda: self.hang_up(caller))
        elif roll < 0.62:
            self.hang_up(caller)
        elif roll < 0.93:
            self._ask(caller)
        # else the dialog breaks down: nothing is heard of it any more

    def _ask(self, caller: Caller, *, returning: bool = False) -> None:
        if not caller.on_line:
            return
        intent = self._random.choice(INTENTS)
        urgency = self._random.choices(URGENCIES, (1, 2, 5))[0]
        self._tell(
            contacts.HandedOff(
                contact_id=caller.name,
                intent=intent,
                urgency=urgency,
                reason="agent_leg_lost" if returning else "intent",
                returning=returning,
                language=self._random.choice(("en", "en", "es")),
            )
        )
        if self._random.random() < 0.15:
            self._soon(2, 60, lambda: self._worse(caller))
        self._soon(20, 300, lambda: self._lose_patience(caller))

    def _worse(self, caller: Caller) -> None:
        if caller.on_line and not caller.talking:
            urgency = self._random.choice(URGENCIES)
            self._tell(contacts.UrgencyRaised(contact_id=caller.name, urgency=urgency, intent="triage.symptom"))

    def _lose_patience(self, caller: Caller) -> None:
        if not caller.talking and self._random.random() < 0.5:
            self.hang_up(caller)

    def hang_up(self, caller: Caller) -> None:
        if caller.on_line:
            caller.on_line = False
            self._tell(contacts.CallerLegEnded(contact_id=caller.name, cause=CallEndCause.COMPLETED))

    def everybody_goes_home(self) -> None:
        for caller in self.callers.values():
            self.hang_up(caller)

    # ---- agents

    def sign_in(self, agent: str) -> None:
        number = self._sessions[agent] = self._sessions.get(agent, 0) + 1
        session = f"{agent}-{number:04}"
        self._tell(agents.AgentConnected(agent_id=agent, session=session, lease_s=60))
        self._tell(agents.StatusSet(agent_id=agent, status=AgentStatus.AVAILABLE))
        self._soon(20, 20, lambda: self._renew(agent, number))

    def _renew(self, agent: str, number: int) -> None:
        if self._sessions[agent] != number:
            return
        session = f"{agent}-{number:04}"
        roll = self._random.random()
        if roll < 0.04:
            self._tell(agents.AgentDisconnected(agent_id=agent, session=session))
            self._soon(1, 30, lambda: self.sign_in(agent))
        elif roll < 0.06:
            self._soon(70, 120, lambda: self.sign_in(agent))  # the laptop sleeps: nothing is said
        else:
            self._tell(agents.PresenceRenewed(agent_id=agent, session=session, lease_s=60))
            self._soon(20, 20, lambda: self._renew(agent, number))
        if roll > 0.9:
            self._tell(agents.StatusSet(agent_id=agent, status=self._random.choice(list(AgentStatus)), reason="break"))
            self._soon(5, 60, lambda: self._tell(agents.StatusSet(agent_id=agent, status=AgentStatus.AVAILABLE)))

    # ---- what valid decisions make them do

    def look(self) -> None:
        """Read on; every valid decision is met by whom it concerns."""
        while self._next < len(self._logs.decisions):
            record = self._logs.decisions[self._next]
            counts = self._lineage.admit(self._next, record)
            self._next += 1
            if counts and isinstance(record, Step):
                for decision in record.decisions:
                    self._meet(decision)

    def _meet(self, decision: Any) -> None:
        kind = decision.type
        if kind in {"item.requeued", "reservation.canceled"}:
            self._over.add(decision.reservation_id)
        act = self._ACTS.get(kind)
        if act is not None:
            act(self, decision)

    def _offered(self, decision: Any) -> None:
        names = {"agent_id": decision.agent_id, "reservation_id": decision.reservation_id}
        roll = self._random.random()
        if roll < 0.68:
            self._soon(1, 12, lambda: self._tell(agents.OfferAccepted(**names)))
        elif roll < 0.86:
            self._soon(1, 12, lambda: self._tell(agents.OfferRejected(**names)))
        elif roll < 0.92:
            self._soon(15, 25, lambda: self._tell(agents.OfferAccepted(**names)))  # about when it lapses
        if roll < 0.03:
            self._soon(1, 12, lambda: self._tell(agents.OfferRejected(**names)))  # and thinks again

    def _dial(self, decision: Any) -> None:
        names = {"contact_id": decision.contact_id, "reservation_id": decision.reservation_id}
        roll = self._random.random()
        if roll < 0.86:
            self._act(decision, 1, 5, contacts.AgentLegAnswered(**names))
        elif roll < 0.92:
            self._act(decision, 1, 20, contacts.AgentLegEnded(**names, cause=CallEndCause.NO_ANSWER))
        elif roll < 0.96:
            self._act(decision, 0, 6, contacts.ConnectFailed(**names, step="dial_agent", carrier_status=500))

    def _join(self, decision: Any) -> None:
        names = {"contact_id": decision.contact_id, "reservation_id": decision.reservation_id}
        roll = self._random.random()
        if roll < 0.92:
            self._act(decision, 0.2, 2, contacts.CallerJoined(**names))
        elif roll < 0.96:
            self._act(decision, 0, 6, contacts.ConnectFailed(**names, step="join_caller", carrier_status=404))

    def _act(self, decision: Any, low: float, high: float, data: Any) -> None:
        """Do it, unless the reservation has ended meanwhile; rarely it is noticed too late."""

        def act() -> None:
            if decision.reservation_id not in self._over or self._random.random() < 0.1:
                self._tell(data)

        self._soon(low, high, act)

    def _talk(self, decision: Any) -> None:
        caller = self.callers[decision.contact_id]
        caller.talking = True
        roll = self._random.random()
        if roll < 0.6:
            self._soon(3, 90, lambda: self.hang_up(caller))
        elif roll < 0.82:
            wish = agents.HangUpRequested(agent_id=decision.agent_id, contact_id=decision.contact_id)
            self._soon(3, 90, lambda: self._tell(wish))
        else:
            self._soon(3, 60, lambda: self._lose_agent(caller, decision))

    def _lose_agent(self, caller: Caller, decision: Any) -> None:
        caller.talking = False
        self._tell(
            contacts.AgentLegEnded(
                contact_id=caller.name, reservation_id=decision.reservation_id, cause=CallEndCause.FAILED
            )
        )
        if self._random.random() < 0.7:
            self._soon(0, 5, lambda: self._ask(caller, returning=True))

    def _release(self, decision: Any) -> None:
        if decision.leg == "caller":
            self._soon(0.2, 1, lambda: self.hang_up(self.callers[decision.contact_id]))
        else:
            names = {"contact_id": decision.contact_id, "reservation_id": decision.reservation_id}
            self._soon(0.2, 1, lambda: self._tell(contacts.AgentLegEnded(**names, cause=CallEndCause.CANCELED)))

    def _wrap_up(self, decision: Any) -> None:
        self.callers[decision.contact_id].talking = False
        done = agents.WrapUpDone(agent_id=decision.agent_id, item_id=decision.item_id, disposition=Disposition.RESOLVED)
        if self._random.random() < 0.8:
            self._soon(1, 40, lambda: self._tell(done))

    def _changed(self, decision: Any) -> None:
        if decision.status_reason == "ring_no_answer":
            back = agents.StatusSet(agent_id=decision.agent_id, status=AgentStatus.AVAILABLE)
            self._soon(2, 20, lambda: self._tell(back))

    _ACTS: Mapping[str, Any] = {
        "agent.reserved": _offered,
        "item.connecting": _dial,
        "item.caller_joining": _join,
        "item.connected": _talk,
        "leg.released": _release,
        "item.wrapping": _wrap_up,
        "agent.changed": _changed,
    }

    # ---- in short

    def _tell(self, data: Any) -> None:
        self._logs.publish(data)

    def _soon(self, low: float, high: float, act: Any) -> None:
        self._clock.later(self._random.uniform(low, high), act)
