"""What a fact from `intake` changes in the read model: pure, and harmless when the fact comes twice or late.

The router's word outranks the dialog's: once a contact has a queue, its intent, urgency and language come from
decisions alone, whichever log is read first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel

from schemas.contacts import ContactArrived, DialogTurned, HandedOff, SelfServed
from schemas.intake import ConfigApplied, FactEnvelope
from schemas.routing import ContactState
from schemas.topics import INTAKE
from services.records.rows import ContactRow, Count, HistoryRow, View


@dataclass(frozen=True, slots=True)
class Told:
    """A fact and where it stands on `intake`."""

    partition: int
    offset: int
    envelope: FactEnvelope


def fold_fact(view: View, told: Told) -> None:
    """Fold one fact into `view`, which holds every row that the fact names."""
    data = told.envelope.data
    change = _CHANGES.get(type(data))
    if change is not None:
        change(view, told, data)
    subject = subject_of(data)
    if subject is not None:
        view.history.append(
            HistoryRow(
                topic=INTAKE.name,
                partition=told.partition,
                offset=told.offset,
                idx=0,
                after=told.offset,
                subject=subject,
                event_id=told.envelope.id,
                at=told.envelope.time,
                type=data.type,
                data=plain_json(data),
                sealed=sealed_json(data),
            )
        )


def subject_of(data: BaseModel) -> str | None:
    """Return the contact, reservation or item that an event is about; None keeps it out of history."""
    fields = vars(data)
    for name in ("contact_id", "reservation_id", "item_id"):
        value = fields.get(name)
        if value is not None:
            return str(value)
    return None


def plain_json(data: BaseModel) -> str:
    """Return an event's fields as JSON, without what is sealed and without what the row says already."""
    return data.model_dump_json(exclude={"sealed", "type", "schema_version"}, exclude_none=True)


def sealed_json(data: BaseModel) -> str | None:
    """Return the sealed part of an event, still sealed."""
    sealed = vars(data).get("sealed")
    return None if sealed is None else str(sealed.model_dump_json())


def _contact(view: View, told: Told, contact_id: str) -> ContactRow:
    row = view.contacts.get(contact_id) or ContactRow(id=contact_id)
    envelope = told.envelope
    return replace(row, tenant=row.tenant or envelope.tenant, cell=row.cell or envelope.cell)


def _arrived(view: View, told: Told, data: ContactArrived) -> None:
    row = _contact(view, told, data.contact_id)
    if row.arrived_at is not None:
        return
    view.put_contact(
        replace(
            row,
            channel=data.channel,
            carrier=data.carrier,
            number=data.number,
            language=row.language or data.language,
            arrived_at=told.envelope.time,
        )
    )
    view.counts[Count.of("arrived", tenant=row.tenant, at=told.envelope.time)] += 1


def _turned(view: View, told: Told, data: DialogTurned) -> None:
    row = _contact(view, told, data.contact_id)
    newest = data.turn >= row.turns
    if row.queue is None and newest:
        urgency = None if data.urgency is None else data.urgency.word
        row = replace(row, intent=data.intent or row.intent, urgency=urgency or row.urgency)
    view.put_contact(replace(row, turns=max(row.turns, data.turn + 1), state=row.at_least(ContactState.IN_DIALOG)))


def _handed_off(view: View, told: Told, data: HandedOff) -> None:
    row = _contact(view, told, data.contact_id)
    if row.queue is None:
        row = replace(row, intent=data.intent, urgency=data.urgency.word, language=data.language)
    view.put_contact(replace(row, state=row.at_least(ContactState.HANDED_OFF)))


def _self_served(view: View, told: Told, data: SelfServed) -> None:
    row = _contact(view, told, data.contact_id)
    view.put_contact(replace(row, state=row.at_least(ContactState.SELF_SERVED)))


def _configured(view: View, _told: Told, data: ConfigApplied) -> None:
    # Older versions than the adopted one are never asked for again, so a late copy is left out.
    if data.version < view.adopted.get(data.tenant, 0):
        return
    for queue in data.document.queues:
        key = (data.tenant, data.version, queue.name)
        view.levels[key] = view.new_levels[key] = round(queue.service_level_s * 1000)


_CHANGES: Final[Mapping[type[BaseModel], Callable[[View, Told, Any], None]]] = {
    ContactArrived: _arrived,
    DialogTurned: _turned,
    HandedOff: _handed_off,
    SelfServed: _self_served,
    ConfigApplied: _configured,
}
