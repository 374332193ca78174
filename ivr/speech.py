"""Words to say: prompts by language, and times, days and waits as a person would speak them."""

from collections.abc import Iterable, Mapping
from datetime import time
from functools import lru_cache
from string import Formatter
from typing import Any, Final

from pydantic import Field, ValidationError

from schemas.dialog import Gather, Instruction, Play, Say
from schemas.errors import ConfigurationError
from schemas.hours import WEEKDAYS
from schemas.routing import EdgeModel

REQUIRED: Final = frozenset(
    (
        "language_offer", "greeting", "not_heard", "goodbye",
        "hand_off", "hand_off_nurse", "hand_off_asked", "hand_off_trouble", "hand_off_lost", "hand_off_returned",
        "wait_soon", "wait_minutes", "wait_long", "waiting_tell", "waiting_still", "waiting_heard", "waiting_raised",
        "open_until", "open_always", "closed_until", "closed_for_now", "usual_hours", "on_days", "day_to_day",
        "from_to", "and_from_to", "at_day",
        "at_time",
        "on_day", "address", "directions", "directions_none", "tomorrow",
        *(f"day_{day}" for day in WEEKDAYS),
    )
)  # fmt: skip
_CHARS_PER_S: Final = 11.0  # a slow voice
_MARGIN_S: Final = 25.0  # the carrier's own time, a caller who speaks long, a webhook that is tried again
_HOURS_A_DAY: Final = 24
_NOON: Final = 12
_SPANISH_NIGHT: Final = 19
_SPANISH_MORNING: Final = 6
_MUSIC_S: Final = 60.0
_SPOKEN_KEPT: Final = 1024


class Prompts(EdgeModel):
    """All prompts, by language and name. Texts may have places to fill in, the same ones in every language."""

    texts: dict[str, dict[str, str]] = Field(min_length=1)

    def text(self, prompt: str, language: str, /, **values: object) -> str:
        """Return a prompt, filled in; in the first language if there is no such language."""
        table = self.texts.get(language) or next(iter(self.texts.values()))
        return table[prompt].format(**values)

    def say(self, prompt: str, language: str, /, **values: object) -> Say:
        """Return a prompt as an instruction."""
        return spoken(self.text(prompt, language, **values), language)


@lru_cache(maxsize=_SPOKEN_KEPT)
def spoken(text: str, language: str) -> Say:
    """Return words of ours or of a tenant as an instruction; they are few and said all the time."""
    return Say(text=text, language=language)


def load_prompts(documents: Mapping[str, Mapping[str, Any]], *, used: Iterable[str] = ()) -> Prompts:
    """Check the prompts of each language that services read from YAML; `used` are those that a flow speaks.

    Raises:
        ConfigurationError: a prompt is missing, is no text, or has other places to fill in than in the first language.
    """
    try:
        prompts = Prompts.model_validate({"texts": {lang: dict(table) for lang, table in documents.items()}})
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        raise ConfigurationError(f"prompts: {place} is no text", remedy="Quote it in the YAML") from None
    first = next(iter(prompts.texts.values()))
    for language, table in prompts.texts.items():
        for name in sorted({*first, *REQUIRED, *used}):
            if name not in table:
                raise ConfigurationError(f"prompts: {name!r} is missing in {language!r}", remedy="Add it")
            if name in first and _places(table[name]) != _places(first[name]):
                raise ConfigurationError(f"prompts: {name!r} in {language!r} fills in other places", remedy="Mend it")
    return prompts


def _places(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name)


def spoken_time(at: time, language: str) -> str:
    """Return a time of day as it is said, to the minute: "8 a.m.", "las 5 y media de la tarde"."""
    hour, minute = at.hour % _NOON or _NOON, at.minute
    if language == "es":
        return f"{'la' if hour == 1 else 'las'} {hour}{_spanish_minutes(minute)} {_spanish_part(at)}"
    if minute == 0 and hour == _NOON:
        return "noon" if at.hour else "midnight"
    minutes = f":{minute:02d}" if minute else ""
    return f"{hour}{minutes} {'a.m.' if at.hour < _NOON else 'p.m.'}"


def _spanish_minutes(minute: int) -> str:
    return {0: "", 15: " y cuarto", 30: " y media"}.get(minute, f" y {minute}")


def _spanish_part(at: time) -> str:
    if at.hour == _NOON and not at.minute:
        return "del mediodía"
    if at.hour == 0:
        return "de la noche"
    if at.hour < _SPANISH_MORNING:
        return "de la madrugada"
    if at.hour < _NOON:
        return "de la mañana"
    return "de la tarde" if at.hour < _SPANISH_NIGHT else "de la noche"


def answer_by_s(instructions: Iterable[Instruction]) -> float:
    """Return within how many seconds the next turn is due: the time to speak and listen, with a wide margin."""
    return round(_MARGIN_S + sum(_lasts_s(instruction) for instruction in instructions), 1)


def _lasts_s(instruction: Instruction) -> float:
    if isinstance(instruction, Say):
        return len(instruction.text) / _CHARS_PER_S
    if isinstance(instruction, Gather):
        return instruction.timeout_s + sum(_lasts_s(prompt) for prompt in instruction.prompts)
    return _MUSIC_S if isinstance(instruction, Play) else 0.0
