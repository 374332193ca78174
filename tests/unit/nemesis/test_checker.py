"""The checker: a good history passes, and each rule finds the history that was broken for it."""

import copy
import json

import pytest

from tests.nemesis.checker import RULES, check
from tests.nemesis.history import PER_STEP, Evidence, Record, counting
from tests.nemesis.witness import load, save

CONTACT, ITEM, RESERVATION, AGENT = "contact-1", "item-1", "reservation-1", "ana"
ABOUT = {"item_id": ITEM, "contact_id": CONTACT, "reservation_id": RESERVATION, "agent_id": AGENT}


def claim(owner="1-a#1"):
    return {"type": "router.claim", "owner": owner, "versions": {}}


def beat(epoch, seq):
    return {"type": "router.heartbeat", "epoch": epoch, "seq": seq}


def step(epoch, seq, cause, *decisions):
    return {
        "type": "router.step", "epoch": epoch, "seq": seq, "cell": "demo", "cause": cause, "decisions": list(decisions),
    }  # fmt: skip


def announced(state, status="available"):
    return {"type": "agent.changed", "agent_id": AGENT, "tenant": "demo", "status": status, "state": state}


def queued(item=ITEM, contact=CONTACT):
    return {"type": "item.queued", "item_id": item, "contact_id": contact, "tenant": "demo", "queue": "desk"}


def reserved(**changes):
    return {"type": "agent.reserved", **ABOUT, "tenant": "demo", "queue": "desk"} | changes


def of(kind, **more):
    return {"type": kind, **ABOUT, **more}


ENDED = {"type": "contact.ended", "contact_id": CONTACT, "tenant": "demo", "reason": "completed"}

DECISIONS = [
    claim(),
    beat(0, 1),
    step(0, 2, 0, announced("idle")),
    step(0, 3, 3, queued(), reserved(), announced("reserved")),
    step(0, 4, 3, of("item.connecting"), announced("connecting")),
    claim("2-b#1"),
    step(
        0, 5, 5, {"type": "contact.ended", "contact_id": "nobody", "tenant": "demo", "reason": "failed"}
    ),  # a zombie's
    step(5, 1, 4, of("item.caller_joining")),
    step(5, 2, 5, of("item.connected"), announced("busy")),
    step(5, 3, 6, of("item.wrapping", expires_at="…"), ENDED, announced("wrapping")),
    step(5, 4, 7, of("item.completed", disposition="resolved"), announced("idle")),
]


def fact(name, kind, **data):
    return {"id": name, "tenant": "demo", "cell": "demo", "data": {"type": kind, **data}}


INTAKE = [
    fact("f-connected", "agent.connected", agent_id=AGENT),
    fact("f-arrived", "contact.arrived", contact_id=CONTACT),
    fact("f-arrived", "contact.arrived", contact_id=CONTACT),  # doubled
    fact("f-handed", "contact.handed_off", contact_id=CONTACT),
    fact("f-up", "leg.agent_answered", contact_id=CONTACT, reservation_id=RESERVATION),
    fact("f-joined", "leg.caller_joined", contact_id=CONTACT, reservation_id=RESERVATION),
    fact("f-gone", "leg.caller_ended", contact_id=CONTACT),
    fact("f-done", "wrap_up.done", agent_id=AGENT, item_id=ITEM),
]

LEDGER = [
    {"n": 0, "kind": "leg", "leg": "CA1", "direction": "inbound"},
    {"n": 1, "kind": "webhook", "what": "voice", "leg": "CA1"},
    {"n": 2, "kind": "outcome", "of": 1, "http": 200, "facts": ["f-arrived"]},
    {"n": 3, "kind": "webhook", "what": "turn", "leg": "CA1"},  # its outcome is unknown
    {"n": 4, "kind": "leg", "leg": "CA2", "direction": "outbound-api"},
    {"n": 5, "kind": "invited", "leg": "CA2", "room": CONTACT, "label": RESERVATION},
    {"n": 6, "kind": "leg_over", "leg": "CA2"},
    {"n": 7, "kind": "leg_over", "leg": "CA1"},
    {"n": 8, "kind": "webhook", "what": "status", "leg": "CA1"},
    {"n": 9, "kind": "outcome", "of": 8, "http": 204, "facts": ["f-gone"]},
]


def label(**labels):
    return json.dumps(labels, sort_keys=True, separators=(",", ":"))


def counter(name, labels="{}", value=1, tenant="demo"):
    return {"tenant": tenant, "name": name, "labels": labels, "value": value}


def counted_rows():
    return [
        counter("arrived"),
        counter("ended", label(reason="completed")),
        counter("offered", label(queue="desk")),
        counter("answered", label(queue="desk")),
        counter("answer_wait_ms", label(queue="desk"), 4711),  # not counted here
        counter("completed", label(queue="desk", disposition="resolved")),
    ]


def history_rows():
    facts = {document["id"]: offset for offset, document in reversed(list(enumerate(INTAKE)))}
    rows = [
        {"topic": "intake", "partition": 0, "offset": offset, "idx": 0, "event_id": name}
        for name, offset in facts.items()
    ]
    records, _ = counting(log(DECISIONS))
    return rows + [
        {"topic": "decisions", "partition": 0, "offset": record.offset, "idx": idx, "event_id": None}
        for record in records
        for idx, _ in enumerate(record.data.get("decisions", ()))
    ]


def seq(offset, index=0):
    return offset * PER_STEP + index


def told(connection, kind, at=None, **fields):
    frame = {"type": kind, **fields} | ({"seq": at} if at is not None else {})
    return {"agent": AGENT, "connection": connection, "frame": frame}


def holding(reservation):
    return {"reservation_id": reservation}


FRAMES = [
    told(1, "welcome"),
    told(1, "snapshot", seq(2), offer=None, call=None),
    told(1, "offer", seq(3, 1)),
    told(1, "status.changed", seq(3, 2)),
    told(2, "welcome"),
    told(2, "call.updated", seq(4)),
    told(2, "status.changed", seq(4, 1)),
    told(2, "resumed", seq(4, 1)),
    told(2, "call.updated", seq(8)),
    told(3, "welcome"),
    told(3, "snapshot", seq(9, 2), call=holding(RESERVATION)),
    told(3, "call.updated", seq(10)),
    told(3, "status.changed", seq(10, 1)),
]


def log(documents):
    return [Record(offset, float(offset), {"data": document}) for offset, document in enumerate(documents)]


def evidence(*, decisions=DECISIONS, intake=INTAKE, ledger=LEDGER, frames=FRAMES, rows=None):
    tables = {
        "contacts": [{"id": CONTACT, "state": "ended", "end_reason": "completed"}],
        "counters": counted_rows(),
        "history": history_rows(),
    } | (rows or {})
    facts = [Record(offset, float(offset), document) for offset, document in enumerate(intake)]
    return Evidence(ledger, {0: facts}, {0: log(decisions)}, tables, frames)


def changed(documents, index, **changes):
    documents = copy.deepcopy(list(documents))
    documents[index] |= changes
    return documents


def without(documents, *indexes):
    return [document for index, document in enumerate(documents) if index not in indexes]


def with_step(*decisions, cause=7):
    """One more step by the present owner."""
    return [*DECISIONS, step(5, 5, cause, *decisions)]


def rules(broken):
    return {violation.rule for violation in check(broken)}


def test_a_good_history_passes():
    assert check(evidence()) == []


def test_what_counts_is_the_present_owners_unbroken_sequence():
    documents = [
        beat(0, 1), claim(), beat(1, 1), beat(1, 1), beat(1, 3), beat(1, 2), claim(), beat(1, 3), beat(6, 1),
        {"type": "?"},
    ]  # fmt: skip
    counts, ignored = counting(log(documents))
    assert [record.offset for record in counts] == [1, 2, 5, 6, 8]
    assert [record.offset for record in ignored] == [0, 3, 4, 7, 9]
    assert counting([Record(0, 0.0, None)]) == ([], [Record(0, 0.0, None)])


OTHER = {"item_id": "item-2", "contact_id": "contact-2", "reservation_id": "reservation-2"}
OTHER_ITEM = queued("item-2", "contact-2")

BROKEN = {
    "an acknowledged fact is lost": ("one_effect", evidence(intake=changed(INTAKE, 6, id="f-else"))),
    "an acknowledged fact was rejected": (
        "one_effect",
        evidence(decisions=with_step({"type": "fact.rejected", "fact_id": "f-gone", "fact_type": "x"})),
    ),
    "the database folded it twice": ("one_effect", evidence(rows={"history": history_rows() * 2})),
    "a hand-off that came twice made two items": ("one_effect", evidence(decisions=with_step(queued("item-9")))),
    "an item is queued twice": ("one_effect", evidence(decisions=with_step(queued()))),
    "a contact never ends": ("one_state", evidence(decisions=changed(DECISIONS, 9, decisions=[]))),
    "a contact ends twice": ("one_state", evidence(decisions=with_step(ENDED | {"reason": "failed"}))),
    "the database says otherwise": (
        "one_state",
        evidence(rows={"contacts": [{"id": CONTACT, "state": "ended", "end_reason": "failed"}]}),
    ),
    "the database does not know of it": ("one_state", evidence(rows={"contacts": []})),
    "a contact is queued after its end": ("one_state", evidence(decisions=with_step(queued("item-9")))),
    "a completed item is offered": ("one_state", evidence(decisions=with_step(reserved()))),
    "a move skips a state": ("one_state", evidence(decisions=without(DECISIONS, 4))),
    "an item moves that was never queued": ("one_state", evidence(decisions=with_step(reserved(**OTHER)))),
    "an item goes to two agents": (
        "two_agents",
        evidence(
            decisions=changed(
                DECISIONS, 3, decisions=[queued(), reserved(), reserved(agent_id="ben", reservation_id="reservation-2")]
            )
        ),
    ),
    "an agent gets a second item": (
        "capacity",
        evidence(decisions=changed(DECISIONS, 3, decisions=[queued(), reserved(), OTHER_ITEM, reserved(**OTHER)])),
    ),
    "the database took a zombie's decision": (
        "zombies",
        evidence(
            rows={
                "history": [
                    *history_rows(),
                    {"topic": "decisions", "partition": 0, "offset": 6, "idx": 0, "event_id": None},
                ]
            }
        ),
    ),
    "the carrier dialled for a zombie": ("zombies", evidence(ledger=changed(LEDGER, 5, label="reservation-9"))),
    "an owner decided without what was decided before": ("zombies", evidence(decisions=changed(DECISIONS, 8, cause=2))),
    "a desktop missed a decision": ("desktops", evidence(frames=without(FRAMES, 5))),
    "a desktop missed the last one": ("desktops", evidence(frames=FRAMES[:-1])),
    "a desktop missed one while it was away": ("desktops", evidence(frames=without(FRAMES, 5, 6))),
    "a desktop heard one twice": ("desktops", evidence(frames=[*FRAMES, FRAMES[-1]])),
    "a desktop heard them in another order": (
        "desktops",
        evidence(frames=[*FRAMES[:2], FRAMES[3], FRAMES[2], *FRAMES[4:]]),
    ),
    "a desktop heard of a zombie's decision": (
        "desktops",
        evidence(frames=[*FRAMES[:8], told(2, "status.changed", seq(6)), *FRAMES[8:]]),
    ),
    "a desktop was told something else": ("desktops", evidence(frames=[*FRAMES[:-1], told(3, "offer", seq(10, 1))])),
    "a snapshot shows another state": ("desktops", evidence(frames=[*FRAMES[:10], told(3, "snapshot", seq(9, 2))])),
    "a snapshot of a zombie": ("desktops", evidence(frames=[*FRAMES[:10], told(3, "snapshot", seq(6))])),
    "a snapshot goes back behind what was told": (
        "desktops",
        evidence(
            decisions=[claim(), *(step(0, at, 0, announced("idle")) for at in (1, 2, 3))],
            frames=[
                told(1, "snapshot", 0),
                *(told(1, "status.changed", seq(at)) for at in (1, 2, 3)),
                told(2, "snapshot", seq(1)),
            ],
        ),
    ),
    "a frame before the snapshot": ("desktops", evidence(frames=FRAMES[2:])),
    "something was counted twice": ("counters", evidence(rows={"counters": [*counted_rows(), counter("arrived")]})),
    "something was not counted": ("counters", evidence(rows={"counters": counted_rows()[1:]})),
    "an agent is stuck": ("nobody_stuck", evidence(decisions=changed(DECISIONS, 10, decisions=[announced("idle")]))),
    "an agent is shown as busy for ever": (
        "nobody_stuck",
        evidence(decisions=changed(DECISIONS, 10, decisions=[of("item.completed", disposition="resolved")])),
    ),
    "a caller is stuck": ("nobody_stuck", evidence(ledger=without(LEDGER, 7))),
    "an item is stuck": ("nobody_stuck", evidence(decisions=with_step(OTHER_ITEM))),
    "an honest fact was rejected": (
        "defects",
        evidence(decisions=with_step({"type": "fact.rejected", "fact_id": "f-up", "fact_type": "x"})),
    ),
    "a contact was given up": (
        "defects",
        evidence(decisions=with_step({"type": "contact.reset", "contact_id": CONTACT, "reason": "x", "released": []})),
    ),
    "an agent's phone rang twice for one reservation": ("carrier", evidence(ledger=[*LEDGER, LEDGER[5]])),
    "an agent was put to another caller": ("carrier", evidence(ledger=changed(LEDGER, 5, room="contact-2"))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_finds_what_was_broken_for_it(name):
    rule, broken = BROKEN[name]
    assert rule in rules(broken)


def test_every_rule_has_a_history_that_only_it_can_be_blamed_for():
    assert {rule for rule, _ in BROKEN.values()} == set(RULES)


def test_a_webhook_without_a_known_outcome_promises_nothing():
    assert check(evidence(ledger=without(LEDGER, 9), intake=INTAKE)) == []


def test_an_offer_that_is_requeued_frees_its_agent_and_tells_the_desktop_once():
    lapsed = (of("reservation.lapsed", reachable=True), of("item.requeued", reason="lapsed"))
    decisions = [
        claim(),
        step(0, 1, 1, announced("idle"), queued(), reserved(), *lapsed),
        step(0, 2, 1, reserved(reservation_id="reservation-2", agent_id=AGENT)),
    ]
    frames = [
        told(1, "snapshot", 0),
        told(1, "status.changed", seq(1)),
        told(1, "offer", seq(1, 2)),
        told(1, "offer.withdrawn", seq(1, 3)),
        told(1, "offer", seq(2)),
    ]
    found = rules(evidence(decisions=decisions, frames=frames))
    assert not found & {"desktops", "capacity", "two_agents"}


def test_what_is_wrong_after_the_first_on_a_connection_is_counted():
    again = [told(3, "status.changed", seq(10, 1))] * 2
    found = [text for rule, text in check(evidence(frames=[*FRAMES, *again])) if rule == "desktops"]
    assert len(found) == 1
    assert found[0].endswith("(connection 3, and 1 more frames are wrong)")


def test_moved_deadlines_are_told_to_whom_they_concern_and_to_nobody_else():
    extended = {
        "type": "deadlines.extended",
        "by_s": 3.1,
        "reservations": [
            {"reservation_id": RESERVATION, "agent_id": AGENT},
            {"reservation_id": "reservation-9", "agent_id": AGENT},
        ],
    }
    decisions = [claim(), step(0, 1, 1, queued(), reserved()), claim(), step(2, 1, 1, extended)]
    frames = [told(1, "snapshot", 0), told(1, "offer", seq(1, 1)), told(1, "offer", seq(3))]
    assert "desktops" not in rules(evidence(decisions=decisions, frames=frames))
    assert "desktops" in rules(evidence(decisions=decisions, frames=frames[:-1]))


def test_work_that_was_given_up_frees_its_agent():
    released = [{"item_id": ITEM, "reservation_id": RESERVATION, "agent_id": AGENT}]
    reset = {"type": "contact.reset", "contact_id": CONTACT, "tenant": "demo", "reason": "x", "released": released}
    decisions = [claim(), step(0, 1, 1, queued(), reserved(), reset, queued("item-2"), reserved(item_id="item-2"))]
    frames = [
        told(1, "snapshot", 0),
        told(1, "offer", seq(1, 1)),
        told(1, "offer.withdrawn", seq(1, 2)),
        told(1, "offer", seq(1, 4)),
    ]
    found = rules(evidence(decisions=decisions, frames=frames))
    assert not found & {"desktops", "capacity", "two_agents"}


def test_evidence_that_was_saved_is_judged_alike(tmp_path):
    (tmp_path / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in LEDGER))
    kept = evidence(frames=())
    save(kept, tmp_path)
    assert check(load(tmp_path)) == check(kept) == []
