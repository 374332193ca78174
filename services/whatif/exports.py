"""A CSV as other routers export it: TaskRouter's events, or one row a contact (Connect's records, the generic table).

Which of them it is, what separates the columns (comma, semicolon, tab, bar) and which column says what is taken from
the first line. See `services.whatif.task_events` and `services.whatif.contact_rows` for the exports and their columns.
"""

from collections.abc import Iterable, Iterator
from datetime import tzinfo

from services.whatif.callers import CallerKeys
from services.whatif.columns import Header
from services.whatif.contact_rows import read_contact_rows
from services.whatif.records import Record
from services.whatif.tally import Tally
from services.whatif.task_events import is_task_events, read_task_events


def read_export(lines: Iterable[str], *, zone: tzinfo | None, keys: CallerKeys, tally: Tally) -> Iterator[Record]:
    """Yield the calls, and the changes of agents if the export has them. `zone` is of times without an offset.

    Raises:
        ConfigurationError: the first line names no columns that will do, or times have no offset and `zone` is None.
    """
    stream = iter(lines)
    first = next(stream, "")
    if not first:
        return
    header = Header.of(first)
    read = read_task_events if is_task_events(header) else read_contact_rows
    yield from read(stream, header, zone=zone, keys=keys, tally=tally)
