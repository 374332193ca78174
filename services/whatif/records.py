"""What is known of a call and of an agent, whichever router wrote it down."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class Left(StrEnum):
    """How a caller left the queue. Only the first says how long the caller would wait at most."""

    ABANDONED = "abandoned"  # hung up while waiting
    ANSWERED = "answered"  # served to its end
    TRANSFERRED = "transferred"  # answered, then sent on by the agent
    TIMED_OUT = "timed_out"  # the queue gave up on the caller
    OPTED_OUT = "opted_out"  # pressed a key, left a message, asked for a call-back
    TURNED_AWAY = "turned_away"  # the queue had nobody
    DROPPED = "dropped"  # reached an agent and was cut off at once
    UNFINISHED = "unfinished"  # the file ends, or the router restarted, before the call did


@dataclass(frozen=True, slots=True)
class Call:
    """One visit of one caller to one queue. All times are UTC, all durations in seconds, never negative."""

    arrived_at: datetime
    queue: str
    caller: str | None  # a keyed hash that dies with the run, never a number; None if withheld or not told
    waited_s: float  # until the answer, or until the caller left
    answered_by: str | None
    talked_s: float | None  # None if nobody answered, or the end is not known
    left: Left
    position: int | None  # in the queue on entering, 1 is next
    ring_no_answers: int  # agents who were rung for this caller and did not pick up
    wrap_up_s: float | None = None  # None if the log does not tell
    continues: bool = False  # the same call was in a queue before: moved on, not a new arrival of a person

    @property
    def answered(self) -> bool:
        """Whether the wait ended with an agent."""
        return self.answered_by is not None or self.left in _REACHED

    @property
    def handled_s(self) -> float:
        """Talk and wrap-up, as far as they are told."""
        return (self.talked_s or 0.0) + (self.wrap_up_s or 0.0)

    @property
    def answered_at(self) -> datetime:
        """When the wait ended."""
        return self.arrived_at + timedelta(seconds=self.waited_s)

    @property
    def released_at(self) -> datetime:
        """When the agent was free again, or the caller gone."""
        return self.answered_at + timedelta(seconds=self.handled_s)


_REACHED: Final = frozenset({Left.ANSWERED, Left.TRANSFERRED, Left.DROPPED})


class Change(StrEnum):
    """What an agent's presence changed to."""

    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    PAUSED = "paused"
    UNPAUSED = "unpaused"


@dataclass(frozen=True, slots=True)
class AgentChange:
    """An agent signed in or out, or went on a break, for one queue or (None) for all of them."""

    at: datetime
    agent: str
    change: Change
    queue: str | None


Record = Call | AgentChange
