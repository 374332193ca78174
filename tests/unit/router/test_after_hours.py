"""Who asks for a queue that is closed: where they go, what the log is told, and that nobody is left without a queue."""

from datetime import UTC, datetime, timedelta

import pytest

from router import after_hours
from router.engine import Engine
from schemas.contacts import AgentLegEnded, UrgencyRaised
from schemas.decisions import Step
from schemas.routing import CallEndCause, Urgency
from tests.world import START, World, kinds, tenant

HOUR = timedelta(hours=1)
BILLING, DESK, NURSES, NIGHT = ("billing.question", "refill.request", "triage.symptom", "night.call")


def hours(*days, zone="UTC"):
    """Return a calendar that is open on these days, 08:00 to 17:00."""
    return {"zone": zone, "week": {day: [{"opens": "08:00", "closes": "17:00"}] for day in days}}


CALENDARS = {
    "office": hours("mon", "tue", "wed", "thu", "fri"),
    "weekend": hours("sat", "sun"),
    "never": {"zone": "UTC", "week": {}},
}


def queue(name, skill, intent, calendar=None, then=None, to=None):
    after = None if then is None else {"then": then, "queue": to}
    return {
        "name": name, "requires": [{"skill": skill}], "intents": [intent], "hours": calendar, "after_hours": after,
    }  # fmt: skip


def config(billing=(), desk=(), nurses=(), night=()):
    """Return the world's tenant with four queues; each is given as calendar, then, queue."""
    queues = [
        queue("nurses", "nurse", NURSES, *nurses),
        queue("desk", "desk", DESK, *desk),
        queue("billing", "desk", BILLING, *billing),
        queue("night", "nurse", NIGHT, *night),
    ]
    return tenant(queues=queues, calendars=CALENDARS)


MONDAY = datetime(2030, 1, 7, 12, 0, tzinfo=UTC)
EVENING = datetime(2030, 1, 7, 20, 0, tzinfo=UTC)
SATURDAY = datetime(2030, 1, 12, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("document", "at", "goes_to"),
    [
        (config(), EVENING, "billing"),
        (config(billing=("office", "on_call", "night")), MONDAY, "billing"),
        (config(billing=("office", "on_call", "night")), EVENING, "night"),
        (config(billing=("office", "message", "night")), EVENING, "night"),
        (config(billing=("office", "call_back")), EVENING, "desk"),
        (config(billing=("office",)), EVENING, "desk"),
        # The on-call queue is closed too: on to where that one leads.
        (config(billing=("office", "on_call", "night"), night=("weekend", "on_call", "nurses")), SATURDAY, "night"),
        (config(billing=("office", "on_call", "night"), night=("weekend", "on_call", "nurses")), EVENING, "nurses"),
        # It leads nowhere: the default queue, and whatever that leads to.
        (config(billing=("office", "on_call", "night"), night=("weekend",)), EVENING, "desk"),
        (config(billing=("office",), desk=("office", "on_call", "night")), EVENING, "night"),
        # In a circle, or into closed queues only: the emergency queue, even by hours that say that it is closed.
        (config(billing=("office", "on_call", "desk"), desk=("office", "on_call", "billing")), EVENING, "nurses"),
        (config(billing=("office", "on_call", "billing"), desk=("never",)), EVENING, "nurses"),
        (config(billing=("never",), desk=("never",), nurses=("never",)), EVENING, "nurses"),
    ],
)
def test_the_first_that_is_open_takes_the_caller(document, at, goes_to):
    way = after_hours.way(document, "billing", at)
    assert way.queue == goes_to
    assert (way.closed is None) == (goes_to == "billing") == (not way.why)


def asked(document, *, at=EVENING, intent=BILLING, urgency=Urgency.ROUTINE):
    world = World(document)
    world.now = at
    world.arrive("c1")
    return world, world.hand_off("c1", intent, urgency)


def only(decisions, kind):
    (found,) = (decision for decision in decisions if decision.type == kind)
    return found


def test_a_caller_after_hours_waits_on_call_and_the_log_says_why():
    world, decided = asked(config(billing=("office", "on_call", "night")))
    assert kinds(decided) == ["item.queued", "item.after_hours"]
    queued, record = decided[0], only(decided, "item.after_hours")
    assert (queued.queue, queued.queued_at) == ("night", EVENING)
    assert [need.skill for need in queued.requirements] == ["nurse"]
    assert queued.why.endswith("the queue for billing.question; billing is closed (after hours: on_call), so night")
    assert record.model_dump(exclude={"type"}) == {
        "item_id": queued.item_id, "contact_id": "c1", "tenant": "demo", "queue": "billing", "then": "on_call",
        "waits_in": "night", "closed_until": datetime(2030, 1, 8, 8, 0, tzinfo=UTC),
    }  # fmt: skip
    world.sign_in("carl")
    assert world.engine.state.agents["carl"].reservation_id is None
    assert only(world.sign_in("nils"), "agent.reserved").queue == "night"


@pytest.mark.parametrize("then", ["message", "call_back"])
def test_what_was_offered_is_recorded_and_the_caller_has_a_queue_until_it_can_be_done(then):
    _, decided = asked(config(billing=("office", then)))
    assert only(decided, "item.queued").queue == "desk"
    assert only(decided, "item.after_hours").then == then


def test_hours_that_never_open_again_have_no_end():
    _, decided = asked(config(billing=("never", "message")))
    assert only(decided, "item.after_hours").closed_until is None


def test_nothing_is_recorded_of_a_queue_that_is_open():
    _, decided = asked(config(billing=("office", "message")), at=MONDAY)
    assert kinds(decided) == ["item.queued"]


@pytest.mark.parametrize("intent", [BILLING, NURSES, "unheard.of"])
def test_emergencies_are_never_after_hours(intent):
    closed = ("never", "message")
    world, decided = asked(config(closed, closed, closed, closed), intent=intent, urgency=Urgency.EMERGENT)
    assert kinds(decided) == ["item.queued"]
    assert decided[0].queue == "nurses"
    assert only(world.sign_in("nora"), "agent.reserved").urgency is Urgency.EMERGENT


def test_who_asked_before_it_closed_keeps_their_place_though_the_fact_comes_later():
    world = World(config(billing=("office", "on_call", "night")))
    world.now = MONDAY.replace(hour=17, minute=1)
    world.arrive("c1")
    data = world.envelope(UrgencyRaised(contact_id="c1", urgency=Urgency.URGENT, intent=BILLING)).data
    decided = world.tell(data, at=MONDAY.replace(hour=16, minute=59))
    assert kinds(decided) == ["item.queued"]
    assert decided[0].queue == "billing"


def test_who_comes_back_after_a_lost_agent_has_the_queue_that_they_had():
    world = World(config(billing=("office", "on_call", "night")))
    world.now = MONDAY.replace(hour=16, minute=59)
    world.sign_in("carl")
    world.call("c1", BILLING)
    world.accept("carl")
    world.connect("carl")
    held = world.reservation("carl")
    world.now += HOUR
    world.tell(AgentLegEnded(contact_id="c1", reservation_id=held, cause=CallEndCause.COMPLETED))
    queued = only(world.hand_off("c1", BILLING, returning=True), "item.queued")
    assert queued.queue == "billing"


def test_who_gets_worse_after_it_closed_is_led_to_whoever_is_there():
    world, _ = asked(config(desk=(), nurses=(), night=("office", "on_call", "nurses")), at=MONDAY)
    world.now = EVENING
    decided = world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.URGENT, intent=NIGHT))
    assert kinds(decided) == ["item.urgency_changed", "item.after_hours"]
    assert (decided[0].queue, decided[1].queue, decided[1].waits_in) == ("nurses", "night", "nurses")


def test_who_was_led_elsewhere_and_becomes_emergent_is_in_the_emergency_queue():
    world, _ = asked(config(billing=("office", "call_back")))
    decided = world.tell(UrgencyRaised(contact_id="c1", urgency=Urgency.EMERGENT, intent=NURSES))
    assert kinds(decided) == ["item.urgency_changed"]
    assert decided[0].queue == "nurses"


def test_a_replay_decides_the_same_and_a_fold_ends_the_same():
    document = config(billing=("office", "on_call", "night"), night=("weekend", "call_back"))
    world = World(document)
    for number in range(30):  # every three hours, through evenings and a weekend
        world.now = START + number * 3 * HOUR
        world.call(f"c{number}", BILLING if number % 2 else NIGHT)
    assert {decision.queue for decision in world.decisions if decision.type == "item.after_hours"} == {
        "billing",
        "night",
    }
    again, folded = Engine("demo"), Engine("demo")
    steps = iter(world.steps)
    step = next(steps)
    for offset, fact in world.facts:
        again.apply(fact)
        folded.apply(fact)
        while step is not None and step.cause == offset:
            decided = again.decide(step.decided_at)
            assert [made.model_dump_json() for made in decided] == [made.model_dump_json() for made in step.decisions]
            folded.apply(Step.model_validate_json(step.model_dump_json()))
            step = next(steps, None)
    assert step is None
    assert again.image() == folded.image() == world.engine.image()
