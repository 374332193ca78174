"""A smaller world with the real engine: a caller is handed off, an agent accepts, the caller hangs up.

Who the tenant is, and that Carl is available and the caller there, was decided by an earlier process, which left a
snapshot.
"""

from datetime import timedelta

from router.partition import Partition
from schemas.decisions import Step
from tests.exploration.properties import require
from tests.exploration.scenarios import Scenario, Settled
from tests.world import START, World

ONCE = {
    "item.queued": "item_id",
    "agent.reserved": "reservation_id",
    "reservation.lapsed": "reservation_id",
    "reservation.canceled": "reservation_id",
    "item.connecting": "reservation_id",
    "item.abandoned": "item_id",
    "contact.ended": "contact_id",
    "config.adopted": "version",
    "fact.rejected": "offset",
}


def call(*seconds: float) -> Scenario:
    """Return the scenario; `seconds` after its beginning are what a clock may show."""
    told = World()
    told.sign_in("carl")
    told.arrive("c1")
    begun = len(told.facts)
    told.hand_off("c1")
    told.accept("carl")
    told.hang_up("c1")
    facts = tuple(envelope for _, envelope in told.facts)
    moments = tuple(START + timedelta(seconds=second) for second in seconds)
    return Scenario("call", Partition, facts, moments, _judge, _finished, _timely, begun=begun)


def _judge(step: Step, settled: Settled) -> Settled:
    for decision in step.decisions:
        if decision.type in ONCE:
            key = f"{decision.type} {getattr(decision, ONCE[decision.type])}"
            require(key not in settled, f"{key} is decided twice")
            settled = (*settled, key)
    return settled


def _finished(settled: Settled) -> bool:
    kinds = [key.split()[0] for key in settled]
    opened, closed = kinds.count("item.queued"), kinds.count("item.abandoned")
    return kinds.count("contact.ended") == 1 and opened == closed and "fact.rejected" not in kinds


def _timely(_steps: tuple[Step, ...], _intake_next: int) -> None:
    pass
