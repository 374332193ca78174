"""One day through the real engine, in virtual time: callers and agents who do what people do, and a clock that jumps.

The engine is driven as `docs/engine.md` says: facts in by `apply`, `decide(now)`, and again at `next_deadline()` at the
latest. What it decides is performed at once: an agent who is offered a caller accepts after a moment, the carrier
connects, they talk. The world knows each caller's truth; the engine only what the dialog made of it.

An agent who cannot help sends the caller on to somebody good at what they truly need. That is a cold transfer, a call
of its own at the carrier; it is handed off with the time of the first, so that the caller keeps their place.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import Any, Final

from router.engine import Engine
from router.policy import Policy
from schemas import agents as desk
from schemas import contacts as phone
from schemas import decisions as made
from schemas.ids import AgentId, CellId, ContactId, ItemId, ReservationId
from schemas.intake import ConfigApplied, FactEnvelope
from schemas.routing import AgentState, AgentStatus, CallEndCause, Disposition, Requirement, Urgency
from services.simulation import chance
from services.simulation.callers import Caller, Talk
from services.simulation.center import Center, Person, Rules
from services.simulation.ledger import Call, Duty, Ledger

START: Final = datetime(2030, 1, 7, 8, tzinfo=UTC)
_LEASE_S: Final = 7 * 86400.0  # desktops do not fail here; tests/simulation is about failures
_Event = Callable[[], None]


class World:
    """A day. `run` once. `rules` are those of the tenant's document; None: it says nothing of levels and reserves."""

    def __init__(
        self, center: Center, callers: Sequence[Caller], policy: Policy, *, rules: Rules | None = None, seed: int = 0
    ) -> None:
        self._center = center
        self._callers = callers
        self._rules = rules
        self._engine = Engine(CellId("simulated"), policy)
        self._ledger = Ledger(policy.name, seed)
        self._now = 0.0
        self._agenda: list[tuple[float, int, _Event]] = []
        self._numbers = count()
        self._facts = count()
        self._calls: dict[ContactId, Call] = {}
        self._levels = {person.agent_id: person.levels for person in center.people}
        self._talks: dict[ContactId, Talk] = {}
        self._gave_up: set[int] = set()
        self._breaks: dict[AgentId, float] = {}  # whose break was called for, and how long it is

    def run(self) -> Ledger:
        """Let the day pass until nothing happens any more."""
        self._tell(
            ConfigApplied(tenant=self._tenant, version=1, document=self._center.document(self._rules)), "simulated"
        )
        for person in self._center.people:
            self._employ(person)
        for caller in self._callers:
            self._later(caller.calls_at_s, lambda caller=caller: self._call(caller, attempt=0))  # type: ignore[misc]
        while self._agenda:
            deadline = self._engine.next_deadline()
            due_s = inf if deadline is None else (deadline - START).total_seconds()
            self._now = max(self._now, min(self._agenda[0][0], due_s))
            while self._agenda and self._agenda[0][0] <= self._now:
                heappop(self._agenda)[2]()
            self._decide()
        for duty in self._ledger.duties.values():
            duty.come(self._now, present=False)
        return self._ledger

    # ---- the engine

    _tenant: Final = "simulated"

    def _tell(self, fact: Any, subject: str, *, at_s: float | None = None) -> None:
        self._engine.apply(
            FactEnvelope.around(
                fact,
                id=str(next(self._facts)),
                source="/simulation",
                subject=subject,
                time=_instant(self._now if at_s is None else at_s),
                cell="simulated",
                tenant=self._tenant,
            )
        )

    def _decide(self) -> None:
        now = _instant(self._now)
        while decisions := self._engine.decide(now):
            self._ledger.decisions += len(decisions)
            for decision in decisions:
                perform = _PERFORMED.get(decision.type)
                if perform is not None:
                    perform(self, decision)

    def _later(self, at_s: float, event: _Event) -> None:
        heappush(self._agenda, (at_s, next(self._numbers), event))

    def _after(self, delay_s: float, event: _Event) -> None:
        self._later(self._now + delay_s, event)

    # ---- callers

    def _call(self, caller: Caller, *, attempt: int) -> None:
        if caller.instead_of is not None and caller.instead_of not in self._gave_up:
            return
        self._hand_off(Call(caller, attempt, 0, self._now, self._now), caller.heard.intent, caller.rated, ())

    def _hand_off(self, call: Call, intent: str, urgency: Urgency, asked: tuple[Requirement, ...]) -> None:
        caller = call.caller
        name = ContactId(f"{caller.number}-{call.attempt}-{call.leg}")
        self._calls[name] = call
        self._ledger.calls.append(call)
        arrived = phone.ContactArrived(
            contact_id=name, carrier="twilio", account="AC1", call=name, number="+15005550100"
        )
        handed_off = phone.HandedOff(
            contact_id=name, intent=intent, urgency=urgency, requirements=asked, reason="intent"
        )
        self._tell(arrived, name)
        self._tell(handed_off, name, at_s=call.placed_s)
        patience_s = caller.patience_s(self._center, call.attempt, call.leg)
        if patience_s < inf:
            self._after(patience_s, lambda: self._give_up(name, call))

    def _give_up(self, name: ContactId, call: Call) -> None:
        if call.answered_s is not None:
            return
        call.given_up_s = self._now
        self._gave_up.add(call.caller.number)
        self._hang_up(name)
        again_s = call.caller.redials_after_s(self._center, call.attempt)
        if again_s is not None and call.leg == 0 and self._now + again_s < self._center.closes_s:
            self._after(again_s, lambda: self._call(call.caller, attempt=call.attempt + 1))

    def _hang_up(self, name: ContactId) -> None:
        self._tell(phone.CallerLegEnded(contact_id=name, cause=CallEndCause.COMPLETED), name)

    # ---- agents

    def _employ(self, person: Person) -> None:
        name = AgentId(person.agent_id)
        self._ledger.duties[name] = Duty(person.role)
        if person.starts_s == inf:
            return
        self._later(person.starts_s, lambda: self._come(name))
        for begins_s, lasts_s in person.breaks:
            self._later(begins_s, lambda lasts_s=lasts_s: self._call_for_break(name, lasts_s))  # type: ignore[misc]
        if person.ends_s < self._center.closes_s + 2 * self._center.part_s:
            self._later(person.ends_s, lambda: self._declare(name, AgentStatus.OFFLINE))

    def _come(self, name: AgentId) -> None:
        self._tell(desk.AgentConnected(agent_id=name, session=f"s-{name}", lease_s=_LEASE_S), name)
        self._declare(name, AgentStatus.AVAILABLE)

    def _declare(self, name: AgentId, status: AgentStatus) -> None:
        self._tell(desk.StatusSet(agent_id=name, status=status), name)

    def _call_for_break(self, name: AgentId, lasts_s: float) -> None:
        self._breaks[name] = lasts_s
        self._declare(name, AgentStatus.BREAK)

    def _changed(self, decision: made.AgentChanged) -> None:
        name = decision.agent_id
        duty = self._ledger.duties[name]
        duty.come(self._now, present=decision.status is AgentStatus.AVAILABLE)
        duty.work(self._now, busy=decision.state not in {AgentState.IDLE, AgentState.UNREACHABLE})
        if decision.status is AgentStatus.BREAK and name in self._breaks:
            self._after(self._breaks.pop(name), lambda: self._declare(name, AgentStatus.AVAILABLE))

    # ---- a caller and an agent

    def _reserved(self, decision: made.AgentReserved) -> None:
        call = self._calls[decision.contact_id]
        mean_s, key = self._center.habits.answer_s, (call.caller.seed, call.caller.number)
        delay_s = chance.exponential(mean_s, *key, "answers", call.attempt, call.leg)
        held, name = decision.reservation_id, decision.agent_id
        self._after(delay_s, lambda: self._tell(desk.OfferAccepted(agent_id=name, reservation_id=held), name))

    def _connecting(self, decision: made.ItemConnecting) -> None:
        name, held = decision.contact_id, decision.reservation_id
        self._after(self._center.habits.connect_s, lambda: self._leg_up(name, held))

    def _leg_up(self, name: ContactId, held: ReservationId) -> None:
        self._tell(phone.AgentLegAnswered(contact_id=name, reservation_id=held), name)

    def _joining(self, decision: made.CallerJoining) -> None:
        name = decision.contact_id
        self._tell(phone.CallerJoined(contact_id=name, reservation_id=decision.reservation_id), name)

    def _connected(self, decision: made.ItemConnected) -> None:
        name, call = decision.contact_id, self._calls[decision.contact_id]
        level = self._levels[decision.agent_id].get(call.caller.need.skill)
        talk = call.caller.talk(self._center, level, call.leg)
        call.answered_s, call.agent, call.able = self._now, decision.agent_id, level is not None
        call.worked_s = talk.talk_s + talk.wrap_s
        call.sent_on, call.resolved = talk.sent_on, talk.resolved
        self._talks[name] = talk
        self._after(talk.talk_s, lambda: self._talked(name, call))

    def _talked(self, name: ContactId, call: Call) -> None:
        self._hang_up(name)
        if call.sent_on:
            need = call.caller.need
            urgency = min(call.caller.urgency, call.caller.rated)
            onward = Call(call.caller, call.attempt, call.leg + 1, self._now, call.placed_s)
            self._hand_off(onward, need.intent, urgency, (self._center.sent_on_to(need),))

    def _wrapping(self, decision: made.ItemWrapping) -> None:
        agent, item = decision.agent_id, decision.item_id
        self._after(self._talks.pop(decision.contact_id).wrap_s, lambda: self._wrapped_up(agent, item))

    def _wrapped_up(self, agent: AgentId, item: ItemId) -> None:
        self._tell(desk.WrapUpDone(agent_id=agent, item_id=item, disposition=Disposition.RESOLVED), agent)


def _instant(at_s: float) -> datetime:
    return START + timedelta(seconds=at_s)


_PERFORMED: Final[dict[str, Callable[[World, Any], None]]] = {
    "agent.changed": World._changed,  # noqa: SLF001  the table of what this module does
    "agent.reserved": World._reserved,  # noqa: SLF001
    "item.connecting": World._connecting,  # noqa: SLF001
    "item.caller_joining": World._joining,  # noqa: SLF001
    "item.connected": World._connected,  # noqa: SLF001
    "item.wrapping": World._wrapping,  # noqa: SLF001
}
