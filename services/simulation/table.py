"""A comparison as aligned text."""

from collections.abc import Iterable, Sequence
from math import isnan

from services.simulation.comparison import Comparison
from services.simulation.measures import MEASURES
from services.simulation.statistics import Estimate


def render(comparison: Comparison) -> str:
    """Return the table: means, then paired differences from the first policy, each with its 95 % interval.

    A difference whose interval does not hold zero has a star.
    """
    parts = [_head(comparison), means(comparison)]
    if len(comparison.policies) > 1:
        parts.append(f"Difference from {comparison.baseline}, paired by seed; * the interval does not hold 0")
        parts.append(differences(comparison))
    return "\n\n".join(parts)


def means(comparison: Comparison, names: Iterable[str] = MEASURES) -> str:
    """Return the means of the figures of these names, a column each policy."""
    return _table(comparison, comparison.policies, names, of="mean")


def differences(comparison: Comparison, names: Iterable[str] = MEASURES) -> str:
    """Return by how much each policy but the first differs from it in the figures of these names."""
    return _table(comparison, comparison.policies[1:], names, of="difference")


def _head(comparison: Comparison) -> str:
    seeds = comparison.seeds
    days = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {seeds[0]} to {seeds[-1]}"
    return f"Load {comparison.load:g}, {days}, same callers under every policy; mean and half of the 95 % interval"


def _table(comparison: Comparison, policies: Sequence[str], names: Iterable[str], *, of: str) -> str:
    rows = [["", *policies]]
    for name in names:
        cells = [
            _mean(comparison.mean(policy, name)) if of == "mean" else _difference(comparison.difference(policy, name))
            for policy in policies
        ]
        rows.append([MEASURES[name], *cells])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def _mean(of: Estimate) -> str:
    if isnan(of.mean):
        return "-"
    return f"{of.mean:.1f}" if isnan(of.half) else f"{of.mean:.1f} ±{of.half:.1f}"


def _difference(of: Estimate) -> str:
    if isnan(of.mean):
        return "-"
    if isnan(of.half):
        return f"{of.mean:+.1f}"
    star = " " if of.holds(0.0) else "*"
    return f"{of.mean:+.1f} ±{of.half:.1f}{star}"
