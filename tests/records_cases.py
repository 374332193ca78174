"""One morning of a small tenant as two logs, and how to fold it: for tests of the records on any database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from schemas.agents import AgentConnected, OfferAccepted, OfferRejected, PresenceRenewed, WrapUpDone
from schemas.contacts import CallerLegEnded, ContactArrived, DialogTurned, HandedOff, SelfServed, UrgencyRaised
from schemas.decisions import (
    AgentChanged,
    AgentReserved,
    Candidate,
    ConfigAdopted,
    ContactEnded,
    FactRejected,
    ItemAbandoned,
    ItemCompleted,
    ItemConnected,
    ItemConnecting,
    ItemQueued,
    ItemRequeued,
    ItemWrapping,
    ReservationCanceled,
    ReservationLapsed,
    Step,
    UrgencyChanged,
)
from schemas.envelope import Sealed
from schemas.ids import EventId
from schemas.intake import ConfigApplied, FactEnvelope
from schemas.routing import (
    AgentState,
    AgentStatus,
    CallEndCause,
    Disposition,
    EndReason,
    RequeueReason,
    Urgency,
)
from schemas.tenant_config import TenantConfig
from schemas.topics import DECISIONS, INTAKE
from services.records.fold_facts import Told
from services.records.store import Batch, Store
from services.runtime.bus import Place
from services.runtime.facts import fact
from services.runtime.tables import METADATA

START = datetime(2030, 1, 7, 9, 2, tzinfo=UTC)
TENANT = "demo"
CELL = "demo-cell"
PARTITION = 1
SEALED = Sealed(kid="k1", key="a2V5", box="Ym94")
CALLER, LEAVER, SELF = "c-answered", "c-left", "c-self"


def config(version: int = 1, service_level_s: float = 60.0) -> TenantConfig:
    skills = [{"skill": "triage", "level": 0.9}]
    return TenantConfig.model_validate(
        {
            "tenant": TENANT,
            "cell": CELL,
            "version": version,
            "carriers": [{"carrier": "twilio", "account": "AC1", "secrets": ["twilio"]}],
            "numbers": ["+15005550100"],
            "facility": {"name": {"en": "Clinic"}, "address": {"en": "1 Road"}, "hours": {"zone": "UTC", "week": {}}},
            "emergency": {"notice": {"en": "Call 911."}, "queue": "nurse"},
            "default_queue": "desk",
            "queues": [
                {"name": "nurse", "requires": [{"skill": "triage"}], "service_level_s": service_level_s},
                {"name": "desk", "requires": [{"skill": "greet", "hard": True, "level_min": 0.5}]},
            ],
            "agents": [
                {"agent_id": "ann", "name": "Ann", "role": "nurse", "endpoint": "client:ann", "skills": skills},
                {
                    "agent_id": "bob",
                    "name": "Bob",
                    "endpoint": "client:bob",
                    "skills": [{"skill": "greet", "level": 0.6}, *skills],
                },
                {
                    "agent_id": "practice-agent",
                    "name": "You",
                    "endpoint": "client:you",
                    "skills": [{"skill": "greet", "level": 0.6}],
                },
            ],
        }
    )


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def told(second: float, data: Any, *, name: str | None = None) -> FactEnvelope:
    return fact(
        data,
        id=EventId(name or f"{data.type}/{second}"),
        source="/test",
        subject="s",
        cell=CELL,
        tenant=TENANT,
        time=at(second),
    )


def step(seq: int, second: float, cause: int, *decisions: Any, epoch: int = 0) -> Step:
    return Step(epoch=epoch, seq=seq, cell=CELL, cause=cause, decided_at=at(second), decisions=decisions)


def arrived(contact: str) -> ContactArrived:
    return ContactArrived(
        contact_id=contact, carrier="twilio", account="AC1", call=f"CA-{contact}", number="+15005550100", sealed=SEALED
    )


def queued(contact: str, second: float, urgency: Urgency = Urgency.ROUTINE) -> ItemQueued:
    return ItemQueued(
        item_id=f"i-{contact}",
        contact_id=contact,
        tenant=TENANT,
        queue="nurse",
        intent="triage",
        urgency=urgency,
        language="en",
        requirements=(),
        queued_at=at(second),
        why="the intent belongs to this queue",
    )


def reserved(contact: str, agent: str, n: int, second: float) -> AgentReserved:
    return AgentReserved(
        reservation_id=f"r-{contact}-{n}",
        fence=n,
        item_id=f"i-{contact}",
        contact_id=contact,
        agent_id=agent,
        tenant=TENANT,
        queue="nurse",
        intent="triage",
        urgency=Urgency.ROUTINE,
        language="en",
        queued_at=at(0),
        expires_at=at(second + 20),
        why="you have the skill",
        candidates=(
            Candidate(agent_id=agent, eligible=True, score=0.9),
            Candidate(agent_id="zoe", eligible=False, excluded_by="skill triage"),
        ),
        considered=2,
        sealed=SEALED,
    )


def names(contact: str, agent: str, n: int) -> dict[str, Any]:
    return {
        "item_id": f"i-{contact}",
        "contact_id": contact,
        "reservation_id": f"r-{contact}-{n}",
        "agent_id": agent,
    }


def connecting(contact: str, agent: str, n: int, second: float) -> ItemConnecting:
    return ItemConnecting(
        **names(contact, agent, n),
        fence=n,
        tenant=TENANT,
        carrier="twilio",
        account="AC1",
        call=f"CA-{contact}",
        number="+15005550100",
        endpoint=f"client:{agent}",
        expires_at=at(second + 30),
    )


def agent_is(agent: str, state: AgentState, status: AgentStatus = AgentStatus.AVAILABLE) -> AgentChanged:
    return AgentChanged(agent_id=agent, tenant=TENANT, status=status, version=1, state=state, session="s-1")


def ended(contact: str, reason: EndReason) -> ContactEnded:
    return ContactEnded(contact_id=contact, tenant=TENANT, reason=reason)


FACTS: Sequence[FactEnvelope] = (
    told(0, ConfigApplied(tenant=TENANT, version=1, document=config())),  # 0
    told(1, AgentConnected(agent_id="ann", session="s-1", lease_s=15)),
    told(2, arrived(CALLER)),
    told(3, arrived(LEAVER)),
    told(4, DialogTurned(contact_id=CALLER, turn=0, node="menu", intent="refill", understood_by="digit")),
    told(5, arrived(SELF)),  # 5
    told(2, arrived(CALLER), name="contact.arrived/2"),  # delivered twice
    told(
        7,
        HandedOff(contact_id=CALLER, intent="triage", urgency=Urgency.ROUTINE, reason="intent", sealed=SEALED),
    ),
    told(8, HandedOff(contact_id=LEAVER, intent="triage", urgency=Urgency.ROUTINE, reason="asked", language="es")),
    told(9, SelfServed(contact_id=SELF, task="hours")),
    told(10, OfferRejected(agent_id="ann", reservation_id=f"r-{CALLER}-1", reason="busy\x00")),  # 10
    told(11, PresenceRenewed(agent_id="ann", session="s-1", lease_s=15)),
    told(30, OfferAccepted(agent_id="bob", reservation_id=f"r-{CALLER}-2")),
    told(31, DialogTurned(contact_id=LEAVER, turn=3, node="wait", intent="billing", understood_by="speech")),
    told(32, UrgencyRaised(contact_id=LEAVER, urgency=Urgency.URGENT)),
    told(33, ConfigApplied(tenant=TENANT, version=2, document=config(2, service_level_s=1.0))),  # 15
    told(90, CallerLegEnded(contact_id=LEAVER, cause=CallEndCause.COMPLETED)),
    told(91, CallerLegEnded(contact_id=CALLER, cause=CallEndCause.COMPLETED)),
    told(95, WrapUpDone(agent_id="bob", item_id=f"i-{CALLER}", disposition=Disposition.RESOLVED)),
    told(96, CallerLegEnded(contact_id="c-unknown", cause=CallEndCause.COMPLETED)),
)

STEPS: Sequence[Step] = (
    step(1, 0, 0, ConfigAdopted(tenant=TENANT, version=1)),
    step(2, 1, 1, agent_is("ann", AgentState.IDLE), agent_is("bob", AgentState.IDLE)),
    step(3, 7, 7, queued(CALLER, 7), reserved(CALLER, "ann", 1, 7), agent_is("ann", AgentState.RESERVED)),
    step(4, 8, 8, queued(LEAVER, 8)),
    step(5, 9, 9, ended(SELF, EndReason.SELF_SERVED)),
    step(
        6,
        10,
        10,
        ItemRequeued(**names(CALLER, "ann", 1), reason=RequeueReason.REJECTED, excluded_until=at(130)),
        agent_is("ann", AgentState.IDLE),
        reserved(CALLER, "bob", 2, 10),
        agent_is("bob", AgentState.RESERVED),
        reserved(LEAVER, "ann", 1, 10),
    ),
    step(7, 30, 12, connecting(CALLER, "bob", 2, 30), agent_is("bob", AgentState.CONNECTING)),
    step(
        8,
        31,
        12,
        ReservationLapsed(**names(LEAVER, "ann", 1), reachable=True),
        ItemRequeued(**names(LEAVER, "ann", 1), reason=RequeueReason.LAPSED),
        ItemConnected(**names(CALLER, "bob", 2)),
        agent_is("bob", AgentState.BUSY),
    ),
    step(
        9,
        33,
        15,
        UrgencyChanged(
            item_id=f"i-{LEAVER}",
            contact_id=LEAVER,
            queue="nurse",
            urgency=Urgency.URGENT,
            requirements=(),
            why="it got worse",
        ),
        ConfigAdopted(tenant=TENANT, version=2),
        reserved(LEAVER, "ann", 2, 33),
    ),
    step(
        10,
        90,
        16,
        ReservationCanceled(**names(LEAVER, "ann", 2)),
        ItemAbandoned(item_id=f"i-{LEAVER}", contact_id=LEAVER, state="reserved"),
        ended(LEAVER, EndReason.ABANDONED_OFFERED),
        FactRejected(offset=3, fact_id="f", fact_type="contact.arrived", subject=LEAVER, reason="none"),
    ),
    step(
        11,
        91,
        17,
        ended(CALLER, EndReason.COMPLETED),
        ItemWrapping(**names(CALLER, "bob", 2), expires_at=at(151)),
        agent_is("bob", AgentState.WRAPPING),
    ),
    step(
        12,
        95,
        18,
        ItemCompleted(**names(CALLER, "bob", 2), disposition=Disposition.RESOLVED),
        agent_is("bob", AgentState.IDLE),
    ),
)


@dataclass(frozen=True)
class Decided:
    place: Place
    offset: int
    time: datetime
    step: Step


INTAKE_PLACE = Place(INTAKE.name, PARTITION)
DECISIONS_PLACE = Place(DECISIONS.name, PARTITION)


def batch(facts: tuple[int, int], steps: tuple[int, int]) -> Batch:
    """Records from..to of each log; an empty range moves nothing."""
    before: dict[Place, int] = {}
    after: dict[Place, int] = {}
    for place, (start, end) in ((INTAKE_PLACE, facts), (DECISIONS_PLACE, steps)):
        if end > start:
            before[place], after[place] = start, end
    return Batch(
        facts=[Told(PARTITION, n, FACTS[n]) for n in range(*facts)],
        steps=[(PARTITION, Decided(DECISIONS_PLACE, n, STEPS[n].decided_at, STEPS[n])) for n in range(*steps)],
        before=before,
        after=after,
    )


def steps_ready(facts_end: int) -> int:
    """How many steps may be folded once the first `facts_end` facts have been."""
    return sum(1 for decided in STEPS if decided.cause < facts_end)


WHOLE = batch((0, len(FACTS)), (0, len(STEPS)))


async def begin(engine: AsyncEngine) -> Store:
    store = Store(engine)
    await store.start({INTAKE_PLACE: 0, DECISIONS_PLACE: 0})
    return store


async def fold_with_cuts(engine: AsyncEngine, cuts: Sequence[tuple[int, int]]) -> None:
    """Fold up to each pair of ends in turn, as far as causes allow; every batch twice."""
    store = await begin(engine)
    facts_at = steps_at = 0
    for facts_cut, steps_cut in (*cuts, (len(FACTS), len(STEPS))):
        facts_end = max(facts_at, facts_cut)
        steps_end = max(steps_at, min(steps_cut, steps_ready(facts_end)))
        part = batch((facts_at, facts_end), (steps_at, steps_end))
        if part.after:
            await store.apply(part)
            await store.apply(part)
        facts_at, steps_at = facts_end, steps_end


async def dump(engine: AsyncEngine) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in the order of its key."""
    async with engine.connect() as connection:
        return {
            name: [tuple(row) for row in await connection.execute(select(table).order_by(*table.primary_key))]
            for name, table in METADATA.tables.items()
        }


async def row(engine: AsyncEngine, table: str, key: str) -> dict[str, Any]:
    found = METADATA.tables[table]
    async with engine.connect() as connection:
        result = await connection.execute(select(found).where(next(iter(found.primary_key)) == key))
        return dict(result.mappings().one())


async def counted(engine: AsyncEngine) -> dict[tuple[str, str], int]:
    table = METADATA.tables["counters"]
    async with engine.connect() as connection:
        return {(row.name, row.labels): row.value for row in await connection.execute(select(table))}
