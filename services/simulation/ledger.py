"""What happened on a simulated day: each call, and each agent's time. Filled by the world, read by `measures`."""

from dataclasses import dataclass, field

from schemas.routing import Urgency
from services.simulation.callers import Caller


@dataclass(slots=True)
class Call:
    """One wait of a caller and what came of it, in seconds from opening. `leg` 0 is a call, others were sent on."""

    caller: Caller
    attempt: int
    leg: int
    queued_s: float
    placed_s: float  # since when they have their place: when they were first handed off
    answered_s: float | None = None
    given_up_s: float | None = None
    agent: str | None = None
    able: bool = False  # the agent has the skill that the caller needs
    worked_s: float = 0.0  # talk and wrap-up of the agent
    sent_on: bool = False
    resolved: bool = False

    @property
    def urgency(self) -> Urgency:
        """How urgent it truly was."""
        return self.caller.urgency

    @property
    def wait_s(self) -> float:
        """How long they waited, until somebody answered or they gave up."""
        ended = self.answered_s if self.answered_s is not None else self.given_up_s
        assert ended is not None, "a day ends when everybody was answered or gave up"
        return ended - self.queued_s


@dataclass(slots=True)
class Duty:
    """An agent's day: how long they were available in all, and how long of it with a call, wrap-up included."""

    role: str
    present_s: float = 0.0
    busy_s: float = 0.0
    present_since: float | None = None
    busy_since: float | None = None

    def come(self, now: float, *, present: bool) -> None:
        """Note that they are available, or not, from now on."""
        if present and self.present_since is None:
            self.present_since = now
        elif not present and self.present_since is not None:
            self.present_s += now - self.present_since
            self.present_since = None

    def work(self, now: float, *, busy: bool) -> None:
        """Note that they have work, or none, from now on."""
        if busy and self.busy_since is None:
            self.busy_since = now
        elif not busy and self.busy_since is not None:
            self.busy_s += now - self.busy_since
            self.busy_since = None


@dataclass(slots=True)
class Ledger:
    """A day under one policy."""

    policy: str
    seed: int
    calls: list[Call] = field(default_factory=list)
    duties: dict[str, Duty] = field(default_factory=dict)
    decisions: int = 0
