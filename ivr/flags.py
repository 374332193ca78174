"""The red flags: a closed set, each with the urgency that it demands at least. The source is the project's label guide.

How they sound is data in `flags_en` and `flags_es`; when a mention counts is decided in `context`.
"""

import re
from typing import Final, NamedTuple

from ivr.flags_en import EMERGENT_EN, URGENT_EN
from ivr.flags_es import EMERGENT_ES, URGENT_ES
from schemas.routing import Urgency

_GAP: Final = r" (?:[\w.]+ ){0,4}"
_HIS: Final = r"(?:my|his|her|their|the|our|your)"
_MANY: Final = re.compile(r" \.\.\. ")


class Rule(NamedTuple):
    """One way to raise a flag: every part is found in the utterance, each of them in force."""

    flag: str
    parts: tuple[re.Pattern[str], ...]


LEVELS: Final[dict[str, Urgency]] = {
    **dict.fromkeys(EMERGENT_EN, Urgency.EMERGENT),
    **dict.fromkeys(URGENT_EN, Urgency.URGENT),
}
"""Every flag by name. A flag that is not here (a newer model's) counts as emergent: doubt is resolved upward."""


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_MANY.sub(lambda _: _GAP, pattern.replace('<his>', _HIS))})(?!\w)")


def _rules() -> tuple[Rule, ...]:
    return tuple(
        Rule(flag, tuple(_compiled(part) for part in way.split(" && ")))
        for table in (EMERGENT_EN, EMERGENT_ES, URGENT_EN, URGENT_ES)
        for flag, ways in table.items()
        for way in ways
    )


RULES: Final = _rules()


def level_of(flag: str) -> Urgency:
    """Return the least urgency that a flag demands."""
    return LEVELS.get(flag, Urgency.EMERGENT)
