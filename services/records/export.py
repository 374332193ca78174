"""The business counters on /metrics: absolute values from the database, so that no restart counts twice."""

import asyncio
import json
from collections.abc import Mapping
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.records.patience import Sleep, is_transient
from services.runtime import telemetry
from services.runtime.tables import counters
from services.runtime.telemetry import Metric, Metrics

INTERVAL_S: Final = 2.0

# The name in the table, the metric, and what one is worth in the metric's unit.
_EXPORTED: Final[Mapping[str, tuple[Metric, float]]] = {
    "arrived": (telemetry.CONTACTS_ARRIVED, 1),
    "ended": (telemetry.CONTACTS_ENDED, 1),
    "self_served": (telemetry.SELF_SERVED, 1),
    "diverted": (telemetry.CONTACTS_DIVERTED, 1),
    "reset": (telemetry.CONTACTS_RESET, 1),
    "offered": (telemetry.OFFERED, 1),
    "answered": (telemetry.ANSWERED, 1),
    "answered_in_time": (telemetry.ANSWERED_IN_TIME, 1),
    "answer_wait_ms": (telemetry.ANSWER_WAIT_SECONDS, 0.001),
    "abandoned": (telemetry.ABANDONED, 1),
    "abandoned_late": (telemetry.ABANDONED_LATE, 1),
    "requeued": (telemetry.REQUEUED, 1),
    "after_hours": (telemetry.AFTER_HOURS, 1),
    "completed": (telemetry.COMPLETED, 1),
    "facts_rejected": (telemetry.FACTS_REJECTED, 1),
}


async def export_counters(engine: AsyncEngine, metrics: Metrics) -> None:
    """Set every business metric to what the database holds. A name of a newer release is left out."""
    async with engine.connect() as connection:
        rows = (await connection.execute(select(counters))).all()
    for row in rows:
        if row.name in _EXPORTED:
            metric, worth = _EXPORTED[row.name]
            metrics.set(metric, row.value * worth, tenant=row.tenant, **json.loads(row.labels))


async def keep_exporting(engine: AsyncEngine, metrics: Metrics, *, sleep: Sleep = asyncio.sleep) -> None:
    """Export again and again until cancelled; while the database does not answer, the last values stand."""
    while True:
        try:
            await export_counters(engine, metrics)
        except Exception as error:
            if not is_transient(error):
                raise
        await sleep(INTERVAL_S)
