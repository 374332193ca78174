"""The figures of a day: waits by class, abandonment, transfers, handle time, first contact resolution, occupancy.

Waits are of all calls, those given up included, until an answer or the giving up; ASA is of answered calls alone, as
usual. Urgency is the caller's true one, whatever the dialog took it for. Calls that were sent on wait a second time;
they count in `abandoned` and not in the waits, which are those of callers at the front door.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from math import ceil
from statistics import fmean, pstdev
from typing import Final

from schemas.routing import Urgency
from services.simulation.ledger import Call, Duty, Ledger

SOON_S: Final = 10.0  # an emergent caller is to be answered within this
MEASURES: Final[dict[str, str]] = {
    "calls": "calls, those who called again included",
    "asa_s": "average speed of answer, s",
    "wait_p50_s": "wait, median, s",
    "wait_p95_s": "wait, 95 of 100 wait at most, s",
    "wait_p99_s": "wait, 99 of 100 wait at most, s",
    "abandoned": "abandonment, % of calls",
    "emergent_asa_s": "emergent: average speed of answer, s",
    "emergent_p95_s": "emergent: wait, 95 of 100, s",
    "emergent_late": "emergent: not answered in 10 s, %",
    "emergent_helped_p95_s": "emergent: with a nurse, 95 of 100, s",
    "emergent_abandoned": "emergent: abandonment, %",
    "urgent_asa_s": "urgent: average speed of answer, s",
    "urgent_p95_s": "urgent: wait, 95 of 100, s",
    "urgent_abandoned": "urgent: abandonment, %",
    "routine_asa_s": "routine: average speed of answer, s",
    "routine_p95_s": "routine: wait, 95 of 100, s",
    "routine_abandoned": "routine: abandonment, %",
    "triage_abandoned": "triage of all classes: abandonment, %",
    "lost": "callers whom nobody ever answered, %",
    "transfers": "callers sent on, % of those answered",
    "aht_s": "handle time of all agents per caller, s",
    "fcr": "first contact resolution, %",
    "occupancy": "occupancy, %",
    "desk_spread": "occupancy of desk agents, standard deviation, points",
    "nurse_spread": "occupancy of nurses, standard deviation, points",
}


def measure(ledger: Ledger) -> dict[str, float]:
    """Return the figures of a day by the names of `MEASURES`; NaN where there is nobody to measure."""
    first = [call for call in ledger.calls if call.leg == 0]
    figures = {"calls": float(len(first))}
    figures |= _waits(first, "wait_", asa="asa_s") | {"abandoned": _abandoned(ledger.calls)}
    for urgency in Urgency:
        of_class = [call for call in first if call.urgency is urgency]
        waits = _waits(of_class, f"{urgency.word}_", asa=f"{urgency.word}_asa_s")
        every_leg = [call for call in ledger.calls if call.urgency is urgency]
        figures |= waits | {f"{urgency.word}_abandoned": _abandoned(every_leg)}
    emergent = [call for call in ledger.calls if call.urgency is Urgency.EMERGENT]
    figures["emergent_late"] = _percent(_is_late(call) for call in emergent if call.leg == 0)
    figures["emergent_helped_p95_s"] = quantile(list(_until_able(emergent)), 0.95)
    figures["triage_abandoned"] = _abandoned([call for call in ledger.calls if call.caller.need.urgencies[0] > 0])
    figures |= _work(ledger.calls) | _occupancy(ledger.duties.values())
    return {name: figures[name] for name in MEASURES}


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that `share` of the values do not exceed; NaN of none."""
    return sorted(values)[max(ceil(share * len(values)) - 1, 0)] if values else float("nan")


def _waits(calls: Sequence[Call], prefix: str, *, asa: str) -> dict[str, float]:
    waits = [call.wait_s for call in calls]
    answered = [call.wait_s for call in calls if call.answered_s is not None]
    shares = {"p50_s": 0.5, "p95_s": 0.95, "p99_s": 0.99}
    return {asa: _mean(answered)} | {f"{prefix}{name}": quantile(waits, share) for name, share in shares.items()}


def _abandoned(calls: Iterable[Call]) -> float:
    return _percent(call.given_up_s is not None for call in calls)


def _is_late(call: Call) -> bool:
    return call.answered_s is None or call.wait_s > SOON_S


def _until_able(calls: Sequence[Call]) -> Iterable[float]:
    """Yield for each call, over all of its legs, how long until somebody with the right skill answered or it ended."""
    for _, legs in groupby(sorted(calls, key=_path), key=lambda call: _path(call)[:2]):
        several = list(legs)
        ended = next((call for call in several if call.able), several[-1])
        yield ended.queued_s + ended.wait_s - several[0].queued_s


def _path(call: Call) -> tuple[int, int, int]:
    return (call.caller.number, call.attempt, call.leg)


def _work(calls: Iterable[Call]) -> dict[str, float]:
    callers = [list(legs) for _, legs in groupby(sorted(calls, key=_path), key=lambda call: call.caller.number)]
    talked = [[call for call in legs if call.answered_s is not None] for legs in callers]
    served = [legs for legs in talked if legs]
    return {
        "lost": _percent(not legs for legs in talked),
        "transfers": _percent(any(call.sent_on for call in legs) for legs in served),
        "aht_s": _mean([sum(call.worked_s for call in legs) for legs in served]),
        "fcr": _percent(legs[0].resolved for legs in served),
    }


def _occupancy(duties: Iterable[Duty]) -> dict[str, float]:
    present = [duty for duty in duties if duty.present_s > 0]
    spread = {
        role: [100 * duty.busy_s / duty.present_s for duty in present if (duty.role == "nurse") is (role == "nurse")]
        for role in ("desk", "nurse")
    }
    total_s = sum(duty.present_s for duty in present)
    return {
        "occupancy": 100 * sum(duty.busy_s for duty in present) / total_s if total_s else float("nan"),
        **{f"{role}_spread": pstdev(shares) if shares else float("nan") for role, shares in spread.items()},
    }


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else float("nan")


def _percent(is_so: Iterable[bool]) -> float:
    return 100 * _mean([float(one) for one in is_so])
