"""From what happened to what a simulation needs: the same callers, the same agents, and every assumption in words."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, tzinfo
from random import Random
from statistics import fmean
from typing import Final

from schemas.errors import ConfigurationError
from services.whatif.day import choose_day
from services.whatif.inputs import Agent, Caller, Yesterday
from services.whatif.patience import Survival, kaplan_meier
from services.whatif.records import AgentChange, Call, Left
from services.whatif.sentences import (
    HANG_UPS_MIN,
    PACE_CALLS,
    PACE_RANGE,
    REDIAL_S,
    about_agents,
    about_callers,
    about_patience,
    about_work,
)
from services.whatif.shifts import Span, attendance
from services.whatif.sources import Imported

ALL_QUEUES: Final = "all queues together"


def rebuild(
    imported: Imported, *, day: date | None = None, zone: tzinfo | None = None, wrap_up_s: float = 0.0, seed: int = 1
) -> Yesterday:
    """Return one day of the file as inputs of a simulation; equal arguments give equal days.

    Args:
        imported: what the file told.
        day: which day; None takes the only or the busiest one.
        zone: when a day begins; UTC if None.
        wrap_up_s: for calls whose wrap-up the file does not tell, in seconds.
        seed: of what has to be drawn: patience of those who did not hang up, work of those who were not served.

    Raises:
        ConfigurationError: nobody called on that day, or no call of it was answered and talked through.
    """
    chosen = choose_day(imported.calls, day=day, zone=zone)
    calls = tuple(_with_wrap_up(call, wrap_up_s) for call in chosen.calls)
    window = (calls[0].arrived_at, max(call.released_at for call in calls))
    agents, by_signing = _agents(calls, imported.changes, window)
    patience, pooled = _patience(calls)
    callers = _callers(calls, agents, patience, Random(seed))  # noqa: S311  a simulation, no secret
    assumptions = (
        chosen.assumed,
        *imported.tally.assumed,
        *about_callers(callers),
        *about_patience(_in_use(patience, pooled), pooled, seed),
        *about_work(chosen.calls, wrap_up_s, seed),
        *about_agents(agents, by_signing),
    )
    return Yesterday(calls, callers, agents, window, patience, assumptions)


def _with_wrap_up(call: Call, wrap_up_s: float) -> Call:
    if call.wrap_up_s is not None or not call.talked_s:
        return call
    return replace(call, wrap_up_s=wrap_up_s)


# Who was there.


def _agents(calls: Sequence[Call], changes: Iterable[AgentChange], window: Span) -> tuple[tuple[Agent, ...], int]:
    answered: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.answered_by is not None:
            answered[call.answered_by].append(call)
    changed: dict[str, list[AgentChange]] = defaultdict(list)
    for change in changes:
        if change.agent in answered and change.at <= window[1]:
            changed[change.agent].append(change)
    means = _means(calls)
    agents, by_signing = [], 0
    for name, own in sorted(answered.items()):
        present = attendance(own, changed[name], window)
        by_signing += present.signed
        queues = tuple(sorted({call.queue for call in own}))
        agents.append(Agent(name, queues, present.spans, _pace(own, means)))
    return tuple(agents), by_signing


def _means(calls: Iterable[Call]) -> Mapping[str, float]:
    handled: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        if call.talked_s:
            handled[call.queue].append(call.handled_s)
    return {queue: fmean(spans) for queue, spans in handled.items()}


def _pace(own: Iterable[Call], means: Mapping[str, float]) -> Mapping[str, float]:
    """Return the agent's pace by queue, drawn towards 1 as if so many calls more had been of the queue's mean."""
    handled: dict[str, list[float]] = defaultdict(list)
    for call in own:
        if call.talked_s:
            handled[call.queue].append(call.handled_s)
    pace = {}
    for queue, spans in handled.items():
        ratio = (sum(spans) / means[queue] + PACE_CALLS) / (len(spans) + PACE_CALLS)
        pace[queue] = min(max(ratio, PACE_RANGE[0]), PACE_RANGE[1])
    return pace


# What each caller brings.


def _callers(
    calls: Sequence[Call], agents: Iterable[Agent], patience: Mapping[str, Survival], random: Random
) -> tuple[Caller, ...]:
    works = _works(calls, agents)
    return tuple(
        Caller(
            arrived_at=call.arrived_at,
            queue=call.queue,
            key=call.caller,
            patience_s=_patience_of(call, patience[call.queue], 1.0 - random.random()),
            work_s=work_s,
            continues=call.continues,
            redial_of=redial_of,
        )
        for call, work_s, redial_of in zip(calls, _filled(calls, works, random), _redials(calls), strict=True)
    )


def _patience(calls: Sequence[Call]) -> tuple[Mapping[str, Survival], tuple[str, ...]]:
    """Return the estimate of every queue, and which queues had too few hang-ups for one of their own."""
    waits: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for call in calls:
        waits[call.queue].append((call.waited_s, call.left is Left.ABANDONED))
    together = kaplan_meier(wait for of_queue in waits.values() for wait in of_queue)
    own = {queue: kaplan_meier(of_queue) for queue, of_queue in sorted(waits.items())}
    pooled = tuple(queue for queue, curve in own.items() if curve.hang_ups < HANG_UPS_MIN and len(own) > 1)
    return {queue: together if queue in pooled else curve for queue, curve in own.items()}, pooled


def _patience_of(call: Call, curve: Survival, chance: float) -> float:
    return call.waited_s if call.left is Left.ABANDONED else curve.draw(chance, beyond_s=call.waited_s)


def _in_use(patience: Mapping[str, Survival], pooled: Sequence[str]) -> Iterator[tuple[str, Survival]]:
    yield from ((queue, curve) for queue, curve in patience.items() if queue not in pooled)
    yield from ((ALL_QUEUES, patience[queue]) for queue in pooled[:1])


def _works(calls: Sequence[Call], agents: Iterable[Agent]) -> Sequence[float | None]:
    """Return for every call the work that it was, as if with an agent of pace 1; None if nobody served it."""
    pace = {agent.name: agent.pace for agent in agents}
    return [
        call.handled_s / pace.get(call.answered_by or "", {}).get(call.queue, 1.0) if call.talked_s else None
        for call in calls
    ]


def _filled(calls: Sequence[Call], works: Sequence[float | None], random: Random) -> Iterator[float]:
    """Yield the work of every call, drawn from its queue (or from all, if the queue served nobody) where there is none.

    Raises:
        ConfigurationError: nobody was served at all.
    """
    observed: dict[str, list[float]] = defaultdict(list)
    for call, work_s in zip(calls, works, strict=True):
        if work_s is not None:
            observed[call.queue].append(work_s)
    everywhere = [work_s for work_s in works if work_s is not None]
    if not everywhere:
        raise ConfigurationError(
            "no call of the day was answered and talked through", remedy="Take another --day, or check the columns."
        )
    for call, work_s in zip(calls, works, strict=True):
        yield random.choice(observed.get(call.queue) or everywhere) if work_s is None else work_s


def _redials(calls: Sequence[Call]) -> list[int | None]:
    """Return for every call the place of the unanswered one that it tries again, None if it does not."""
    unanswered: dict[str, int] = {}
    redials: list[int | None] = []
    for place, call in enumerate(calls):
        before = unanswered.pop(call.caller, None) if call.caller is not None and not call.continues else None
        within = before is not None and _since_s(calls[before], call) <= REDIAL_S
        redials.append(before if within else None)
        if call.caller is not None and not call.answered and call.left is not Left.UNFINISHED:
            unanswered[call.caller] = place
    return redials


def _since_s(before: Call, call: Call) -> float:
    return (call.arrived_at - before.arrived_at).total_seconds() - before.waited_s
