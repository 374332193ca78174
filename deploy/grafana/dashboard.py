#!/usr/bin/env python3
"""The one dashboard, as code: `deploy/grafana/dashboard.py` writes frontdoor.json beside this file.

Read it from top to bottom: what callers meet now, how the day goes, how quick the machine is, what is stuck. Every
panel says in its description what is normal. The classic JSON model, which every Grafana since 9 imports.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

TARGET: Final = Path(__file__).with_name("frontdoor.json")
WIDTH: Final = 24  # of the grid
SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
# Outcomes of webhooks that are answered with an HTTP status other than 2xx.
REFUSED: Final = (
    "bad_token", "cut_off", "forged", "malformed", "no_secret", "too_large", "too_slow", "unavailable",
    "unknown_account", "wrong_type",
)  # fmt: skip
SAFE: Final = ("busy", "safe")  # a 2xx, and the caller heard the safe instruction
UNSERVED_WEBHOOKS: Final = f'frontdoor_webhooks_total{{outcome=~"{"|".join((*REFUSED, *SAFE))}"}}'
MALFORMED: Final = 'frontdoor_records_unfolded_total{reason="malformed"}'

GREEN, AMBER, RED = "green", "orange", "red"
Steps = tuple[tuple[float | None, str], ...]
PLAIN: Final[Steps] = ((None, GREEN),)


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and how its series are called."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `steps` colour its value from each threshold on; the first has none."""

    title: str
    description: str
    queries: tuple[Query, ...]
    width: int
    kind: str = "timeseries"
    unit: str = "short"
    steps: Steps = PLAIN
    stacked: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def from_(*steps: tuple[float, str], base: str = GREEN) -> Steps:
    """Return thresholds over a base colour."""
    return ((None, base), *steps)


def total(expr: str) -> str:
    """Return the sum of an expression, 0 when there is no series: nobody waits, nothing was counted."""
    return f"sum({expr}) or vector(0)"


def per_minute(metric: str) -> str:
    """Return how often a business counter goes up each minute. Whoever exports it, exports the same absolute value."""
    return f"60 * sum(max without (instance, pod, job) (rate({metric}[5m]))) or vector(0)"


def within_hour(metric: str) -> str:
    """Return by how much a business counter went up within the last hour."""
    return f"sum(max without (instance, pod, job) (increase({metric}[1h])))"


def p99(metric: str, by: str = "") -> str:
    """Return the 99th percentile of a histogram of seconds, over all processes."""
    labels = ", ".join(["le", by] if by else ["le"])
    return f"histogram_quantile(0.99, sum by ({labels}) (rate({metric}_bucket[1m])))"


def mean(metric: str) -> str:
    """Return the mean of a histogram of seconds, over all processes."""
    return f"sum(rate({metric}_sum[1m])) / sum(rate({metric}_count[1m]))"


WAITING: Final = 'frontdoor_items{state=~"queued|reserved|connecting"}'
IDLE: Final = 'frontdoor_agents{status="available", state="idle"}'
SERVICE_LEVEL: Final = (
    f"{within_hour('frontdoor_answered_in_time_total')} / "
    f"({within_hour('frontdoor_answered_total')} + ({within_hour('frontdoor_abandoned_late_total')} or vector(0)))"
)

NOW: Final = (
    Panel(
        "Emergent, longest wait",
        "Since the caller became emergent. Above 10 s somebody is called: FrontdoorEmergentWaiting.",
        (Query('max(frontdoor_longest_wait_seconds{urgency="emergent"}) or vector(0)'),),
        3, "stat", "s", from_((5, AMBER), (10, RED)),
    ),
    Panel(
        "Waiting",
        "Callers who do not speak to a person yet: queued, offered, or being connected.",
        (Query(total(WAITING)),),
        3, "stat",
    ),
    Panel(
        "Longest wait",
        "Of all who wait, at whatever urgency.",
        (Query("max(frontdoor_longest_wait_seconds) or vector(0)"),),
        3, "stat", "s", from_((120, AMBER), (600, RED)),
    ),
    Panel("In dialog", "Callers who talk to the dialog.", (Query(total("frontdoor_contacts_in_dialog")),), 3, "stat"),
    Panel(
        "With an agent",
        "Callers who speak to a person.",
        (Query(total('frontdoor_items{state="connected"}')),),
        3, "stat",
    ),
    Panel("Agents idle", "Available, reachable and without work.", (Query(total(IDLE)),), 3, "stat"),
    Panel(
        "Beside idle agents",
        "Callers who wait although an idle agent may take them. Always 0: FrontdoorCallersWaitBesideIdleAgents.",
        (Query(total("max by (tenant, queue) (frontdoor_items_unmatched)")),),
        3, "stat", "short", from_((1, RED)),
    ),
    Panel(
        "Service level, 1 h",
        "Answered within their queue's target, of all answered and all who left after it.",
        (Query(SERVICE_LEVEL),),
        3, "stat", "percentunit", from_((0.7, AMBER), (0.8, GREEN), base=RED),
    ),
)  # fmt: skip

DAY: Final = (
    Panel(
        "Waiting by urgency",
        "How many wait for a person.",
        (Query(f"sum by (urgency) ({WAITING})", "{{urgency}}"),),
        6, stacked=True,
    ),
    Panel(
        "Longest wait by urgency",
        "Since queued, or since the urgency was raised.",
        (Query("max by (urgency) (frontdoor_longest_wait_seconds)", "{{urgency}}"),),
        6, unit="s",
    ),
    Panel(
        "What became of callers, per minute",
        "From the records, so that no restart counts twice. Abandoned: left while waiting, offered or connecting.",
        (
            Query(per_minute("frontdoor_answered_total"), "answered"),
            Query(per_minute('frontdoor_abandoned_total{state!="in_dialog"}'), "abandoned"),
            Query(per_minute("frontdoor_self_served_total"), "self-served"),
            Query(per_minute("frontdoor_contacts_arrived_total"), "arrived"),
        ),
        6,
    ),
    Panel(
        "Agents by state",
        "Signed in; idle is split by what they declared.",
        (
            Query('sum by (state) (frontdoor_agents{state!="idle", status!="offline"})', "{{state}}"),
            Query('sum by (status) (frontdoor_agents{state="idle", status!="offline"})', "idle, {{status}}"),
        ),
        6, stacked=True,
    ),
)  # fmt: skip

MACHINE: Final = (
    Panel(
        "Webhooks, p99",
        "From a carrier's request to our answer. 300 ms is the goal; at 2 s the caller hears a safe instruction.",
        (Query(p99("frontdoor_webhook_seconds", "kind"), "{{kind}}"),),
        6, unit="s", steps=from_((0.3, AMBER), (2, RED)),
    ),
    Panel(
        "Webhooks without a good answer, per second",
        "Other than 2xx, or `safe`. Ours are `busy`, `safe` and `unavailable`; the others are somebody at the door.",
        (Query(f"sum by (outcome) (rate({UNSERVED_WEBHOOKS}[1m]))", "{{outcome}}"),),
        6, unit="reqps",
    ),
    Panel(
        "Deciding, p99",
        "From folding a batch of facts until its steps are durable.",
        (
            Query(p99("frontdoor_step_seconds"), "step"),
            Query(mean("frontdoor_step_seconds"), "step, mean"),
        ),
        6, unit="s",
    ),
    Panel(
        "Publishing facts, p99",
        "From handing facts to the bus until they are durable: the bus' own health.",
        (Query(p99("frontdoor_publish_seconds"), "publish"),),
        6, unit="s",
    ),
)  # fmt: skip

STUCK: Final = (
    Panel(
        "Behind the log",
        "Age of the oldest unread record, by process. Normal is 0; over 10 s: FrontdoorLogLag.",
        (Query("max by (process) (frontdoor_log_behind_seconds)", "{{process}}"),),
        6, unit="s", steps=from_((10, RED)),
    ),
    Panel(
        "Spool",
        "Facts on webhooks' own disks, which wait for the bus. Normal is 0; not shrinking: FrontdoorSpoolGrowing.",
        (
            Query(total("frontdoor_spooled_facts"), "facts"),
            Query("max(frontdoor_spool_age_seconds) or vector(0)", "age of the oldest, s"),
        ),
        6,
    ),
    Panel(
        "Put aside, 10 min",
        "Records that could not be read or folded: FrontdoorDeadLetters.",
        (
            Query("sum by (topic) (increase(frontdoor_dead_letters_total[10m]))", "{{topic}}, routing"),
            Query(f"sum by (topic) (increase({MALFORMED}[10m]))", "{{topic}}, records"),
            Query('sum(increase(frontdoor_spool_facts_total{outcome="put_aside"}[10m]))', "webhooks' spool"),
        ),
        4,
    ),
    Panel(
        "Routers that own each partition",
        "Exactly 1. 0 for a few seconds is a takeover; for 10 s: FrontdoorPartitionWithoutOwner.",
        (Query("sum by (partition) (frontdoor_partition_owned)", "{{partition}}"),),
        8, "state-timeline", steps=from_((1, GREEN), (2, AMBER), base=RED), options={"showValue": "never"},
    ),
)  # fmt: skip

ROWS: Final[tuple[tuple[int, Sequence[Panel]], ...]] = ((4, NOW), (7, DAY), (7, MACHINE), (6, STUCK))  # with heights


def dashboard() -> dict[str, Any]:
    """Return the dashboard in Grafana's classic model."""
    return {
        "uid": "frontdoor",
        "title": "Frontdoor",
        "description": "Generated by deploy/grafana/dashboard.py. What to do at each alert: docs/operations.md.",
        "tags": ["frontdoor"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "5s",
        "templating": {"list": [_source_variable()]},
        "annotations": {"list": [_alerts()]},
        "panels": list(_laid_out()),
    }


def _source_variable() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": RED,
        "expr": 'ALERTS{alertname=~"Frontdoor.*", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
    }


def _laid_out() -> Iterator[dict[str, Any]]:
    """Yield the panels, row by row from the left, with ids in order."""
    number, y = 1, 0
    for height, panels in ROWS:
        x = 0
        for panel in panels:
            yield _panel(panel, number, {"x": x, "y": y, "w": panel.width, "h": height})
            number, x = number + 1, x + panel.width
        assert x == WIDTH, "a row is full"
        y += height


def _panel(panel: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    steps = [{"value": value, "color": color} for value, color in panel.steps]
    color = "palette-classic" if panel.kind == "timeseries" else "thresholds"
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0,
        "color": {"mode": color},
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": _drawn(panel),
    }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "gridPos": place,
        "datasource": SOURCE,
        "targets": [_target(query, index, panel) for index, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel),
    }


def _target(query: Query, index: int, panel: Panel) -> dict[str, Any]:
    return {
        "refId": chr(ord("A") + index),
        "datasource": SOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "instant": panel.kind == "stat",
        "range": panel.kind != "stat",
    }


def _drawn(panel: Panel) -> dict[str, Any]:
    if panel.kind != "timeseries":
        return {}
    drawn: dict[str, Any] = {"lineWidth": 1, "fillOpacity": 30 if panel.stacked else 0, "showPoints": "never"}
    if panel.stacked:
        drawn["stacking"] = {"mode": "normal", "group": "A"}
    if len(panel.steps) > 1:
        drawn["thresholdsStyle"] = {"mode": "line"}
    return drawn


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        return {"reduceOptions": reduced, "colorMode": "background", "graphMode": "none", "textMode": "value"}
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}} | panel.options


def text() -> str:
    """Return what the file holds."""
    return json.dumps(dashboard(), indent=2) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text())
