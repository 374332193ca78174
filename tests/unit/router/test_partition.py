"""One partition's fold: the order of two logs, poison, takeover and snapshots."""

from datetime import timedelta

import pytest

from router.ownership import Lineage, Role
from router.partition import Partition
from router.succession import Standing
from schemas.agents import OfferRejected
from schemas.contacts import CallerJoined, ContactArrived
from schemas.decisions import FactRejected, Heartbeat, Step
from schemas.errors import Defect
from schemas.intake import ConfigApplied
from tests.world import START, World, tenant


class Log:
    """Both logs of one partition, and routers that read them."""

    def __init__(self):
        self.intake = []
        self.decisions = []

    def publish(self, envelope):
        self.intake.append(envelope)

    def append(self, record):
        self.decisions.append(record)


class Router:
    """A partition with its places in the log."""

    def __init__(self, log, name, partition=None, *, intake_next=0, decisions_next=0):
        self.log = log
        self.partition = partition or Partition(name)
        self.intake_next, self.decisions_next = intake_next, decisions_next
        self.rejected = []

    def claim(self):
        self.log.append(self.partition.claim())
        return self

    def read(self, *, intake=None):
        for offset in range(self.decisions_next, len(self.log.decisions)):
            self.rejected += self.partition.record(offset, self.log.decisions[offset])
        self.decisions_next = len(self.log.decisions)
        for offset in range(self.intake_next, len(self.log.intake) if intake is None else intake):
            self.rejected += self.partition.fact(offset, self.log.intake[offset])
        self.intake_next = len(self.log.intake)
        return self

    def read_intake_only(self):
        for offset in range(self.intake_next, len(self.log.intake)):
            self.rejected += self.partition.fact(offset, self.log.intake[offset])
        self.intake_next = len(self.log.intake)

    def decide(self, now=START):
        steps = list(self.partition.decide(now))
        for step in steps:
            self.log.append(step)
        return steps


@pytest.fixture
def log():
    log = Log()
    world = World()
    world.sign_in("carl")
    world.call("c1")
    for _, envelope in world.facts:
        log.publish(envelope)
    return log


def state(router):
    return router.partition.image()


def test_an_owner_folds_then_decides_in_one_step(log):
    router = Router(log, "a").claim().read()
    (step,) = router.decide()
    assert (step.epoch, step.seq, step.cause) == (0, 1, len(log.intake) - 1)
    assert "agent.reserved" in {decision.type for decision in step.decisions}


def test_only_the_owner_decides(log):
    assert Router(log, "a").read().decide() == []


def test_who_follows_both_logs_reaches_the_same_state(log):
    router = Router(log, "a").claim().read()
    router.decide()
    router.read()
    follower = Router(log, "b").read()
    assert state(follower)["cells"] == state(router)["cells"]


def test_a_follower_that_reads_intake_first_waits_for_the_step(log):
    router = Router(log, "a").claim().read()
    router.decide()
    follower = Router(log, "b")
    for offset, envelope in enumerate(log.intake):
        follower.partition.fact(offset, envelope)
    follower.intake_next = len(log.intake)
    follower.read()
    assert state(follower)["cells"] == state(router)["cells"]


def test_a_takeover_decides_what_the_old_owner_had_not_and_nothing_twice(log):
    old = Router(log, "a").claim().read(intake=2)
    old.intake_next = 2
    old.decide()
    new = Router(log, "b").read().claim().read()
    steps = new.decide()
    kinds = [decision.type for step in steps for decision in step.decisions]
    assert kinds.count("agent.reserved") == 1
    assert kinds.count("config.adopted") == 0
    assert old.read().partition.ownership.role is Role.FOLLOWING


def test_a_takeover_at_rest_decides_nothing(log):
    old = Router(log, "a").claim().read()
    old.decide()
    new = Router(log, "b").claim().read()
    assert new.decide() == []
    assert state(new.read())["cells"] == state(old)["cells"]


def test_a_zombies_step_is_seen_by_nobody(log):
    zombie = Router(log, "a").claim().read()
    new = Router(log, "b").claim().read()
    steps = list(zombie.partition.decide(START))
    for step in steps:
        log.append(step)
    assert steps
    new.read()
    reader = Router(log, "c").read()
    assert not reader.partition.engines or all(not e.state.items for e in reader.partition.engines.values())


def test_a_fact_that_cannot_be_folded_is_recorded_and_skipped_by_every_later_fold(log):
    world = World()
    poison = world.envelope(ContactArrived(contact_id="bad", carrier="x", account="y", call="z", number="+1"))
    log.publish(poison.model_copy(update={"tenant": None}))
    router = Router(log, "a").claim().read()
    (rejected,) = router.rejected
    assert rejected.offset == len(log.intake) - 1
    (step,) = router.decide()
    assert isinstance(step, Step)
    assert any(isinstance(decision, FactRejected) for decision in step.decisions)
    follower = Router(log, "b").read()
    assert state(follower)["cells"] == state(router)["cells"]


def test_a_rejected_fact_sends_its_contact_to_a_person(log):
    world = World()
    world.arrive("c9")
    log.publish(world.facts[-1][1])
    router = Router(log, "a").claim().read()
    router.decide()
    turn = world.envelope(ContactArrived(contact_id="c9", carrier="x", account="y", call="z", number="+1"))
    broken = turn.model_copy(update={"data": turn.data.model_copy(update={"answer_by_s": "soon"})})
    log.publish(broken)
    router.read()
    kinds = [decision.type for step in router.decide() for decision in step.decisions]
    assert kinds[:3] == ["fact.rejected", "contact.diverted", "item.queued"]


def test_a_snapshot_and_what_follows_equals_the_whole_log(log):
    router = Router(log, "a").claim().read()
    router.decide()
    router.read()
    assert router.partition.ownership.read_back
    image = router.partition.image()
    lineage = router.partition.ownership.lineage
    restored = Router(
        log,
        "b",
        Partition.restore("b", image, lineage=Lineage(lineage.epoch, lineage.seq), intake_next=router.intake_next),
        intake_next=router.intake_next,
        decisions_next=router.decisions_next,
    )
    router.decide(START + timedelta(seconds=20))
    router.read()
    restored.read()
    assert state(restored)["cells"] == state(router)["cells"]
    whole = Router(log, "c").read()
    assert state(whole)["cells"] == state(router)["cells"]


def test_the_nearest_deadline_of_any_cell_counts(log):
    router = Router(log, "a").claim().read()
    router.decide()
    deadline = router.partition.next_deadline()
    assert deadline is not None
    assert not router.partition.due(deadline - timedelta(microseconds=1))
    assert router.partition.due(deadline)


def test_a_newer_document_is_adopted_and_an_older_one_is_not():
    log = Log()
    world = World()
    log.publish(world.facts[0][1])
    log.publish(world.envelope(ConfigApplied(tenant="demo", version=3, document=tenant())))
    log.publish(world.envelope(ConfigApplied(tenant="demo", version=2, document=tenant())))
    router = Router(log, "a").claim().read()
    versions = [
        decision.version for step in router.decide() for decision in step.decisions if decision.type == "config.adopted"
    ]
    assert versions[-1] == 3
    assert 2 not in versions


@pytest.fixture
def rivals():
    """An owner who has folded an answer, and one who claims after it without having read the answer."""
    log, world = Log(), World()
    world.sign_in("carl")
    world.call("c1")
    for _, envelope in world.facts:
        log.publish(envelope)
    old = Router(log, "a").claim().read()
    old.decide()
    old.read()
    new = Router(log, "b").read()
    (held,) = old.partition.engines["demo"].state.reservations
    log.publish(world.envelope(OfferRejected(agent_id="carl", reservation_id=held), name="answer"))
    return log, old, new


def lapse(new):
    """Claim, and judge the deadline without the answer."""
    known = new.intake_next
    new.claim().read(intake=known)
    new.intake_next = known
    return new.decide(START + timedelta(seconds=20))


def test_an_owner_who_is_superseded_folds_no_more(rivals):
    log, old, new = rivals
    old.read()
    assert lapse(new)
    old.read()
    assert old.partition.spent
    assert not old.partition.owning
    assert state(new.read())["cells"] == state(Router(log, "c").claim().read())["cells"]


def test_who_claims_anew_and_comes_second_does_not_build_on_what_the_first_did_not_know(rivals):
    log, old, new = rivals
    old.read()
    mine = old.partition.claim()
    assert lapse(new)
    log.append(mine)
    old.read()
    assert old.partition.spent
    assert not old.partition.owning
    assert old.decide() == []


def test_who_claims_anew_undisturbed_goes_on(rivals):
    _, old, _ = rivals
    old.read()
    old.decide()
    old.read().claim().read()
    assert old.partition.owning
    assert old.decide() == []


def test_a_snapshot_is_of_what_every_later_owner_has_folded_too(rivals):
    log, old, new = rivals
    old.read()
    assert not old.partition.closed
    assert list(old.partition.close(START)) == []  # what it folded is not judged yet
    old.decide()
    world = World()
    log.publish(world.envelope(CallerJoined(contact_id="c1", reservation_id="unknown"), name="late"))
    old.read()
    assert old.decide() == []
    for step in old.partition.close(START):
        log.append(step)
    assert lapse(new) == []  # the steps make it read the facts first


def test_closing_records_how_far_a_cell_has_folded_and_nothing_else(log):
    router = Router(log, "a").claim().read()
    router.decide()
    router.read()
    assert router.partition.closed
    assert list(router.partition.close(START)) == []
    world = World()
    log.publish(world.envelope(CallerJoined(contact_id="c1", reservation_id="unknown"), name="late"))
    router.read()
    assert router.decide() == []
    assert not router.partition.closed
    (step,) = router.partition.close(START)
    assert (step.cause, step.decisions) == (len(log.intake) - 1, ())
    log.append(step)
    assert not router.partition.closed  # not yet read back
    router.read()
    assert router.partition.closed
    restored = Partition.restore(
        "b", router.partition.image(), lineage=Lineage(0, step.seq), intake_next=step.cause + 1
    )
    assert restored.image() == router.partition.image() == state(Router(log, "c").read())


def test_who_does_not_own_closes_nothing(log):
    assert list(Router(log, "a").read().partition.close(START)) == []


def test_a_fact_before_the_cause_of_a_restored_cell_is_not_folded_again(log):
    router = Router(log, "a").claim().read()
    router.decide()
    router.read()
    image = router.partition.image()
    restored = Partition.restore("b", image, lineage=Lineage(0, 1), intake_next=0)
    for offset, envelope in enumerate(log.intake):
        restored.fact(offset, envelope)
    assert restored.image() == image


def test_a_record_that_no_reader_can_read_is_passed_over(log):
    partition = Partition("a")
    assert partition.fact(0, None) == []
    assert not partition.engines


def test_a_heartbeat_counts_and_changes_nothing(log):
    router = Router(log, "a").claim().read()
    epoch, seq = router.partition.ownership.number()
    log.append(Heartbeat(epoch=epoch, seq=seq))
    follower = Router(log, "b").read()
    assert follower.partition.ownership.lineage.seq == 1
    assert not follower.partition.engines


# ---- the time in which nobody decided


def silent(log, *, beat=None):
    """An owner that reserved an agent at START and was not heard again, but for a heartbeat `beat` seconds later."""
    old = Router(log, "a").claim().read()
    old.decide()
    if beat is not None:
        log.append(old.partition.heartbeat(START + timedelta(seconds=beat)))
    return Router(log, "b").read()


def extensions(steps):
    return [decision for step in steps for decision in step.decisions if decision.type == "deadlines.extended"]


def test_who_takes_over_gives_the_lost_time_back(log):
    new = silent(log)
    (before,) = new.partition.engines["demo"].state.reservations.values()
    (extended,) = extensions(new.claim().read().decide(START + timedelta(seconds=30)))
    (after,) = new.partition.engines["demo"].state.reservations.values()
    assert extended.by_s == 30
    assert after.expires_at - before.expires_at == timedelta(seconds=30)
    assert after.state == "created"  # it would have lapsed
    assert state(Router(log, "c").read())["cells"] == state(new)["cells"]


def test_a_heartbeat_shows_that_somebody_could_decide(log):
    new = silent(log, beat=28)
    (extended,) = extensions(new.claim().read().decide(START + timedelta(seconds=31)))
    assert extended.by_s == 3


def test_a_gap_as_between_any_two_records_extends_nothing(log):
    new = silent(log, beat=8)
    assert extensions(new.claim().read().decide(START + timedelta(seconds=9))) == []


def test_an_owner_that_claims_anew_has_lost_no_time(log):
    owner = Router(log, "a").claim().read()
    for second in range(10):
        owner.decide(START + timedelta(seconds=second))
    assert extensions(owner.read().claim().read().decide(START + timedelta(seconds=10))) == []


def test_an_owner_that_leaves_says_so_and_decides_no_more(log):
    owner = Router(log, "a").claim().read()
    owner.decide()
    follower = Router(log, "b").read()
    assert not follower.partition.standing.left
    log.append(owner.partition.heartbeat(START, leaving=True))
    assert not owner.partition.owning
    follower.read()
    assert follower.partition.standing.left
    assert not follower.claim().read().partition.standing.left


def test_a_claim_names_the_ordinal_of_its_router(log):
    follower = Router(log, "b")
    log.append(Router(log, "a").partition.claim(ordinal=3))
    assert follower.read().partition.standing == Standing(owner=3, claimed=True)


@pytest.mark.parametrize(
    "give_up",
    [
        lambda partition: partition.heartbeat(START, leaving=True),
        lambda partition: partition.ownership.doubt(),
    ],
)
def test_what_was_given_up_is_not_claimed_again(log, give_up):
    owner = Router(log, "a").claim().read()
    owner.decide()
    give_up(owner.partition)
    with pytest.raises(Defect):  # it would take its own step, not read yet, for another's
        owner.partition.claim()


def test_nobody_gets_more_than_a_whole_new_period_however_long_the_outage_seems(log):
    new = silent(log)
    (before,) = new.partition.engines["demo"].state.reservations.values()
    later = START + timedelta(hours=1)
    new.claim().read().decide(later)
    (after,) = new.partition.engines["demo"].state.reservations.values()
    assert after.expires_at == later + (before.expires_at - START)
    assert new.partition.engines["demo"].state.agents["carl"].reachable_until <= later + timedelta(hours=3)


def test_what_the_caller_has_heard_counts_more_than_two_clocks(log):
    new = silent(log)
    steps = list(new.claim().read().partition.decide(START + timedelta(hours=1), undecided_for=timedelta(seconds=0.1)))
    assert extensions(steps) == []
