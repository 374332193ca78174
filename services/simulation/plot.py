"""A comparison as a picture: one panel a figure, one bar a policy, with its confidence interval. SVG, by hand.

A few rectangles and lines need no library; the file opens in any browser.
"""

from collections.abc import Iterator, Sequence
from math import isnan
from typing import Final
from xml.sax.saxutils import escape

from services.simulation.comparison import Comparison
from services.simulation.measures import MEASURES
from services.simulation.statistics import Estimate

PANELS: Final = (
    "emergent_late", "emergent_p95_s", "emergent_abandoned", "urgent_p95_s", "routine_p95_s", "wait_p99_s",
    "abandoned", "triage_abandoned", "transfers", "aht_s", "fcr", "desk_spread",
)  # fmt: skip
_COLUMNS: Final = 3
_WIDTH, _BAR, _GAP, _NAMES, _HEAD, _MARGIN = 400, 16, 6, 140, 26, 16
_NUMBER: Final = 46
_COLOURS: Final = ("#8c8c8c", "#4e79a7", "#f28e2b", "#76b7b2", "#edc948", "#b07aa1", "#59a14f", "#e15759")


def draw(comparison: Comparison, panels: Sequence[str] = PANELS, title: str | None = None) -> str:
    """Return the picture of the figures of these names as an SVG document."""
    height = _HEAD + len(comparison.policies) * (_BAR + _GAP) + _MARGIN
    rows = -(-len(panels) // _COLUMNS)
    width, total = _COLUMNS * _WIDTH + _MARGIN, 40 + rows * height
    title = title or f"Load {comparison.load:g}, {len(comparison.seeds)} days; lines are 95 % intervals"
    body = [f'<text x="{_MARGIN}" y="24" font-size="15" font-weight="bold">{escape(title)}</text>']
    for index, name in enumerate(panels):
        x, y = _MARGIN + index % _COLUMNS * _WIDTH, 40 + index // _COLUMNS * height
        body += [f'<g transform="translate({x},{y})">', *_panel(comparison, name), "</g>"]
    style = 'font-family="sans-serif" font-size="11" fill="#222"'
    size = f'width="{width}" height="{total}" viewBox="0 0 {width} {total}"'
    white = f'<rect width="{width}" height="{total}" fill="#fff"/>'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>', white, *body, "</svg>", ""])


def _panel(comparison: Comparison, name: str) -> Iterator[str]:
    yield f'<text y="14" font-weight="bold">{escape(MEASURES[name])}</text>'
    estimates = [(policy, comparison.mean(policy, name)) for policy in comparison.policies]
    largest = max((_end(of) for _, of in estimates if not isnan(of.mean)), default=0.0)
    scale = (_WIDTH - _NAMES - _NUMBER - _MARGIN) / largest if largest > 0 else 0.0
    for index, (policy, of) in enumerate(estimates):
        yield from _bar(
            policy, of, y=_HEAD + index * (_BAR + _GAP), scale=scale, colour=_COLOURS[index % len(_COLOURS)]
        )


def _bar(policy: str, of: Estimate, *, y: int, scale: float, colour: str) -> Iterator[str]:
    middle = y + _BAR / 2
    yield f'<text x="{_NAMES - 6}" y="{middle + 4:.1f}" text-anchor="end">{escape(policy)}</text>'
    if isnan(of.mean):
        return
    yield f'<rect x="{_NAMES}" y="{y}" width="{of.mean * scale:.1f}" height="{_BAR}" fill="{colour}"/>'
    if not isnan(of.half):
        ends = [_NAMES + max(end, 0.0) * scale for end in (of.low, of.high)]
        yield f'<path d="M{ends[0]:.1f} {middle}H{ends[1]:.1f}" stroke="#222" stroke-width="1.5"/>'
    yield f'<text x="{_NAMES + _end(of) * scale + 4:.1f}" y="{middle + 4:.1f}">{of.mean:.1f}</text>'


def _end(of: Estimate) -> float:
    return of.mean if isnan(of.half) else of.high
