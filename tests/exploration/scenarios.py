"""The facts of a small world, and what it means that each is decided once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from router.partition import Partition
from schemas.decisions import ConfigAdopted, ContactDiverted, FactRejected, Step
from schemas.intake import FactEnvelope
from tests.exploration.properties import require
from tests.exploration.tiny import START, TinyPartition

Settled = tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """What happens outside: facts in the order of `intake`, and moments that the clock moves through."""

    name: str
    partition: type[Partition]
    intake: tuple[FactEnvelope, ...]
    moments: tuple[datetime, ...]
    judge: Callable[[Step, Settled], Settled]
    """Take what a step settles into what is settled so far; raises `Broken`."""
    finished: Callable[[Settled], bool]
    """Tell whether everything is decided, after all facts and the last moment."""
    timely: Callable[[tuple[Step, ...], int], None]
    """Check steps that were decided with so many facts read, whether or not they will count; raises `Broken`."""
    begun: int = 0
    """How many facts an earlier process has decided before the walk begins."""


def tiny(*facts: FactEnvelope, seconds: tuple[float, ...] = (0, 1.5), put_off: bool = False) -> Scenario:
    """Return a world of tiny engines; `opens`, `answers` and `poison` are special names.

    With `put_off` the timer may be due only after the last of the moments.
    """
    names = {envelope.subject for envelope in facts}

    def judge(step: Step, settled: Settled) -> Settled:
        for decision in step.decisions:
            settled = _settle(decision, settled, facts)
        due = [envelope.subject for envelope in facts[: step.cause + 1] if envelope.cell == step.cell]
        require(set(due) <= set(settled), "a fact is skipped")
        return settled

    def finished(settled: Settled) -> bool:
        stopped = settled.index("answers") < settled.index("timer") if {"answers", "timer"} <= set(settled) else False
        timer = put_off or "opens" not in names or "timer" in settled or "answers" in names
        return names <= set(settled) and timer and not stopped

    def timely(steps: tuple[Step, ...], intake_next: int) -> None:
        lapses = any(isinstance(decision, ContactDiverted) for step in steps for decision in step.decisions)
        answered = any(envelope.subject == "answers" for envelope in facts[:intake_next])
        require(not (lapses and answered), "a timer is decided although its answer was read")

    moments = tuple(START + timedelta(seconds=second) for second in seconds)
    return Scenario("tiny", TinyPartition, facts, moments, judge, finished, timely)


def _settle(decision: object, settled: Settled, facts: tuple[FactEnvelope, ...]) -> Settled:
    if isinstance(decision, ConfigAdopted):
        name = decision.tenant
        if name == "answers":
            require(decision.version == ("timer" in settled), "an answer is not told whether the timer was quicker")
    elif isinstance(decision, FactRejected):
        name = facts[decision.offset].subject
    elif isinstance(decision, ContactDiverted):
        name = "timer"
        require("answers" not in settled, "a timer fires although it was answered")
    else:
        return settled
    require(name not in settled, "a fact is decided twice")
    return (*settled, name)
