"""What a step of `decisions` changes in the read model: pure. States and business counters come from here.

A step is folded exactly once (its offset is stored with its effect), so counting here counts each thing once.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

from pydantic import BaseModel

from schemas.after_hours import AfterHoursTaken
from schemas.decisions import (
    AgentChanged,
    AgentReserved,
    ConfigAdopted,
    ContactDiverted,
    ContactEnded,
    ContactReset,
    FactRejected,
    ItemAbandoned,
    ItemCompleted,
    ItemConnected,
    ItemConnecting,
    ItemQueued,
    ItemRequeued,
    ItemWrapping,
    ReservationCanceled,
    ReservationLapsed,
    ReservationRescinded,
    Step,
    UrgencyChanged,
)
from schemas.routing import (
    AgentState,
    ContactState,
    EndReason,
    ItemState,
    RequeueReason,
    ReservationState,
)
from schemas.tenant_config import Queue
from schemas.topics import DECISIONS
from services.records.fold_facts import plain_json, sealed_json, subject_of
from services.records.rows import AgentRow, ContactRow, Count, HistoryRow, ItemRow, ReservationRow, View

DEFAULT_WITHIN_MS: Final[int] = round(Queue.model_fields["service_level_s"].default * 1000)


class DecidedStep(Protocol):
    """A valid step and where it stands; `services.runtime.decisions_reader.Decided` is one."""

    @property
    def offset(self) -> int:
        """Its offset on `decisions`."""

    @property
    def step(self) -> Step:
        """What was decided."""


class _When(NamedTuple):
    """When and in which cell a decision was made."""

    at: datetime
    cell: str


def fold_step(view: View, decided: DecidedStep, partition: int) -> None:
    """Fold one step into `view`, which holds every row that its decisions name."""
    step = decided.step
    when = _When(step.decided_at, step.cell)
    for index, decision in enumerate(step.decisions):
        change = _CHANGES.get(type(decision))
        if change is not None:
            change(view, when, decision)
        subject = decision.subject if isinstance(decision, FactRejected) else subject_of(decision)
        if subject is not None:
            view.history.append(
                HistoryRow(
                    topic=DECISIONS.name,
                    partition=partition,
                    offset=decided.offset,
                    idx=index,
                    after=step.cause,
                    subject=subject,
                    event_id=None,
                    at=step.decided_at,
                    type=decision.type,
                    data=plain_json(decision),
                    sealed=sealed_json(decision),
                )
            )


# ---- contacts


def _contact(view: View, when: _When, contact_id: str, tenant: str | None) -> ContactRow:
    row = view.contacts.get(contact_id) or ContactRow(id=contact_id)
    return replace(row, tenant=row.tenant or tenant, cell=row.cell or when.cell)


def _diverted(view: View, when: _When, data: ContactDiverted) -> None:
    row = _contact(view, when, data.contact_id, None)
    view.put_contact(replace(row, state=row.at_least(ContactState.HANDED_OFF)))
    view.counts[Count.of("diverted", tenant=row.tenant, at=when.at, reason=data.reason)] += 1


def _ended(view: View, when: _When, data: ContactEnded) -> None:
    row = _contact(view, when, data.contact_id, data.tenant)
    view.put_contact(replace(row, state=ContactState.ENDED.value, ended_at=when.at, end_reason=data.reason.value))
    view.counts[Count.of("ended", tenant=data.tenant, at=when.at, reason=data.reason.value)] += 1
    if data.reason is EndReason.SELF_SERVED:
        view.counts[Count.of("self_served", tenant=data.tenant, at=when.at)] += 1
    if data.reason is EndReason.ABANDONED_IN_DIALOG:
        view.counts[Count.of("abandoned", tenant=data.tenant, at=when.at, queue="", state="in_dialog")] += 1


# ---- items


def _queued(view: View, when: _When, data: ItemQueued) -> None:
    contact = _contact(view, when, data.contact_id, data.tenant)
    view.put_contact(
        replace(
            contact,
            state=contact.at_least(ContactState.HANDED_OFF),
            intent=data.intent,
            urgency=data.urgency.word,
            language=data.language,
            queue=data.queue,
        )
    )
    view.put_item(
        replace(
            _item(view, data),
            state=ItemState.QUEUED.value,
            tenant=data.tenant,
            queued_at=data.queued_at,
            intent=data.intent,
            urgency=data.urgency.word,
            language=data.language,
            queue=data.queue,
        )
    )


def _after_hours(view: View, when: _When, data: AfterHoursTaken) -> None:
    then = data.then or "nothing"
    view.counts[Count.of("after_hours", tenant=data.tenant, at=when.at, queue=data.queue, then=then)] += 1


def _urgency_changed(view: View, when: _When, data: UrgencyChanged) -> None:
    contact = _contact(view, when, data.contact_id, None)
    view.put_contact(replace(contact, urgency=data.urgency.word, queue=data.queue))
    view.put_item(replace(_item(view, data), urgency=data.urgency.word, queue=data.queue))


def _item(view: View, data: Any) -> ItemRow:
    return view.items.get(data.item_id) or ItemRow(id=data.item_id, contact_id=data.contact_id)


def _reserved(view: View, when: _When, data: AgentReserved) -> None:
    item = _item(view, data)
    view.put_item(
        replace(
            item,
            state=ItemState.RESERVED.value,
            agent_id=data.agent_id,
            reservation_id=data.reservation_id,
            offers=item.offers + 1,
        )
    )
    view.put_reservation(
        ReservationRow(
            id=data.reservation_id,
            item_id=data.item_id,
            contact_id=data.contact_id,
            agent_id=data.agent_id,
            created_at=when.at,
        )
    )
    agent = view.agents.get(data.agent_id) or AgentRow(agent_id=data.agent_id, tenant=data.tenant, cell=when.cell)
    view.put_agent(replace(agent, contact_id=data.contact_id))
    view.counts[Count.of("offered", tenant=data.tenant, at=when.at, queue=data.queue)] += 1


def _requeued(view: View, when: _When, data: ItemRequeued) -> None:
    item = _item(view, data)
    view.put_item(
        replace(item, state=ItemState.QUEUED.value, agent_id=None, reservation_id=None, requeues=item.requeues + 1)
    )
    rejected = data.reason is RequeueReason.REJECTED
    _release(view, when, data, ReservationState.REJECTED if rejected else ReservationState.RESCINDED)
    count = Count.of("requeued", tenant=item.tenant, at=when.at, queue=item.queue, reason=data.reason.value)
    view.counts[count] += 1


def _connecting(view: View, when: _When, data: ItemConnecting) -> None:
    view.put_item(replace(_item(view, data), state=ItemState.CONNECTING.value))
    reservation = _reservation(view, when, data)
    view.put_reservation(replace(reservation, state=ReservationState.ACCEPTED.value))


def _connected(view: View, when: _When, data: ItemConnected) -> None:
    item = _item(view, data)
    view.put_item(replace(item, state=ItemState.CONNECTED.value, answered_at=item.answered_at or when.at))
    if item.answered_at is not None:
        return  # connected again after the agent's side broke: the caller was answered once
    wait_ms = _wait_ms(item, when)
    view.counts[Count.of("answered", tenant=item.tenant, at=when.at, queue=item.queue)] += 1
    view.counts[Count.of("answer_wait_ms", tenant=item.tenant, at=when.at, queue=item.queue)] += wait_ms
    if wait_ms <= _within_ms(view, item):
        view.counts[Count.of("answered_in_time", tenant=item.tenant, at=when.at, queue=item.queue)] += 1


def _wrapping(view: View, when: _When, data: ItemWrapping) -> None:
    view.put_item(replace(_item(view, data), state=ItemState.WRAPPING.value, ended_at=when.at))


def _completed(view: View, when: _When, data: ItemCompleted) -> None:
    item = _item(view, data)
    view.put_item(
        replace(item, state=ItemState.COMPLETED.value, completed_at=when.at, disposition=data.disposition.value)
    )
    _release(view, when, data, ReservationState.ACCEPTED)
    count = Count.of("completed", tenant=item.tenant, at=when.at, queue=item.queue, disposition=data.disposition.value)
    view.counts[count] += 1


def _abandoned(view: View, when: _When, data: ItemAbandoned) -> None:
    item = _item(view, data)
    view.put_item(replace(item, state=ItemState.ABANDONED.value, ended_at=when.at))
    view.counts[Count.of("abandoned", tenant=item.tenant, at=when.at, queue=item.queue, state=data.state)] += 1
    if _wait_ms(item, when) > _within_ms(view, item):
        view.counts[Count.of("abandoned_late", tenant=item.tenant, at=when.at, queue=item.queue)] += 1


def _wait_ms(item: ItemRow, when: _When) -> int:
    return 0 if item.queued_at is None else max(0, round((when.at - item.queued_at).total_seconds() * 1000))


def _within_ms(view: View, item: ItemRow) -> int:
    # The version that the cell decides by at this point of the log, so that a replay counts the same.
    version = view.adopted.get(item.tenant or "", 0)
    return view.levels.get((item.tenant or "", version, item.queue or ""), DEFAULT_WITHIN_MS)


# ---- reservations and agents


def _reservation(view: View, when: _When, data: Any) -> ReservationRow:
    return view.reservations.get(data.reservation_id) or ReservationRow(
        id=data.reservation_id,
        item_id=data.item_id,
        contact_id=data.contact_id,
        agent_id=data.agent_id,
        created_at=when.at,
    )


def _release(view: View, when: _When, data: Any, state: ReservationState) -> None:
    reservation = _reservation(view, when, data)
    if reservation.ended_at is None:
        view.put_reservation(replace(reservation, state=state.value, ended_at=when.at))
    agent = view.agents.get(data.agent_id)
    if agent is not None and agent.contact_id == data.contact_id:
        view.put_agent(replace(agent, contact_id=None))


def _lapsed(view: View, when: _When, data: ReservationLapsed) -> None:
    _release(view, when, data, ReservationState.LAPSED)


def _rescinded(view: View, when: _When, data: ReservationRescinded) -> None:
    _release(view, when, data, ReservationState.RESCINDED)


def _canceled(view: View, when: _When, data: ReservationCanceled) -> None:
    _release(view, when, data, ReservationState.CANCELED)


def _agent_changed(view: View, when: _When, data: AgentChanged) -> None:
    row = view.agents.get(data.agent_id) or AgentRow(agent_id=data.agent_id)
    same = (row.status, row.state) == (data.status.value, data.state.value)
    view.put_agent(
        replace(
            row,
            tenant=data.tenant,
            cell=when.cell,
            status=data.status.value,
            state=data.state.value,
            since=row.since if same else when.at,
            session=data.session,
            contact_id=None if data.state is AgentState.IDLE else row.contact_id,
        )
    )


def _reset(view: View, when: _When, data: ContactReset) -> None:
    for work in data.released:
        item = view.items.get(work.item_id)
        if item is not None:
            view.put_item(replace(item, state=ItemState.FAILED.value, ended_at=item.ended_at or when.at))
        reservation = view.reservations.get(work.reservation_id or "")
        if reservation is not None and reservation.ended_at is None:
            state = ReservationState.RESCINDED.value
            view.put_reservation(replace(reservation, state=state, ended_at=when.at))
        agent = view.agents.get(work.agent_id or "")
        if agent is not None and agent.contact_id == data.contact_id:
            view.put_agent(replace(agent, contact_id=None))
    view.counts[Count.of("reset", tenant=data.tenant, at=when.at, reason=data.reason)] += 1


# ---- the rest


def _adopted(view: View, _when: _When, data: ConfigAdopted) -> None:
    view.adopted[data.tenant] = data.version
    view.newly_adopted.add(data.tenant)


def _rejected(view: View, when: _When, data: FactRejected) -> None:
    view.counts[Count.of("facts_rejected", tenant=None, at=when.at, fact_type=data.fact_type)] += 1


_CHANGES: Final[Mapping[type[BaseModel], Callable[[View, _When, Any], None]]] = {
    ItemQueued: _queued,
    AfterHoursTaken: _after_hours,
    UrgencyChanged: _urgency_changed,
    AgentReserved: _reserved,
    ReservationLapsed: _lapsed,
    ReservationRescinded: _rescinded,
    ReservationCanceled: _canceled,
    ItemRequeued: _requeued,
    ItemConnecting: _connecting,
    ItemConnected: _connected,
    ItemWrapping: _wrapping,
    ItemCompleted: _completed,
    ItemAbandoned: _abandoned,
    ContactDiverted: _diverted,
    ContactEnded: _ended,
    ContactReset: _reset,
    AgentChanged: _agent_changed,
    ConfigAdopted: _adopted,
    FactRejected: _rejected,
}
