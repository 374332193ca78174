"""How what an owner has to say goes onto `decisions`."""

from datetime import datetime

from schemas.decisions import Claim, DecisionRecord, Step
from schemas.ids import CellId, EventId, derived_id
from services.runtime.bus import Message
from services.runtime.codec import DecisionEnvelope, encode


def message(record: DecisionRecord, *, partition: int, process: str, now: datetime) -> Message:
    """Return the record in its envelope; `process` is the name of the one that says it."""
    cell, time = CellId("*"), now
    what = record.owner if isinstance(record, Claim) else f"{record.epoch}/{record.seq}"
    if isinstance(record, Step):
        cell, time = record.cell, record.decided_at
    envelope = DecisionEnvelope.around(
        record,
        id=EventId(derived_id("decisions", str(partition), what)),
        source=f"/routing/{process}",
        subject=cell,
        time=time,
        cell=cell,
    )
    return Message(encode(envelope), key=cell)
