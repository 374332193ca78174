"""Figures and how they are shown: a value, its floor, their ratio, and the goal if there is one."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measurement. `floor` is the least that the same work costs on this machine, in the same unit.

    Goals are upper bounds: `ratio_max` of value to floor, `value_max` of the value itself. Where more is better
    (`more=True`), the ratio is floor to value, so that 1 is always the best.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    floor_name: str = ""
    more: bool = False
    ratio_max: float | None = None
    value_max: float | None = None

    @property
    def ratio(self) -> float | None:
        """How far the value is from its floor; None without a floor."""
        if not self.floor or not self.value:
            return None
        return self.floor / self.value if self.more else self.value / self.floor

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.ratio_max is not None and self.ratio is not None:
            return self.ratio <= self.ratio_max
        return None if self.value_max is None else self.value <= self.value_max

    def as_json(self) -> dict[str, Any]:
        """Return everything that is known, `ratio` and `met` included."""
        return {name: value for name, value in asdict(self).items() if value not in {None, ""}} | {
            "ratio": self.ratio and round(self.ratio, 3),
            "met": self.met,
        }


def quantile(samples: Sequence[float], share: float) -> float:
    """Return the smallest sample that at least `share` of all samples do not exceed; `samples` is not empty."""
    return sorted(samples)[max(math.ceil(share * len(samples)) - 1, 0)]


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as text, one a line."""
    rows: list[tuple[str, ...]] = [("figure", "value", "floor", "ratio", "goal", "", "floor is")]
    rows += [_row(figure) for figure in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return "\n".join("  ".join([*(c.ljust(w) for c, w in zip(row, widths, strict=False)), row[6]]) for row in rows)


def _row(figure: Figure) -> tuple[str, ...]:
    if figure.ratio_max is not None:
        goal = f"<= {figure.ratio_max:g}x"
    else:
        goal = "" if figure.value_max is None else f"<= {figure.value_max:g} {figure.unit}"
    return (
        figure.name,
        f"{_short(figure.value)} {figure.unit}",
        "" if figure.floor is None else f"{_short(figure.floor)} {figure.unit}",
        "" if figure.ratio is None else f"{figure.ratio:.2f}x",
        goal,
        {None: "", True: "met", False: "MISSED"}[figure.met],
        figure.floor_name,
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
