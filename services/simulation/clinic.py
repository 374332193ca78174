"""The center that `frontdoor simulate` shows: 60 agents, 14 of them nurses, open from 8 to 18.

Its needs, times and skills are assumptions, chosen so that a day has some 2,200 calls and that at `load` 1.0 about one
call in ten is given up under priority and longest idle. It is the same for every seed: only the day differs.
"""

from typing import Final

from services.simulation import calibration
from services.simulation.center import NURSE, Center, Need, Person, Rules
from services.simulation.chance import uniform

NURSES: Final = 14
DESK: Final = 46
CALLS_A_DAY: Final = 2140.0  # at load 1.0, without those who call again

NEEDS: Final = (
    Need("triage.symptom", NURSE, 0.14, 400.0, 110.0, urgencies=(0.16, 0.34, 0.50)),
    Need("appointment.book", "appointment", 0.37, 225.0, 45.0, urgencies=(0.0, 0.06, 0.94)),
    Need("refill.request", "refill", 0.20, 200.0, 50.0, urgencies=(0.0, 0.10, 0.90)),
    Need("billing.question", "billing", 0.15, 300.0, 60.0),
    Need("records.request", "records", 0.14, 240.0, 60.0),
)
RULES: Final = Rules(reserve=1, reserve_s=600.0, levels=((0.0, 0.5), (120.0, 0.3)))
_DESK_SKILLS: Final = ("appointment", "refill", "billing", "records")
# How many of the desk agents have which skill as their own, by the work that it makes.
_OWN: Final = ("appointment",) * 18 + ("refill",) * 10 + ("billing",) * 10 + ("records",) * 8
# When shifts begin, in hours from opening, and how long they are: in turn, so that each skill is there all day.
_EARLY, _MORNING, _LONG, _LATE = (0.0, 5.5), (1.0, 5.5), (1.0, 6.5), (5.5, 4.5)
_SHIFTS: Final = (
    _EARLY, _LONG, _LATE, _MORNING, _LATE, _LONG, _EARLY, _LATE, _LONG, _LATE, _EARLY, _LATE,
)  # fmt: skip
_BREAKS: Final = ((1.0, 10.0), (2.75, 20.0))  # (hours from the shift's begin, minutes)


def clinic(load: float = 1.0) -> Center:
    """Return the center with `load` times its critical number of calls. Raises `ValueError` unless load > 0."""
    if load <= 0:
        raise ValueError("load is above zero")
    rates = tuple(load * CALLS_A_DAY * share / 3600.0 for share in calibration.HOURS)
    people = (*(_nurse(number) for number in range(NURSES)), *(_clerk(number) for number in range(DESK)))
    return Center(NEEDS, people, rates, rules=RULES)


def _nurse(number: int) -> Person:
    levels = {NURSE: _level(0.55, 0.98, "nurse", number), "refill": _level(0.3, 0.48, "refill", number)}
    return _on_duty(f"nurse-{number:02}", "nurse", levels, number)


def _clerk(number: int) -> Person:
    own = _OWN[number]
    levels = {own: _level(0.7, 0.98, own, number)}
    for skill in _DESK_SKILLS:
        if skill != own and uniform("clinic", "has", skill, number) < 0.45:  # noqa: PLR2004  an assumption
            levels[skill] = _level(0.3, 0.75, skill, number)
    return _on_duty(f"desk-{number:02}", "agent", levels, number)


def _level(low: float, high: float, *who: object) -> float:
    return round(low + (high - low) * uniform("clinic", "level", *who), 2)


def _on_duty(name: str, role: str, levels: dict[str, float], number: int) -> Person:
    """Give a person a shift with two breaks at times of their own."""
    starts_h, lasts_h = _SHIFTS[number % len(_SHIFTS)]
    starts_s, ends_s = 3600.0 * starts_h, 3600.0 * (starts_h + lasts_h)
    if ends_s >= 3600.0 * len(calibration.HOURS):
        ends_s += 1800.0  # the late shift stays until everybody has been served
    later_s = 2400.0 * uniform("clinic", "breaks", name)
    breaks = tuple((starts_s + after_h * 3600.0 + later_s, lasts * 60.0) for after_h, lasts in _BREAKS)
    return Person(name, role, levels, starts_s, ends_s, breaks)
