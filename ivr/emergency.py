"""Red flags: what a caller says that needs a person at once, whatever else the dialog is doing.

Pure rules, English and Spanish together, tested first. They set a floor: a model may add to what they find and never
takes away (`intents.combined`). The names of flags are patient data: in memory or sealed, never logged.
"""

import re
from collections.abc import Iterable
from typing import Final

from ivr.context import is_in_force
from ivr.flags import LEVELS, RULES, Rule, level_of
from ivr.utterance import clauses, normalise
from schemas.routing import Urgency

EMERGENCY_WORD: Final = "emergency_said"
"""The word alone, with nothing clinical: emergent until a person has heard it, unless it is about paperwork."""


def red_flags(text: str) -> tuple[str, ...]:
    """Return the flags that are present and in force, the gravest first, in the order of the table."""
    return flags_of(normalise(text))


def flags_of(normal: str) -> tuple[str, ...]:
    """Do as `red_flags` does, for words that `utterance.normalise` has been through."""
    spans = clauses(normal)
    raised = {rule.flag for rule in RULES if _is_raised(rule, normal, spans)}
    return tuple(flag for flag in LEVELS if flag in raised)


def _is_raised(rule: Rule, normal: str, spans: list[tuple[int, int]]) -> bool:
    *backgrounds, complaint = rule.parts
    return _is_said(complaint, normal, spans) and all(
        _is_said(part, normal, spans, background=True) for part in backgrounds
    )


def _is_said(part: re.Pattern[str], normal: str, spans: list[tuple[int, int]], *, background: bool = False) -> bool:
    return any(
        is_in_force(normal, spans, found.start(), found.end(), background=background) for found in part.finditer(normal)
    )


def urgency_of(flags: Iterable[str]) -> Urgency:
    """Return the urgency that the flags demand at least; routine without any."""
    return min((level_of(flag) for flag in flags), default=Urgency.ROUTINE)
