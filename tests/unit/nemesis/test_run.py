"""What is counted of a run: what was really decided, and by whom after a fault."""

from tests.nemesis.history import Evidence, Record
from tests.nemesis.run import of_evidence, takeovers, zombies_noticed

ANSWERED = [
    {"type": "item.queued", "item_id": "i", "contact_id": "c", "tenant": "demo", "queue": "desk"},
    {"type": "agent.reserved", "item_id": "i", "agent_id": "ana", "reservation_id": "r"},
    *({"type": f"item.{move}", "item_id": "i", "reservation_id": "r"} for move in ("connecting", "connected")),
    {"type": "contact.ended", "contact_id": "c", "reason": "completed"},
]


def claim(pid):
    return {"type": "router.claim", "owner": f"{pid}-x#1"}


def step(epoch, seq, *decisions):
    return {"type": "router.step", "epoch": epoch, "seq": seq, "cell": "demo", "cause": 0, "decisions": list(decisions)}


def beat(epoch, seq):
    return {"type": "router.heartbeat", "epoch": epoch, "seq": seq}


def fault(kind, pid, at):
    return {"n": 0, "kind": "fault", "fault": kind, "target": "routing-0", "pid": pid, "at": at}


def evidence(fault, *documents):
    """One record a second, from second 0."""
    records = [Record(offset, float(offset), {"data": document}) for offset, document in enumerate(documents)]
    return Evidence(ledger=[fault], decisions={0: records})


TAKEN_OVER = (claim(7), step(0, 1, *ANSWERED), claim(8), beat(2, 1), step(2, 2), step(2, 3, ANSWERED[0]))


def test_a_takeover_lasts_until_something_is_decided():
    assert takeovers(evidence(fault("kill routing", 7, 1.5), *TAKEN_OVER)) == [("kill routing", 3.5)]
    assert takeovers(evidence(fault("kill routing", 7, 1.5), *TAKEN_OVER[:-1])) == []


def test_who_did_not_own_is_not_taken_over_from():
    assert takeovers(evidence(fault("kill routing", 8, 1.5), *TAKEN_OVER)) == []


def test_a_zombie_is_noticed_by_who_comes_after_it_or_by_what_does_not_count():
    assert zombies_noticed(evidence(fault("zombie", 7, 1.5), *TAKEN_OVER[:4])) == 1
    assert zombies_noticed(evidence(fault("zombie", 8, 1.5), *TAKEN_OVER[:4])) == 0
    assert zombies_noticed(evidence(fault("zombie", 8, 1.5), *TAKEN_OVER[:4], step(0, 2))) == 1
    assert zombies_noticed(evidence(fault("kill routing", 7, 1.5), *TAKEN_OVER)) == 0


def test_what_came_of_a_run_is_counted():
    found = of_evidence(evidence(fault("zombie", 7, 1.5), *TAKEN_OVER[:4]))
    assert (found["items answered"], found["contacts completed"], found["facts promised"]) == (1, 1, 0)
