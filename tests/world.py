"""A small world for tests of the router: one tenant, and short names for facts about it."""

from datetime import UTC, datetime, timedelta
from itertools import count

from router.engine import Engine
from schemas import agents, contacts, ids
from schemas.decisions import Step
from schemas.intake import ConfigApplied, FactEnvelope
from schemas.routing import AgentStatus, CallEndCause, Disposition, Urgency
from schemas.tenant_config import TenantConfig

START = datetime(2030, 1, 7, 9, 2, tzinfo=UTC)


def tenant(**changes: object) -> TenantConfig:
    """Return a tenant with two nurses and a clerk."""
    document = {
        "tenant": "demo",
        "cell": "demo",
        "carriers": [{"carrier": "twilio", "account": "AC1", "secrets": ["token"]}],
        "numbers": ["+15005550100"],
        "facility": {"name": {"en": "Clinic"}, "address": {"en": "1 Road"}, "hours": {"zone": "UTC", "week": {}}},
        "emergency": {"notice": {"en": "Dial 911."}, "queue": "nurses"},
        "default_queue": "desk",
        "queues": [
            {"name": "nurses", "requires": [{"skill": "nurse"}], "intents": ["triage.symptom"]},
            {"name": "desk", "requires": [{"skill": "desk"}], "intents": ["refill.request"]},
        ],
        "agents": [
            {"agent_id": "nora", "name": "Nora", "role": "nurse", "endpoint": "client:nora",
             "skills": [{"skill": "nurse", "level": 0.9}]},
            {"agent_id": "nils", "name": "Nils", "role": "nurse", "endpoint": "client:nils",
             "skills": [{"skill": "nurse", "level": 0.5}, {"skill": "desk", "level": 0.5}]},
            {"agent_id": "carl", "name": "Carl", "endpoint": "client:carl",
             "skills": [{"skill": "desk", "level": 0.8}]},
        ],
    }  # fmt: skip
    return TenantConfig.model_validate(document | changes)


class World:
    """An engine with a clock that the test moves, and a log of what it decided."""

    def __init__(self, config: TenantConfig | None = None) -> None:
        self.engine = Engine(ids.CellId("demo"))
        self.now = START
        self.facts: list[tuple[int, FactEnvelope]] = []
        self.steps: list[Step] = []
        self.decisions: list = []
        self._ids = count(1)
        self.tell(ConfigApplied(tenant="demo", version=1, document=config or tenant()))

    def envelope(self, data, *, at=None, name=None) -> FactEnvelope:
        subject = getattr(data, "contact_id", None) or getattr(data, "agent_id", None) or "demo"
        return FactEnvelope.around(
            data,
            id=ids.fact_id(name or f"fact-{next(self._ids)}"),
            source="/test",
            subject=subject,
            time=at or self.now,
            cell="demo",
            tenant="demo",
        )

    def tell(self, data, **options):
        """Fold a fact and return what was decided."""
        envelope = self.envelope(data, **options)
        self.facts.append((len(self.facts), envelope))
        self.engine.apply(envelope)
        return self.decide()

    def decide(self):
        decided = self.engine.decide(self.now)
        if decided:
            self.steps.append(
                Step(
                    epoch=0,
                    seq=len(self.steps) + 1,
                    cell="demo",
                    cause=len(self.facts) - 1,
                    decided_at=self.engine.state.decided_at,
                    decisions=tuple(decided),
                )
            )
        self.decisions += decided
        return decided

    def wait(self, seconds: float):
        """Let time pass and return what was decided at the end of it."""
        self.now += timedelta(seconds=seconds)
        return self.decide()

    # ---- short names

    def sign_in(self, agent: str, *, session: str = "s1", status: AgentStatus = AgentStatus.AVAILABLE):
        self.tell(agents.AgentConnected(agent_id=agent, session=f"{agent}-{session}", lease_s=10_000))
        return self.tell(agents.StatusSet(agent_id=agent, status=status))

    def arrive(self, contact: str):
        return self.tell(
            contacts.ContactArrived(
                contact_id=contact, carrier="twilio", account="AC1", call=f"CA-{contact}", number="+15005550100"
            )
        )

    def hand_off(self, contact: str, intent: str = "refill.request", urgency: Urgency = Urgency.ROUTINE, **more):
        return self.tell(
            contacts.HandedOff(contact_id=contact, intent=intent, urgency=urgency, reason="intent", **more)
        )

    def call(self, contact: str, intent: str = "refill.request", urgency: Urgency = Urgency.ROUTINE):
        self.arrive(contact)
        return self.hand_off(contact, intent, urgency)

    def hang_up(self, contact: str):
        return self.tell(contacts.CallerLegEnded(contact_id=contact, cause=CallEndCause.COMPLETED))

    def accept(self, agent: str):
        return self.tell(agents.OfferAccepted(agent_id=agent, reservation_id=self.reservation(agent)))

    def reject(self, agent: str):
        return self.tell(agents.OfferRejected(agent_id=agent, reservation_id=self.reservation(agent)))

    def reservation(self, agent: str) -> str:
        held = self.engine.state.agents[agent].reservation_id
        assert held is not None, f"{agent} holds no reservation"
        return held

    def connect(self, agent: str):
        """Bring an agent who accepted together with the caller."""
        held = self.reservation(agent)
        contact = self.engine.state.reservations[held].contact_id
        self.tell(contacts.AgentLegAnswered(contact_id=contact, reservation_id=held))
        return self.tell(contacts.CallerJoined(contact_id=contact, reservation_id=held))

    def wrap_up(self, agent: str):
        item = self.engine.state.reservations[self.reservation(agent)].item_id
        return self.tell(agents.WrapUpDone(agent_id=agent, item_id=item, disposition=Disposition.RESOLVED))


def kinds(decisions) -> list[str]:
    """Return the types of decisions, without the announcements of agents."""
    return [decision.type for decision in decisions if decision.type != "agent.changed"]
