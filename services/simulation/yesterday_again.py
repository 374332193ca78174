"""A day of another router, run again: the same callers and agents, through the engine, under our policies.

`services.whatif` has read who called, how long they would have waited, what work they brought, and who was there. Here
they become the callers and people of a `World`; the record itself is measured with the same rules and stands beside.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import inf, isnan, nan
from textwrap import wrap
from typing import Any, Final

from router.policies.catalogue import POLICIES
from schemas.routing import Urgency
from services.simulation import plot, table
from services.simulation.callers import Caller, Talk
from services.simulation.center import Center, Habits, Need, Person
from services.simulation.comparison import Comparison
from services.simulation.ledger import Call, Duty, Ledger
from services.simulation.measures import measure
from services.simulation.world import World
from services.whatif.inputs import Agent, Yesterday
from services.whatif.records import Left
from services.whatif.sentences import PACE_RANGE
from services.whatif.shifts import Span, merged, total_s

AS_IT_WAS: Final = "as_it_was"
FIGURES: Final = (
    "calls", "asa_s", "wait_p50_s", "wait_p95_s", "wait_p99_s", "abandoned", "transfers", "aht_s", "occupancy",
    "desk_spread",
)  # fmt: skip
LEAST_LEVEL: Final = 0.7  # of the slowest: above every threshold of the policies, for they did answer in the queue
_PART_S: Final = 3600.0
_WIDTH: Final = 110
_HABITS: Final = Habits(redial_share=0.0, failing=0.0, unresolved=0.0)


@dataclass(frozen=True)
class Recalled(Caller):
    """A caller of the record: what chance had in store for others is known of them, in seconds."""

    waits_at_most_s: float = 0.0
    work_s: float = 0.0  # with an agent of pace 1

    def patience_s(self, center: Center, attempt: int, leg: int) -> float:  # noqa: ARG002  as any caller
        """Return how long they wait."""
        return self.waits_at_most_s

    def redials_after_s(self, center: Center, attempt: int) -> float | None:  # noqa: ARG002  as any caller
        """Return None: another call of theirs is a caller of the record too."""
        return None

    def talk(self, center: Center, level: float | None, leg: int) -> Talk:
        """Return their work at the agent's pace; whoever does not serve the queue sends them on."""
        if level is None and leg + 1 < center.habits.legs_max:
            return Talk(center.habits.explaining_s, 0.0, sent_on=True, resolved=False)
        return Talk(self.work_s * (1.0 if level is None else pace_of(level)), 0.0, sent_on=False, resolved=True)


@dataclass(frozen=True)
class Outcome:
    """The record and what it comes to under each policy, figure by figure."""

    comparison: Comparison
    assumptions: tuple[str, ...]

    def as_text(self) -> str:
        """Return the tables, and what is assumed of our side."""
        lines = [
            "The same day again: the record beside the simulated policies",
            "",
            table.means(self.comparison, _shown(self.comparison)),
        ]
        lines += ["", f"Difference from {AS_IT_WAS}", "", table.differences(self.comparison, _shown(self.comparison))]
        lines += ["", "Assumed, for the policies:"]
        for sentence in self.assumptions:
            lines += wrap(sentence, _WIDTH, initial_indent="* ", subsequent_indent="  ")
        return "\n".join(lines)

    def as_json(self) -> Mapping[str, Any]:
        """Return the figures by policy, the record's first, and the assumptions."""
        figures = {
            policy: {name: None if isnan(day[name]) else round(day[name], 3) for name in FIGURES}
            for policy, (day,) in self.comparison.figures.items()
        }
        return {"figures": figures, "assumptions": list(self.assumptions)}

    def as_svg(self) -> str:
        """Return the picture: a panel a figure, a bar a policy."""
        return plot.draw(self.comparison, _shown(self.comparison), "The day as it was, and under other policies")


def rerun(yesterday: Yesterday, policies: Sequence[str]) -> Outcome:
    """Return what the day comes to under each of the policies, by name, beside the record."""
    center = _center(yesterday)
    needs = dict(zip(_queues(yesterday), center.needs, strict=True))
    callers = list(_callers(yesterday, needs))
    figures = {AS_IT_WAS: [measure(_record(yesterday, callers)) | {"transfers": nan}]}
    for name in policies:
        figures[name] = [measure(World(center, callers, POLICIES[name]).run())]
    return Outcome(Comparison(1.0, (0,), figures), (*_assumptions(center), *_warnings(yesterday)))


def level_of(pace: float) -> float:
    """Return the proficiency, `LEAST_LEVEL`..1, that stands for an agent's pace within `PACE_RANGE`."""
    fastest, slowest = PACE_RANGE
    return 1.0 - (1.0 - LEAST_LEVEL) * (pace - fastest) / (slowest - fastest)


def pace_of(level: float) -> float:
    """Return the pace for which a proficiency stands."""
    fastest, slowest = PACE_RANGE
    return fastest + (slowest - fastest) * (1.0 - level) / (1.0 - LEAST_LEVEL)


# ---- who is there and who calls


def _center(yesterday: Yesterday) -> Center:
    start, end = yesterday.window
    needs = tuple(
        Need(f"queue.{number}", f"queue-{number}", 1.0, 0.0, 0.0) for number, _ in enumerate(_queues(yesterday))
    )
    people = tuple(_people(yesterday, needs))
    hours = int((end - start).total_seconds() // _PART_S) + 1
    return Center(needs, people, rates=(0.0,) * hours, part_s=_PART_S, dispersion=1.0, habits=_HABITS)


def _queues(yesterday: Yesterday) -> list[str]:
    return sorted({caller.queue for caller in yesterday.callers})


def _people(yesterday: Yesterday, needs: Sequence[Need]) -> Iterator[Person]:
    skills = {queue: need.skill for queue, need in zip(_queues(yesterday), needs, strict=True)}
    start = yesterday.window[0]
    for number, agent in enumerate(yesterday.agents):
        levels = {skills[queue]: level_of(agent.pace.get(queue, 1.0)) for queue in agent.queues}
        spans = [_span_s(span, start) for span in agent.shifts]
        breaks = tuple((end, begin - end) for (_, end), (begin, _) in pairwise(spans))
        if spans:
            yield Person(f"agent-{number}", "agent", levels, spans[0][0], spans[-1][1], breaks)
    served = {queue for agent in yesterday.agents for queue in agent.queues}
    if missing := [skill for queue, skill in skills.items() if queue not in served]:
        yield Person("nobody", "agent", dict.fromkeys(missing, LEAST_LEVEL), starts_s=inf)  # a document names somebody


def _span_s(span: Span, start: datetime) -> tuple[float, float]:
    return ((span[0] - start).total_seconds(), (span[1] - start).total_seconds())


def _callers(yesterday: Yesterday, needs: Mapping[str, Need]) -> Iterator[Recalled]:
    for number, caller in enumerate(yesterday.callers):
        yield Recalled(
            seed=0,
            number=number,
            calls_at_s=(caller.arrived_at - yesterday.window[0]).total_seconds(),
            need=needs[caller.queue],
            urgency=Urgency.ROUTINE,
            heard=needs[caller.queue],
            rated=Urgency.ROUTINE,
            instead_of=caller.redial_of,
            waits_at_most_s=caller.patience_s,
            work_s=caller.work_s,
        )


# ---- the record, measured alike


def _record(yesterday: Yesterday, callers: Sequence[Caller]) -> Ledger:
    ledger = Ledger(AS_IT_WAS, 0)
    for caller, call in zip(callers, yesterday.calls, strict=True):
        at_s, ended_s = caller.calls_at_s, caller.calls_at_s + call.waited_s
        ledger.calls.append(
            Call(
                caller,
                attempt=0,
                leg=0,
                queued_s=at_s,
                placed_s=at_s,
                answered_s=ended_s if call.answered else None,
                given_up_s=None if call.answered else ended_s,
                worked_s=call.handled_s,
            )
        )
    ledger.duties = {agent.name: _duty(yesterday, agent) for agent in yesterday.agents}
    return ledger


def _duty(yesterday: Yesterday, agent: Agent) -> Duty:
    busy = [(call.answered_at, call.released_at) for call in yesterday.calls if call.answered_by == agent.name]
    return Duty("agent", present_s=total_s(agent.shifts), busy_s=total_s(merged(busy)))


# ---- what is told


def _shown(comparison: Comparison) -> list[str]:
    """Return the figures of which anything is known."""
    return [name for name in FIGURES if any(not isnan(day[name]) for (day,) in comparison.figures.values())]


def _assumptions(center: Center) -> Iterator[str]:
    fastest, slowest = PACE_RANGE
    yield (
        "In the record, whoever left the queue without an answer counts as abandonment, whatever made them leave; in "
        "the simulation callers leave when their patience ends, and no queue turns anyone away."
    )
    yield (
        f"An agent takes {center.habits.answer_s:g} s in the mean to accept an offer, and "
        f"{center.habits.connect_s:g} s pass until they talk. Every offer is accepted."
    )
    yield (
        f"An agent's pace in a queue, {fastest:g} to {slowest:g}, stands for a proficiency of 1 to {LEAST_LEVEL:g}: "
        "policies prefer the faster, and nobody falls below a threshold in a queue in which they answered."
    )
    yield (
        "A policy that asks for no skill may send a caller to an agent of another queue: they hear that in "
        f"{center.habits.explaining_s:g} s, and are sent on with their place kept. The record's own transfers are "
        "calls that come to the next queue when they did."
    )
    yield "Nobody is known to be emergent or urgent, so that nothing is kept in reserve and no order is by urgency."
    yield (
        "A redial is not made if the caller whose vain call it repeats was answered, or still waits. "
        "One day has no confidence interval: small differences are chance."
    )
    yield (
        "The record's router rang agents in ways that are not known. Part of what differs from it is the simulation; "
        "the policies may be compared with one another with more confidence."
    )


def _warnings(yesterday: Yesterday) -> Iterator[str]:
    unserved = sorted({call.queue for call in yesterday.calls} - {q for one in yesterday.agents for q in one.queues})
    if unserved:
        yield f"Nobody answered in {', '.join(unserved)}, so nobody does under a policy that asks for the skill."
    at_once = sum(call.left is Left.ABANDONED and call.waited_s <= 0 for call in yesterday.calls)
    if at_once:
        yield (
            f"Of {sum(call.left is Left.ABANDONED for call in yesterday.calls):,} hang-ups the file gives "
            f"{at_once:,} a wait of 0 s (as some systems note calls that met an engaged line): they have no patience "
            "here either, so that no policy answers them unless somebody is free in that very moment."
        )
