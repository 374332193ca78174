"""What actually happened on the day, by queue, in the terms of the field."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from services.whatif.inputs import Agent, Yesterday
from services.whatif.records import Call, Left
from services.whatif.shifts import Span, merged, total_s

TARGET_S: Final = 30.0
ALL: Final = "all queues"


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """A queue's day. Shares are 0..1; None where there is nothing to divide by."""

    queue: str
    offered: int  # visits of callers to the queue
    answered: int
    abandoned: int
    otherwise: int  # timed out, opted out, turned away, or unfinished while waiting
    asa_s: float | None  # mean wait of those who were answered
    wait_p95_s: float | None  # of those who were answered
    service_level: float | None  # answered within the target, of all offered
    abandonment: float | None  # of all offered
    aht_s: float | None  # mean of talk and wrap-up
    transfers: float | None  # of the answered
    ring_no_answers: float | None  # offers not picked up, for each visit
    agents: int  # who answered in the queue
    occupancy: float | None  # busy share, in any queue, of those agents' attendance


def figures(yesterday: Yesterday, *, target_s: float = TARGET_S) -> tuple[QueueFigures, ...]:
    """Return the figures of every queue by name, then of all together. `target_s` is of the service level."""
    queues = sorted({call.queue for call in yesterday.calls})
    busy = _busy(yesterday.calls)

    def of(name: str, matches: Callable[[str], bool]) -> QueueFigures:
        calls = [call for call in yesterday.calls if matches(call.queue)]
        agents = [agent for agent in yesterday.agents if any(map(matches, agent.queues))]
        return _figures(name, calls, agents, busy, target_s)

    return (*(of(queue, queue.__eq__) for queue in queues), of(ALL, lambda _queue: True))


def as_json(rows: Iterable[QueueFigures]) -> list[dict[str, Any]]:
    """Return the figures as JSON values; seconds with three digits, shares with four."""
    return [
        {name: round(value, 3 if name.endswith("_s") else 4) if isinstance(value, float) else value
         for name, value in asdict(row).items()}
        for row in rows
    ]  # fmt: skip


def _busy(calls: Iterable[Call]) -> dict[str, list[Span]]:
    busy: dict[str, list[Span]] = {}
    for call in calls:
        if call.answered_by is not None:
            busy.setdefault(call.answered_by, []).append((call.answered_at, call.released_at))
    return {agent: list(merged(spans)) for agent, spans in busy.items()}


def _figures(
    name: str, calls: Sequence[Call], agents: Sequence[Agent], busy: dict[str, list[Span]], target_s: float
) -> QueueFigures:
    answered = [call for call in calls if call.answered]
    waits = sorted(call.waited_s for call in answered)
    handled = [call.handled_s for call in answered if call.talked_s is not None and call.left is not Left.DROPPED]
    abandoned = sum(call.left is Left.ABANDONED for call in calls)
    attended_s = sum(total_s(agent.shifts) for agent in agents)
    busy_s = sum(total_s(busy[agent.name]) for agent in agents)
    return QueueFigures(
        queue=name,
        offered=len(calls),
        answered=len(answered),
        abandoned=abandoned,
        otherwise=len(calls) - len(answered) - abandoned,
        asa_s=_over(sum(waits), len(waits)),
        wait_p95_s=waits[math.ceil(0.95 * len(waits)) - 1] if waits else None,
        service_level=_over(sum(wait_s <= target_s for wait_s in waits), len(calls)),
        abandonment=_over(abandoned, len(calls)),
        aht_s=_over(sum(handled), len(handled)),
        transfers=_over(sum(call.left is Left.TRANSFERRED for call in answered), len(answered)),
        ring_no_answers=_over(sum(call.ring_no_answers for call in calls), len(calls)),
        agents=len(agents),
        occupancy=_over(busy_s, attended_s),
    )


def _over(part: float, whole: float) -> float | None:
    return part / whole if whole else None
