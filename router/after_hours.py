"""Where a caller goes whose queue is closed: to whoever is there, with a record of what the tenant's document offers.

A queue is judged by the instant at which its caller asked for a person (or got worse), which is on the log; so whoever
asked before it closed keeps their place, and a replay finds the same. The way, each queue once, the first that is open:

1. the queue itself;
2. its after-hours queue, and that one's, and so on;
3. the default queue, and its after-hours queue, and so on;
4. the emergency queue, at any hour: nobody is ever sent nowhere.

Emergent callers never come here: theirs is the emergency queue, whatever its hours say.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from router import calendar
from schemas.after_hours import AfterHoursTaken, AfterHoursWay
from schemas.ids import ContactId, ItemId, QueueName, TenantId
from schemas.tenant_config import Queue, TenantConfig


class Closed(NamedTuple):
    """A queue that a caller asked for in vain."""

    queue: QueueName
    then: AfterHoursWay | None  # what its document offers; None: it says nothing
    until: datetime | None  # when it opens; None: not within `calendar.HORIZON`


class Way(NamedTuple):
    """Where a caller goes, and what was closed if that is not where they asked to go."""

    queue: QueueName
    closed: Closed | None = None

    @property
    def why(self) -> str:
        """What is added to the reason for the queue; empty if it was open."""
        if self.closed is None:
            return ""
        return f"; {self.closed.queue} is closed (after hours: {self.closed.then or 'nothing said'}), so {self.queue}"


def way(config: TenantConfig, name: QueueName, at: datetime) -> Way:
    """Return where a caller goes who asked for the queue `name` at the instant `at`."""
    asked = next(queue for queue in config.queues if queue.name == name)
    if is_open(config, asked, at):
        return Way(name)
    queues = {queue.name: queue for queue in config.queues}
    closed = Closed(name, asked.after_hours.then if asked.after_hours else None, _reopens(config, asked, at))
    others = (other for other in _tried(config, queues, name) if is_open(config, queues[other], at))
    return Way(next(others, config.emergency.queue), closed)


def record(way: Way, *, item_id: ItemId, contact_id: ContactId, tenant: TenantId) -> Iterator[AfterHoursTaken]:
    """Yield what the log is told of a queue that was closed; nothing if it was open."""
    if way.closed is not None:
        yield AfterHoursTaken(
            item_id=item_id,
            contact_id=contact_id,
            tenant=tenant,
            queue=way.closed.queue,
            then=way.closed.then,
            waits_in=way.queue,
            closed_until=way.closed.until,
        )


def is_open(config: TenantConfig, queue: Queue, at: datetime) -> bool:
    """Tell whether a queue takes callers at an instant; one without hours always does."""
    return queue.hours is None or calendar.is_open(config.calendars[queue.hours], at)


def _reopens(config: TenantConfig, queue: Queue, at: datetime) -> datetime | None:
    return calendar.next_open(config.calendars[queue.hours], at) if queue.hours is not None else None


def _tried(config: TenantConfig, queues: dict[QueueName, Queue], name: QueueName) -> Iterator[QueueName]:
    seen: set[QueueName] = set()
    for start in (name, config.default_queue):
        step: QueueName | None = start
        while step is not None and step not in seen:
            seen.add(step)
            yield step
            after = queues[step].after_hours
            step = after.queue if after is not None else None
