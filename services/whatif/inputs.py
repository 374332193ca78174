"""What a simulation needs of a day: its callers, its agents, and what is assumed of them, in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.whatif.patience import Survival
from services.whatif.records import Call
from services.whatif.shifts import Span


@dataclass(frozen=True, slots=True)
class Caller:
    """One visit to a queue, as it comes again on the simulated day. Durations in seconds."""

    arrived_at: datetime
    queue: str
    key: str | None  # of the person, opaque; None if unknown
    patience_s: float  # hangs up after so long, unless served before
    work_s: float  # talk and wrap-up with an agent of pace 1
    continues: bool  # the same call moved here from another queue
    redial_of: int | None  # place among the callers of the call that got no answer; served there, this one is not made


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent of that day."""

    name: str
    queues: tuple[str, ...]
    shifts: tuple[Span, ...]  # UTC, apart, in order, breaks left out
    pace: Mapping[str, float]  # by queue: handle time as a multiple of the queue's mean; 1 where not known


@dataclass(frozen=True, slots=True)
class Yesterday:
    """A day as it was (`calls`) and as it comes again (`callers`, `agents`); place i is the same visit in both."""

    calls: tuple[Call, ...]
    callers: tuple[Caller, ...]
    agents: tuple[Agent, ...]
    window: Span
    patience: Mapping[str, Survival]
    assumptions: tuple[str, ...]
