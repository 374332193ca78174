"""What the dialog is told of the facility's doors: the router's calendar, in the words of the dialog.

The cores do not know one another; here the one's answer becomes the other's input.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ivr.steps import OPENING_DAYS, Opening
from router import calendar
from schemas.hours import Hours


def opening_of(hours: Hours, now: datetime) -> Opening:
    """Return whether it is open at `now`, and the local date and time at which that changes."""
    state = calendar.opening(hours, now, horizon=timedelta(days=OPENING_DAYS))
    if state.until is None:
        return Opening(state.is_open, None)
    local = state.until.astimezone(ZoneInfo(hours.zone))
    return Opening(state.is_open, (local.date(), local.time()))
