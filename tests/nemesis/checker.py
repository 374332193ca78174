"""Judges a run. Pure functions over `Evidence`, written apart from the system and sharing no code with it.

Each rule yields a sentence for everything that the system has promised and did not keep. Nothing here is about how
fast: only about what may never be.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from tests.nemesis.desks import misled
from tests.nemesis.history import CONTACT_FACTS, PER_STEP, Document, Evidence, books, counting, decided, facts

POISONER: Final = "/nemesis"  # the source that poisonous facts name


class Violation(NamedTuple):
    """A promise that was broken."""

    rule: str
    text: str


def check(evidence: Evidence) -> list[Violation]:
    """Return everything that is wrong; empty for a sound run."""
    return [Violation(rule, text) for rule, judge in RULES.items() for text in judge(evidence)]


# ---- webhooks


def one_effect(evidence: Evidence) -> Iterator[str]:
    """Every acknowledged webhook has exactly one effect: its fact is on `intake`, and was folded once."""
    on_intake = Counter(record.document["id"] for _, record in facts(evidence.intake) if record.document)
    in_database = Counter(row["event_id"] for row in evidence.rows.get("history", ()) if row["topic"] == "intake")
    rejected = {
        one.decision["fact_id"] for one in decided(evidence.decisions) if one.decision["type"] == "fact.rejected"
    }
    for fact, webhook in sorted(promised(evidence).items()):
        if not on_intake[fact]:
            yield f"webhook {webhook} was acknowledged and its fact {fact} is not on intake"
        elif fact in rejected:
            yield f"webhook {webhook} was acknowledged and its fact {fact} was rejected"
        elif in_database[fact] != 1:
            yield f"fact {fact} of webhook {webhook} has {in_database[fact]} rows in history"
    yield from _noted(evidence, "one_effect")
    yield from _one_item_a_request(evidence)


def promised(evidence: Evidence) -> dict[str, int]:
    """Return the facts that acknowledgements promised, each with the number of a webhook that did."""
    found: dict[str, int] = {}
    for entry in evidence.ledger:
        if entry["kind"] == "outcome":
            for fact in entry.get("facts", ()):
                found.setdefault(fact, entry["of"])
    return found


def _one_item_a_request(evidence: Evidence) -> Iterator[str]:
    """A contact never gets more work items than it asked for a person; a repeat is not a second request."""
    asked: Counter[str] = Counter()
    ids = {record.document["id"]: record.data for _, record in facts(evidence.intake) if record.document}
    for data in ids.values():
        if data["type"] in {"contact.handed_off", "contact.urgency_raised"}:
            asked[data["contact_id"]] += 1
    for one in decided(evidence.decisions):
        if one.decision["type"] == "contact.diverted":
            asked[one.decision["contact_id"]] += 1
    made = Counter(item.contact for item in books(evidence.decisions).items.values())
    for contact, number in sorted(made.items()):
        if number > asked[contact]:
            yield f"contact {contact} has {number} items and asked {asked[contact]} times"


# ---- states


def one_state(evidence: Evidence) -> Iterator[str]:
    """Every contact ends in exactly one state, and the database says the same."""
    kept = books(evidence.decisions)
    yield from _noted(evidence, "one_state")
    rejected = {
        one.decision["fact_id"] for one in decided(evidence.decisions) if one.decision["type"] == "fact.rejected"
    }
    known = {
        record.data["contact_id"]
        for _, record in facts(evidence.intake)
        if record.data.get("type") in CONTACT_FACTS and record.document and record.document["id"] not in rejected
    }
    rows = {row["id"]: row for row in evidence.rows.get("contacts", ())}
    for contact in sorted(known | set(kept.ends)):
        row = rows.get(contact)
        if contact not in kept.ends:
            yield f"contact {contact} never ended"
        elif row is None or (row["state"], row["end_reason"]) != ("ended", kept.ends[contact]):
            shown = (row["state"], row["end_reason"]) if row else None
            yield f"contact {contact} ended as {kept.ends[contact]}, and the database says {shown}"


def two_agents(evidence: Evidence) -> Iterator[str]:
    """No item is with two agents at a time."""
    yield from _noted(evidence, "two_agents")


def capacity(evidence: Evidence) -> Iterator[str]:
    """No agent has more than one item at a time."""
    yield from _noted(evidence, "capacity")


def _noted(evidence: Evidence, rule: str) -> Iterator[str]:
    yield from (text for name, text in books(evidence.decisions).wrong if name == rule)


# ---- owners


def zombies(evidence: Evidence) -> Iterator[str]:
    """No record that does not count has had an effect: in the database, at a carrier. (Desktops: see `desktops`.)"""
    good = {(one.partition, *divmod(one.seq, PER_STEP)) for one in decided(evidence.decisions)}
    for row in evidence.rows.get("history", ()):
        if row["topic"] == "decisions" and (row["partition"], row["offset"], row["idx"]) not in good:
            yield f"the database took in decision {row['offset']}/{row['idx']} of partition {row['partition']}"
    connecting = books(evidence.decisions).connecting
    for entry in evidence.ledger:
        if entry["kind"] == "invited" and entry["label"] not in connecting:
            yield f"an agent was dialled for reservation {entry['label']}, which nobody was told to connect"
    yield from _known_before(evidence)


def _known_before(evidence: Evidence) -> Iterator[str]:
    """A step never knows less than the one of its cell before it: no fact is skipped or decided a second time."""
    for partition in sorted(evidence.decisions):
        causes: dict[str, int] = {}
        for record in counting(evidence.decisions[partition])[0]:
            if record.data["type"] == "router.step":
                cell, cause = record.data["cell"], record.data["cause"]
                if cause < causes.get(cell, -1):
                    yield f"step {record.offset} of partition {partition} knows less than the one before it"
                causes[cell] = max(cause, causes.get(cell, -1))


# ---- readers


def desktops(evidence: Evidence) -> Iterator[str]:
    """Every desktop saw its decisions in order and none missing."""
    yield from misled(evidence)


def counters(evidence: Evidence) -> Iterator[str]:
    """Business counters equal the log."""
    should, names = count(evidence)
    counted: Counter[tuple[str, str, str]] = Counter()
    for row in evidence.rows.get("counters", ()):
        if row["name"] in names:
            counted[row["tenant"], row["name"], row["labels"]] += row["value"]
    for key in sorted(set(should) | set(counted)):
        if should[key] != counted[key]:
            of = key[0] or "(nobody)"
            yield f"counter {key[1]} {key[2]} of {of} is {counted[key]}, and the log says {should[key]}"


COUNTED: Final = frozenset({
    "arrived", "ended", "self_served", "offered", "requeued", "completed", "answered", "abandoned", "diverted",
    "facts_rejected",
})  # fmt: skip


def count(evidence: Evidence) -> tuple[Counter[tuple[str, str, str]], frozenset[str]]:
    """Count from the logs what the database counts; returns it with the names that are counted here."""
    counted: Counter[tuple[str, str, str]] = Counter()
    tenants: dict[str, str] = {}
    arrived: set[str] = set()
    for _, record in facts(evidence.intake):
        contact, tenant = record.data.get("contact_id"), (record.document or {}).get("tenant")
        if contact and tenant:
            tenants.setdefault(contact, tenant)
        if record.data["type"] == "contact.arrived" and contact not in arrived:
            arrived.add(str(contact))
            counted[tenants.get(str(contact), ""), "arrived", "{}"] += 1
    _count_decisions(evidence, counted, tenants)
    return counted, COUNTED


def _count_decisions(evidence: Evidence, counted: Counter[tuple[str, str, str]], tenants: Mapping[str, str]) -> None:
    queues: dict[str, tuple[str, str]] = {}  # item: tenant and queue
    answered: set[str] = set()
    for one in decided(evidence.decisions):
        decision, kind = one.decision, one.decision["type"]
        tenant, queue = queues.get(decision.get("item_id", ""), ("", ""))
        if kind in {"item.queued", "item.urgency_changed"}:
            queues[decision["item_id"]] = (decision.get("tenant", tenant), decision["queue"])
        elif kind == "item.connected" and decision["item_id"] not in answered:
            answered.add(decision["item_id"])
            counted[tenant, "answered", _labels(queue=queue)] += 1
        elif kind == "contact.diverted":
            of = tenants.get(decision["contact_id"], "")
            counted[of, "diverted", _labels(reason=decision["reason"])] += 1
        else:
            for name, labels in _plain_counts(decision, queue):
                counted[decision.get("tenant", tenant), name, labels] += 1


def _plain_counts(decision: Document, queue: str) -> Iterator[tuple[str, str]]:
    match decision["type"]:
        case "contact.ended":
            yield "ended", _labels(reason=decision["reason"])
            if decision["reason"] == "self_served":
                yield "self_served", "{}"
            if decision["reason"] == "abandoned_in_dialog":
                yield "abandoned", _labels(queue="", state="in_dialog")
        case "agent.reserved":
            yield "offered", _labels(queue=decision["queue"])
        case "item.requeued":
            yield "requeued", _labels(queue=queue, reason=decision["reason"])
        case "item.completed":
            yield "completed", _labels(queue=queue, disposition=decision["disposition"])
        case "item.abandoned":
            yield "abandoned", _labels(queue=queue, state=decision["state"])
        case "fact.rejected":
            yield "facts_rejected", _labels(fact_type=decision["fact_type"])


def _labels(**labels: Any) -> str:
    return json.dumps(labels, sort_keys=True, separators=(",", ":"))


# ---- people


def nobody_stuck(evidence: Evidence) -> Iterator[str]:
    """At the end no agent holds anything, no item waits, and no call is up."""
    kept = books(evidence.decisions)
    for name, item in sorted(kept.items.items()):
        if item.state not in {"completed", "abandoned", "given up"}:
            yield f"item {name} is {item.state} at the end"
    for agent, held in sorted(kept.holds.items()):
        if held:
            yield f"agent {agent} still holds {sorted(held)} at the end"
    for agent, shown in sorted(kept.agents.items()):
        if shown["state"] not in {"idle", "unreachable"}:
            yield f"agent {agent} is {shown['state']} at the end"
    up = {entry["leg"] for entry in evidence.ledger if entry["kind"] == "leg"}
    over = {entry["leg"] for entry in evidence.ledger if entry["kind"] == "leg_over"}
    for leg in sorted(up - over):
        yield f"call {leg} is up at the end"


def carrier(evidence: Evidence) -> Iterator[str]:
    """At the carrier an agent's phone rings once for one reservation, and in the conference of its own contact."""
    contacts = {
        one.decision["reservation_id"]: one.decision["contact_id"]
        for one in decided(evidence.decisions)
        if one.decision["type"] == "item.connecting"
    }
    dialled = Counter(entry["label"] for entry in evidence.ledger if entry["kind"] == "invited")
    for label, times in sorted(dialled.items()):
        if times > 1:
            yield f"reservation {label} was dialled {times} times"
    for entry in evidence.ledger:
        if entry["kind"] == "invited" and contacts.get(entry["label"], entry["room"]) != entry["room"]:
            yield f"reservation {entry['label']} was dialled into the conference of another contact"


def defects(evidence: Evidence) -> Iterator[str]:
    """The system met no state that it has no answer to, and rejected no fact but the poison that it was given."""
    yield from _noted(evidence, "defects")
    sources = {
        record.document["id"]: record.document.get("source") for _, record in facts(evidence.intake) if record.document
    }
    for one in decided(evidence.decisions):
        decision = one.decision
        if decision["type"] == "fact.rejected" and sources.get(decision["fact_id"]) != POISONER:
            yield f"fact {decision['fact_id']} ({decision['fact_type']}) was rejected: {decision.get('reason')}"


RULES: Final[Mapping[str, Callable[[Evidence], Iterator[str]]]] = {
    "one_effect": one_effect,
    "one_state": one_state,
    "two_agents": two_agents,
    "capacity": capacity,
    "zombies": zombies,
    "desktops": desktops,
    "counters": counters,
    "nobody_stuck": nobody_stuck,
    "carrier": carrier,
    "defects": defects,
}
