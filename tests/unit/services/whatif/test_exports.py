from contextlib import suppress
from datetime import UTC, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import ConfigurationError
from services.whatif.exports import read_export
from services.whatif.records import Call
from services.whatif.tally import Tally
from tests.unit.services.whatif.examples import KEYS, NINE

EVENTS = "EventType,Timestamp,TaskSid\n", f"task.created,{NINE.isoformat()},WT1\n"
TABLE = "arrived_at,wait_s\n", f"{NINE.isoformat()},4\n"


def read(*lines: str) -> list[Call]:
    records = read_export(lines, zone=UTC, keys=KEYS, tally=Tally())
    return [record for record in records if isinstance(record, Call)]


def test_the_first_line_says_which_export_it_is() -> None:
    assert [call.arrived_at for call in read(*EVENTS)] == [NINE]
    assert [call.waited_s for call in read(*TABLE)] == [4]


headings = st.sampled_from([
    "arrived_at", "answered_at", "ended_at", "EnqueueTimestamp", "wait_s", "talk_s", "acw", "queue", "caller", "agent",
    "status", "channel", "ContactId", "EventType", "TimestampMs", "TaskSid", "event_data", "AgentConnectionAttempts",
])  # fmt: skip
cells = st.text(max_size=8) | st.sampled_from([
    "2026-03-02T09:00:00Z", "2026-03-02 09:01:00", "1772442000", "1772442060000", "30", "-1", "1:30", "Ann", "VOICE",
    "answered", "[]", "9" * 30,
    "task.created", "reservation.accepted", "task.canceled", '"', '""', "WT1", '{"task_sid": "WT1"}',
])  # fmt: skip
tables = st.lists(st.lists(headings, min_size=1, max_size=9).map(",".join), min_size=1, max_size=1).flatmap(
    lambda head: st.lists(st.lists(cells, max_size=9).map(",".join), max_size=12).map(lambda rows: head + rows)
)


@given(tables | st.lists(st.text(), max_size=12))
def test_any_text_gives_sound_calls_or_one_clear_error(lines: list[str]) -> None:
    with suppress(ConfigurationError):
        for call in read(*(f"{line}\n" for line in lines)):
            assert 0 <= call.waited_s <= 86400
            assert call.talked_s is None or 0 <= call.talked_s <= 86400
            assert call.wrap_up_s is None or 0 <= call.wrap_up_s <= 86400
            assert call.arrived_at.utcoffset() == timedelta(0)
