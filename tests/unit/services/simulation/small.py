"""A center of a few people and an hour, for tests that need no more."""

from dataclasses import replace

from schemas.routing import Urgency
from services.simulation.callers import Caller
from services.simulation.center import Center, Habits, Need, Person
from services.simulation.ledger import Call

TRIAGE = Need("triage.symptom", "nurse", 0.3, 120.0, 30.0, urgencies=(0.2, 0.3, 0.5))
REFILL = Need("refill.request", "refill", 0.7, 90.0, 20.0)
PEOPLE = (
    Person("nora", "nurse", {"nurse": 0.9, "refill": 0.4}),
    Person("carl", "agent", {"refill": 0.8}, breaks=((600.0, 300.0),)),
    Person("cleo", "agent", {"refill": 0.6}, starts_s=300.0, ends_s=3000.0),
)


def center(**changes) -> Center:
    return replace(Center((TRIAGE, REFILL), PEOPLE, rates=(0.02,), habits=Habits()), **changes)


def caller(number=0, *, at_s=0.0, need=REFILL, urgency=Urgency.ROUTINE, heard=None, rated=None) -> Caller:
    return Caller(1, number, at_s, need, urgency, heard or need, urgency if rated is None else rated)


def call(
    number=0, *, wait_s=10.0, answered=True, urgency=Urgency.ROUTINE, need=REFILL, leg=0, attempt=0, **more
) -> Call:
    queued_s = 100.0 * leg + 1000.0 * attempt
    ended = {"answered_s" if answered else "given_up_s": queued_s + wait_s}
    return Call(caller(number, need=need, urgency=urgency), attempt, leg, queued_s, queued_s, **ended, **more)
