"""The calendar in the documentation is one, and says what the text beside it says."""

import re
from datetime import UTC, datetime
from pathlib import Path

import yaml

from router import calendar
from schemas.hours import Hours
from schemas.tenant_config import Queue

PAGE = Path(__file__).parents[3] / "docs" / "hours.md"


def test_the_example_is_a_calendar_and_a_queue():
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    document = yaml.safe_load(block)
    hours = Hours.model_validate(document["calendars"]["billing_office"])
    assert calendar.next_change(hours, datetime(2026, 12, 18, 23, 30, tzinfo=UTC)) == datetime(
        2026, 12, 19, 11, 0, tzinfo=UTC
    )
    (queue,) = document["queues"]
    assert Queue.model_validate(queue).hours == "billing_office"
