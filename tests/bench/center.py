"""A center at work, as the facts that a router reads: whole calls in several cells, and agents who serve them.

Pure: new calls when asked, and to each decision what people and carrier answer to it. Every call runs through the same
stages: it arrives, presses a key and is handed off; an agent accepts, their phone is answered, the caller joins; the
agent hangs up, both legs end; the agent wraps up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, NamedTuple

from schemas import agents, contacts
from schemas.envelope import Sealed
from schemas.ids import CellId, SessionId, contact_id, fact_id
from schemas.intake import FactEnvelope
from schemas.routing import AgentStatus, CallEndCause, Disposition, Urgency
from schemas.tenant_config import TenantConfig
from services.runtime.facts import fact
from tests.bench.system import ACCOUNT, agent_name, tenant

LEASE_S: Final = 3600.0
URGENT_EVERY: Final = 10  # calls; one of them is for a nurse
STAGES: Final = 7  # of a call: each begins with facts and ends with a decision that they wait for

# As long as what is sealed of a caller, so that a hand-off has some 1,100 bytes.
_SEALED: Final = Sealed(kid="bench-1", key="k" * 80, box="b" * 320)


class Told(NamedTuple):
    """A fact to publish, and what has to be decided about its contact once it is folded; None: nothing by itself."""

    fact: FactEnvelope
    contact: str
    awaits: str | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell with its only tenant."""

    number: int
    config: TenantConfig

    @property
    def name(self) -> CellId:
        """The cell's id, which is the tenant's too."""
        return self.config.cell


class Center:
    """So many cells, each with so many agents."""

    def __init__(self, cells: int, agents_each: int) -> None:
        self.cells = [Cell(number, _tenant(number, agents_each)) for number in range(cells)]
        self._by_name = {cell.name: cell for cell in self.cells}
        self._numbers = count(1)

    def sign_ins(self) -> list[Told]:
        """Return what makes every agent available."""
        told = []
        for cell in self.cells:
            for agent in cell.config.agents:
                session = SessionId(f"{agent.agent_id}-session")
                connected = agents.AgentConnected(agent_id=agent.agent_id, session=session, lease_s=LEASE_S)
                available = agents.StatusSet(agent_id=agent.agent_id, status=AgentStatus.AVAILABLE)
                told += [self._told(cell, connected, ""), self._told(cell, available, "")]
        return told

    def call(self, cell: Cell) -> list[Told]:
        """Return a new call's facts up to its hand-off."""
        number = next(self._numbers)
        sid = f"CA{number:032x}"
        contact = contact_id("twilio", ACCOUNT, sid)
        urgent = number % URGENT_EVERY == 0
        intent, urgency = ("triage.symptom", Urgency.URGENT) if urgent else ("refill.request", Urgency.ROUTINE)
        arrived = contacts.ContactArrived(
            contact_id=contact, carrier="twilio", account=ACCOUNT, call=sid, number=cell.config.numbers[0],
            sealed=_SEALED,
        )  # fmt: skip
        turned = contacts.DialogTurned(
            contact_id=contact, turn=1, node="menu", intent=intent, understood_by="digit", sealed=_SEALED
        )
        handed_off = contacts.HandedOff(
            contact_id=contact, intent=intent, urgency=urgency, urgency_by="menu", reason="intent", sealed=_SEALED
        )
        return [
            self._told(cell, arrived, contact),
            self._told(cell, turned, contact),
            self._told(cell, handed_off, contact, "agent.reserved"),
        ]

    def answers(self, name: CellId, decision: Any) -> list[Told]:
        """Return what follows from a decision: of the agent it names, of the carrier, or nothing."""
        cell = self._by_name[name]
        contact = getattr(decision, "contact_id", "")
        return [self._told(cell, data, contact, awaits) for data, awaits in _answers(decision)]

    def _told(self, cell: Cell, data: Any, contact: str, awaits: str | None = None) -> Told:
        subject = getattr(data, "contact_id", None) or data.agent_id
        envelope = fact(
            data,
            id=fact_id("bench", str(next(self._numbers))),
            source="/carriers/twilio",
            subject=subject,
            cell=cell.name,
            tenant=cell.config.tenant,
            time=datetime.now(UTC),
        )
        return Told(envelope, contact, awaits)


def _answers(decision: Any) -> Iterator[tuple[Any, str | None]]:
    names: dict[str, Any] = {"contact_id": getattr(decision, "contact_id", None)}
    names |= {"reservation_id": getattr(decision, "reservation_id", None)}
    match decision.type:
        case "agent.reserved":
            agent = decision.agent_id
            yield agents.PresenceRenewed(agent_id=agent, session=SessionId(f"{agent}-session"), lease_s=LEASE_S), None
            yield agents.OfferAccepted(agent_id=agent, reservation_id=decision.reservation_id), "item.connecting"
        case "item.connecting":
            yield contacts.AgentLegAnswered(**names), "item.caller_joining"
        case "item.caller_joining":
            yield contacts.CallerJoined(**names), "item.connected"
        case "item.connected":
            hang_up = agents.HangUpRequested(agent_id=decision.agent_id, contact_id=decision.contact_id)
            yield hang_up, "leg.released"
        case "leg.released":
            completed = CallEndCause.COMPLETED
            yield contacts.CallerLegEnded(contact_id=decision.contact_id, cause=completed), "item.wrapping"
            yield contacts.AgentLegEnded(**names, cause=completed), None
        case "item.wrapping":
            done = agents.WrapUpDone(
                agent_id=decision.agent_id, item_id=decision.item_id, disposition=Disposition.RESOLVED
            )
            yield done, "item.completed"


def _tenant(number: int, agents_each: int) -> TenantConfig:
    first = number * agents_each
    document = tenant(agents_each) | {
        "tenant": f"bench-{number}",
        "cell": f"bench-{number}",
        "numbers": [f"+1500555{number:04d}"],
        "timers": {"offer_s": 120, "connecting_s": 120, "wrap_up_s": 600},  # nothing runs out while it is measured
    }
    for index, agent in enumerate(document["agents"]):
        agent["agent_id"] = agent_name(first + index)
        agent["endpoint"] = f"client:{agent_name(first + index)}"
    return TenantConfig.model_validate(document)
