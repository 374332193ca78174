"""One cell at work in memory: an engine, its agents, its callers, and a watch on every fact that it is given."""

import random
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final

from router.engine import Engine
from schemas import agents, contacts, ids
from schemas import decisions as made
from schemas.intake import ConfigApplied, FactEnvelope
from schemas.routing import AgentStatus, CallEndCause, Disposition, Urgency
from schemas.tenant_config import TenantConfig

SKILLS: Final = ("nurse", "desk", "billing", "refill", "lang-es", "peds", "cardio", "schedule")
CELL: Final = ids.CellId("bench")
START: Final = datetime(2030, 1, 7, 9, 2, tzinfo=UTC)
_APART: Final = timedelta(milliseconds=1)  # from one fact to the next, so that no deadline comes up
_LEASE_S: Final = 7 * 86400.0


def config(size: int) -> TenantConfig:
    """Return a tenant with as many agents, each with one to three of the skills, and a queue for each skill."""
    luck = random.Random(1)
    people = []
    for number in range(size):
        own = SKILLS[number % len(SKILLS)]  # so that each has somebody
        skills = dict.fromkeys([own, *luck.sample(SKILLS, luck.randint(0, 2))])
        people.append(
            {
                "agent_id": f"a{number:05}",
                "name": f"Agent {number}",
                "endpoint": f"client:a{number:05}",
                "skills": [{"skill": skill, "level": round(luck.uniform(0.2, 1.0), 2)} for skill in skills],
            }
        )
    document = {
        "tenant": "bench",
        "cell": "bench",
        "numbers": ["+15005550100"],
        "carriers": [{"carrier": "twilio", "account": "AC1", "secrets": ["token"]}],
        "facility": {"name": {"en": "Clinic"}, "address": {"en": "1 Road"}, "hours": {"zone": "UTC", "week": {}}},
        "emergency": {"notice": {"en": "Dial 911."}, "queue": "q0"},
        "default_queue": "q1",
        "queues": [
            {"name": f"q{number}", "requires": [{"skill": skill}], "intents": [f"need.{number}"]}
            for number, skill in enumerate(SKILLS)
        ],
        "agents": people,
        "timers": {"offer_s": 120, "connecting_s": 120, "wrap_up_s": 3600},
    }
    return TenantConfig.model_validate(document)


class CellAtWork:
    """An engine with so many agents, all signed in and free. `times_s`: of each fact, folded and decided upon."""

    def __init__(self, size: int) -> None:
        self.engine = Engine(CELL)
        self.times_s: list[float] = []
        self.decisions = 0
        self._came = self._offered = 0
        self._size = size
        self._luck = random.Random(2)
        self._now = START
        self._facts = count()
        self._offers: list[made.AgentReserved] = []
        self._talks: list[made.AgentReserved] = []
        self._tell(ConfigApplied(tenant="bench", version=1, document=config(size)), "bench")
        for agent in self._names(range(size)):
            self._tell(agents.AgentConnected(agent_id=agent, session=f"s-{agent}", lease_s=_LEASE_S), agent)
            self._tell(agents.StatusSet(agent_id=agent, status=AgentStatus.AVAILABLE), agent)

    def fill(self, talking: int, waiting: int) -> None:
        """Let callers come until so many talk, or nobody free may take any more, and then until so many wait."""
        while len(self._talks) < talking and self.waiting <= self._size:
            self._call()
            self._answer()
        while self.waiting < waiting:
            self._call()
            self._answer()

    @property
    def waiting(self) -> int:
        """How many wait: nobody here gives up."""
        return self._came - self._offered

    def work(self, cycles: int) -> None:
        """Let so many calls end and so many come; as many agents renew their presence."""
        for _ in range(cycles):
            ended = self._talks.pop(self._luck.randrange(len(self._talks)))
            self._tell(contacts.CallerLegEnded(contact_id=ended.contact_id, cause=CallEndCause.COMPLETED))
            done = agents.WrapUpDone(agent_id=ended.agent_id, item_id=ended.item_id, disposition=Disposition.RESOLVED)
            self._tell(done, ended.agent_id)
            self._call()
            (agent,) = self._names([self._luck.randrange(self._size)])
            self._tell(agents.PresenceRenewed(agent_id=agent, session=f"s-{agent}", lease_s=_LEASE_S), agent)
            self._answer()

    def _call(self) -> None:
        self._came += 1
        name = f"c{self._came}"
        urgency = Urgency.URGENT if self._luck.random() < 1 / 3 else Urgency.ROUTINE
        intent = f"need.{self._luck.randrange(len(SKILLS))}"
        self._tell(
            contacts.ContactArrived(contact_id=name, carrier="twilio", account="AC1", call=name, number="+15005550100")
        )
        self._tell(contacts.HandedOff(contact_id=name, intent=intent, urgency=urgency, reason="intent"))

    def _answer(self) -> None:
        while self._offers:
            offer = self._offers.pop()
            names = {"contact_id": offer.contact_id, "reservation_id": offer.reservation_id}
            accepted = agents.OfferAccepted(agent_id=offer.agent_id, reservation_id=offer.reservation_id)
            self._tell(accepted, offer.agent_id)
            self._tell(contacts.AgentLegAnswered(**names))
            self._tell(contacts.CallerJoined(**names))
            self._talks.append(offer)

    def _tell(self, data: Any, subject: str | None = None) -> None:
        self._now += _APART
        envelope = FactEnvelope.around(
            data, id=f"{next(self._facts):032}", source="/bench", subject=subject or data.contact_id, time=self._now,
            cell=CELL, tenant="bench",
        )  # fmt: skip
        began = time.perf_counter()
        self.engine.apply(envelope)
        decisions = self.engine.decide(self._now)
        self.times_s.append(time.perf_counter() - began)
        self.decisions += len(decisions)
        offers = [decision for decision in decisions if isinstance(decision, made.AgentReserved)]
        self._offered += len(offers)
        self._offers += offers

    @staticmethod
    def _names(numbers: Iterable[int]) -> list[ids.AgentId]:
        return [ids.AgentId(f"a{number:05}") for number in numbers]
