"""The day as a person reads it, and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from textwrap import wrap
from typing import Any, Final

from services.whatif.inputs import Yesterday
from services.whatif.summary import QueueFigures, as_json
from services.whatif.tally import Found, Tally

_WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class Report:
    """All that is told of a file and its day; `zone` is for the eye, JSON stays in UTC."""

    source: str
    yesterday: Yesterday
    figures: Sequence[QueueFigures]
    target_s: float
    tally: Tally
    zone: tzinfo = UTC

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON values; times are ISO 8601 in UTC."""
        start, end = self.yesterday.window
        return {
            "file": self.source,
            "from": start.isoformat(),
            "to": end.isoformat(),
            "service_level_target_s": self.target_s,
            "as_it_was": as_json(self.figures),
            "assumptions": list(self.yesterday.assumptions),
            "lines": self.tally.read,
            "bad_lines": _found_json(self.tally.bad),
            "passed_over": _found_json(self.tally.passed),
        }

    def as_text(self) -> str:
        """Return everything as text: the table, the assumptions, the lines that could not be used."""
        start, end = (edge.astimezone(self.zone) for edge in self.yesterday.window)
        lines = [f"{self.source}: the day as it was, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} ({self.zone})", ""]
        lines += table(_HEADINGS, [_row(row) for row in self.figures])
        lines += ["", *_LEGEND, f"SL: answered within {self.target_s:g} s, of all offered."]
        lines += ["", "Assumed, for this table and for the same day under other policies:"]
        for sentence in self.yesterday.assumptions:
            lines += wrap(sentence, _WIDTH, initial_indent="* ", subsequent_indent="  ")
        lines += [
            "",
            f"Of {self.tally.read:,} lines, {self.tally.bad_lines:,} could not be understood" + _stop(self.tally.bad),
        ]
        lines += _found_text(self.tally.bad)
        if self.tally.passed:
            lines += ["Passed over, in order but none of ours:", *_found_text(self.tally.passed)]
        return "\n".join(lines)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: the first column to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        first, *figures = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([first.strip().ljust(widths[0]), *figures])


_LEGEND: Final = (
    "Other: timed out, left by a key, turned away or unfinished. RNA: an offer that the agent did not pick up.",
    "AHT: talk and wrap-up. Occupancy: busy share of attendance of those who answered in the queue.",
)
_HEADINGS: Final = (
    "queue", "offered", "answered", "abandoned", "other", "ASA", "p95", "SL", "abandon", "AHT", "transfer", "RNA/call",
    "agents", "occupancy",
)  # fmt: skip


def _row(row: QueueFigures) -> Sequence[str]:
    return (
        row.queue,
        f"{row.offered:,}",
        f"{row.answered:,}",
        f"{row.abandoned:,}",
        f"{row.otherwise:,}",
        _seconds(row.asa_s),
        _seconds(row.wait_p95_s),
        _share(row.service_level),
        _share(row.abandonment),
        _seconds(row.aht_s),
        _share(row.transfers),
        "" if row.ring_no_answers is None else f"{row.ring_no_answers:.2f}",
        f"{row.agents:,}",
        _share(row.occupancy),
    )


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f} s"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _stop(found: Mapping[str, Found]) -> str:
    return ":" if found else "."


def _found_text(found: Mapping[str, Found]) -> Iterator[str]:
    for reason, one in sorted(found.items(), key=lambda item: -item[1].count):
        more = ", ..." if one.count > len(one.lines) else ""
        yield f"  {one.count:>9,}  {reason} (line {', '.join(map(str, one.lines))}{more})"


def _found_json(found: Mapping[str, Found]) -> list[dict[str, Any]]:
    return [{"reason": reason, "count": one.count, "first_lines": one.lines} for reason, one in found.items()]
