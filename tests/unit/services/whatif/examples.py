"""Calls and logs that several tests share. Synthetic numbers only."""

from datetime import UTC, datetime, timedelta

from services.whatif.callers import CallerKeys
from services.whatif.records import AgentChange, Call, Change, Left
from services.whatif.sources import Imported
from services.whatif.tally import Tally

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
T0 = int(NINE.timestamp())
KEYS = CallerKeys(b"a key of the tests")

# One morning: answered, hung up, answered anew by redial, transferred to billing and answered there, timed out.
QUEUE_LOG = f"""\
{T0 - 600}|NONE|NONE|NONE|QUEUESTART|
{T0 - 300}|NONE|triage|Ann|ADDMEMBER|
{T0 - 300}|NONE|billing|Bob|ADDMEMBER|
{T0}|{T0}.1|triage|NONE|ENTERQUEUE||15005550101|1
{T0 + 5}|{T0}.1|triage|Ann|CONNECT|5|{T0}.2|4
{T0 + 10}|{T0}.3|triage|NONE|ENTERQUEUE||15005550102|1
{T0 + 20}|{T0}.3|triage|Bob|RINGNOANSWER|9000
{T0 + 40}|{T0}.3|triage|NONE|ABANDON|1|1|30
{T0 + 125}|{T0}.1|triage|Ann|COMPLETECALLER|5|120|1
{T0 + 130}|{T0}.4|triage|NONE|ENTERQUEUE||+1 500 555 0102|1
{T0 + 132}|{T0}.4|triage|Ann|CONNECT|2|{T0}.5|1
{T0 + 192}|{T0}.4|triage|Ann|BLINDTRANSFER|600|from-internal|2|60|1
{T0 + 193}|{T0}.4|billing|NONE|ENTERQUEUE||15005550102|1
{T0 + 203}|{T0}.4|billing|Bob|CONNECT|10|{T0}.6|3
{T0 + 300}|{T0}.7|billing|NONE|ENTERQUEUE||anonymous|1
{T0 + 303}|{T0}.4|billing|Bob|COMPLETEAGENT|10|100|1
{T0 + 360}|{T0}.7|billing|NONE|EXITWITHTIMEOUT|1|1|60
{T0 + 900}|NONE|triage|Ann|REMOVEMEMBER|
"""


def call(after_s: float = 0, **changes: object) -> Call:
    told = {
        "arrived_at": NINE + timedelta(seconds=after_s),
        "queue": "triage",
        "caller": None,
        "waited_s": 10.0,
        "answered_by": "Ann",
        "talked_s": 60.0,
        "left": Left.ANSWERED,
        "position": None,
        "ring_no_answers": 0,
    }
    return Call(**(told | changes))


def hang_up(after_s: float = 0, **changes: object) -> Call:
    return call(after_s, **({"answered_by": None, "talked_s": None, "left": Left.ABANDONED} | changes))


def change(after_s: float, what: Change, queue: str | None = "triage", agent: str = "Ann") -> AgentChange:
    return AgentChange(NINE + timedelta(seconds=after_s), agent, what, queue)


def imported(*calls: Call, changes: tuple[AgentChange, ...] = (), tally: Tally | None = None) -> Imported:
    return Imported(tuple(sorted(calls, key=lambda one: one.arrived_at)), changes, tally or Tally())
