"""A contact's explanation as text: what was decided when, among whom and why."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

_INDENT: Final = " " * 15
# What every line repeats, or what is told in a form of its own.
_LEFT_OUT: Final = frozenset(
    {"type", "schema_version", "contact_id", "tenant", "carrier", "account", "call", "sealed", "why", "candidates"}
)
_HEADINGS: Final = ("agent", "eligible", "score", "idle since", "excluded by")


def render(explanation: Mapping[str, Any]) -> str:
    """Return the timeline of `GET /v1/contacts/{id}/explanation`; times are UTC."""
    events: Sequence[Mapping[str, Any]] = explanation.get("events", [])
    head = f"Contact {explanation['contact_id']}: {str(explanation.get('state', 'unknown')).replace('_', ' ')}"
    if events:
        head += f", since {str(events[0]['at'])[:10]} (times are UTC)"
    lines = [head, ""]
    for event in events:
        lines.extend(_event(event))
    return "\n".join(lines)


def _event(event: Mapping[str, Any]) -> Iterator[str]:
    data: Mapping[str, Any] = event.get("data") or {}
    mark = "=>" if event["kind"] == "decision" else "  "
    yield f"{_time(event['at'])} {mark} {event['type']}"
    told = [f"{name} {_value(value)}" for name, value in data.items() if name not in _LEFT_OUT and _tells(value)]
    for start in range(0, len(told), 4):
        yield _INDENT + ", ".join(told[start : start + 4])
    if data.get("why"):
        yield f"{_INDENT}why: {data['why']}"
    candidates = data.get("candidates") or ()
    if candidates:
        yield f"{_INDENT}among {data.get('considered') or len(candidates)}:"
        yield from _table([_HEADINGS, *map(_row, candidates)])


def _row(candidate: Mapping[str, Any]) -> tuple[str, ...]:
    score = candidate.get("score")
    return (
        str(candidate["agent_id"]),
        "yes" if candidate.get("eligible") else "no",
        "" if score is None else f"{score:.3f}",
        _time(candidate["idle_since"]) if candidate.get("idle_since") else "",
        str(candidate.get("excluded_by") or ""),
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield (_INDENT + "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))).rstrip()


def _tells(value: object) -> bool:
    return value not in (None, [], {})


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("skill") or " ".join(f"{name}={_value(part)}" for name, part in value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _time(value) if _is_time(value) else str(value)


def _is_time(value: object) -> bool:
    return isinstance(value, str) and len(value) >= len("2030-01-07T09:02:00Z") and value[4:5] == "-" and "T" in value


def _time(value: str) -> str:
    try:
        return f"{datetime.fromisoformat(value):%H:%M:%S.%f}"[:-3]
    except ValueError:
        return value
