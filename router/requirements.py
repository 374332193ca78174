"""What a caller needs of an agent, and how soft requirements give way while they wait.

A hard requirement (a licence, the state of licensure, a language, a restricted patient, valid training) is enforced
whatever the wait. A soft one is enforced until its steps have taken it back: each step lowers the proficiency that will
do, or drops the skill. How many of all steps have passed is the item's *stage*; it changes by a decision, so that who
may take an item depends on recorded things alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas.routing import Requirement


def enforced(requirements: Sequence[Requirement], stage: int) -> tuple[Requirement, ...]:
    """Return what is enforced at a stage as hard requirements, and as soft ones what only counts in the score.

    `stage` is the number of moments that have passed, see `moments`; 0 for a caller who has just been queued.
    """
    passed = moments(requirements)[:stage]
    return tuple(_at(requirement, passed[-1] if passed else 0.0) for requirement in requirements)


def moments(requirements: Sequence[Requirement]) -> tuple[float, ...]:
    """Return after how many seconds of waiting something gives way, each moment once, the earliest first."""
    return tuple(sorted({step.after_s for need in requirements if not need.hard for step in need.relax}))


def next_relaxation(requirements: Sequence[Requirement], stage: int, queued_at: datetime) -> datetime | None:
    """Return when the next stage begins; None after the last."""
    later = moments(requirements)[stage:]
    return queued_at + timedelta(seconds=later[0]) if later else None


def described(requirements: Sequence[Requirement], stage: int) -> str:
    """Return in words what is enforced at a stage, such as `nurse, lang-es from 0.50`."""
    needed = [need for need in enforced(requirements, stage) if need.hard]
    words = [need.skill + (f" from {need.level_min:.2f}" if need.level_min else "") for need in needed]
    return f"needs {', '.join(words) or 'no special skill'} from here on"


def _at(requirement: Requirement, waited_s: float) -> Requirement:
    if requirement.hard or not requirement.relax:
        return requirement
    passed = [step for step in requirement.relax if step.after_s <= waited_s]
    level_min = passed[-1].level_min if passed else requirement.level_min
    return Requirement(
        skill=requirement.skill,
        level_min=level_min or 0.0,
        hard=level_min is not None,
        weight=requirement.weight,
    )
