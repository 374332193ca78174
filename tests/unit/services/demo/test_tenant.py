"""The demo's tenant shows what calendars can do."""

from datetime import UTC, datetime

import pytest

from router import after_hours
from services.demo.credentials import TENANT_FILE
from services.runtime.tenants import load_tenant

MADE = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "queue"),
    [
        ("2026-11-24T09:00-05:00", "billing"),
        ("2026-11-24T12:30-05:00", "front_desk"),  # lunch
        ("2026-11-24T13:00-05:00", "billing"),
        ("2026-11-26T09:00-05:00", "front_desk"),  # a holiday
        ("2026-11-27T09:00-05:00", "front_desk"),  # the day after it
        ("2026-12-24T13:30-05:00", "front_desk"),  # a short day
        ("2026-12-26T10:00-05:00", "billing"),  # a Saturday of its own
        ("2026-12-19T10:00-05:00", "front_desk"),
    ],
)
def test_billing_has_a_lunch_break_and_days_of_its_own(at, queue) -> None:
    config = load_tenant(TENANT_FILE, now=MADE)
    assert after_hours.way(config, "billing", datetime.fromisoformat(at)).queue == queue


def test_every_other_queue_is_always_open() -> None:
    config = load_tenant(TENANT_FILE, now=MADE)
    assert {queue.name for queue in config.queues if queue.hours} == {"billing"}
