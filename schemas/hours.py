"""Business hours as a tenant writes them: the week, holidays, and other hours on a date, by the clock of one zone.

What they mean in real time, with midnight and daylight saving, is `router.calendar`.
"""

from datetime import date, time
from typing import Annotated, Final, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.errors import Inconsistent
from schemas.routing import EdgeModel

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)  # in the order of `date.weekday`
LAST_MINUTE: Final = time(23, 59)  # who writes that it closes then means the end of the day


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise Inconsistent(
            f"no time zone is called {name!r}; use an IANA name such as America/New_York",
            remedy="Look the name up in the IANA list of time zones.",
        ) from None
    return name


def _midnight(value: object) -> object:
    return "00:00" if value == "24:00" else value  # no time of the day is called 24:00


class Interval(EdgeModel):
    """Open from `opens` until before `closes`, by the clock on the wall, on one day.

    `closes` is later than `opens`; 00:00, 24:00 and anything from 23:59 on are the midnight that ends the day.
    """

    opens: time
    closes: Annotated[time, BeforeValidator(_midnight)]

    @model_validator(mode="after")
    def _forward(self) -> Self:
        if self.closes <= self.opens and not self.ends_at_midnight:
            raise Inconsistent(
                f"closes ({self.closes:%H:%M}) is not after opens ({self.opens:%H:%M}); split a night at 00:00",
                remedy="End the first part at 24:00, and begin the second at 00:00 on the next day.",
            )
        return self

    @property
    def ends_at_midnight(self) -> bool:
        """Whether it lasts until the day is over."""
        return self.closes >= LAST_MINUTE or self.closes == time(0)


class Hours(EdgeModel):
    """A business calendar. A day that is not listed is closed.

    A date in `overrides` has those hours instead of the week's (none: closed); one in `closed_on` has none.
    """

    zone: Annotated[str, AfterValidator(_zone)]
    week: dict[Weekday, tuple[Interval, ...]]
    closed_on: tuple[date, ...] = ()
    overrides: dict[date, tuple[Interval, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_word_on_a_date(self) -> Self:
        both = sorted(self.overrides.keys() & set(self.closed_on))
        if both:
            raise Inconsistent(
                f"{both[0]} is in closed_on and in overrides",
                at=("overrides", str(both[0])),
                remedy="Keep one of the two; an override without intervals is closed.",
            )
        return self
