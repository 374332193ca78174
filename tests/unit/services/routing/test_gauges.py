"""What routing shows of the present."""

from dataclasses import replace
from datetime import timedelta

import pytest

from router.partition import Partition
from schemas.routing import AgentStatus, Urgency
from services.routing.gauges import A_MOMENT, Gauges
from services.runtime.clock import ManualClock
from services.runtime.telemetry import (
    AGENTS,
    CONTACTS_IN_DIALOG,
    ITEMS,
    ITEMS_UNMATCHED,
    LONGEST_WAIT_SECONDS,
    OWNED,
    Metrics,
)
from tests.world import World


class Held(Partition):
    """A partition whose ownership the test says."""

    def __init__(self, world, *, owning=True):
        super().__init__("test")
        self.engines = {"demo": world.engine}
        self.held = owning

    @property
    def owning(self):
        return self.held


@pytest.fixture
def world():
    return World()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def gauges(metrics):
    return Gauges(metrics)


def series(metrics, metric):
    """Return the lines of one metric, as they are exposed."""
    return [line for line in metrics.render().decode().splitlines() if line.startswith(metric.name)]


def test_items_agents_and_dialogs_are_shown_by_their_labels(world, metrics, gauges):
    world.call("c1")
    world.call("c2", "triage.symptom", Urgency.EMERGENT)
    world.arrive("c3")
    world.sign_in("carl")
    gauges.observe({0: Held(world)}, world.now)
    assert series(metrics, ITEMS) == [
        'frontdoor_items{queue="desk",state="reserved",tenant="demo",urgency="routine"} 1.0',
        'frontdoor_items{queue="nurses",state="queued",tenant="demo",urgency="emergent"} 1.0',
    ]
    assert metrics.value(AGENTS, tenant="demo", status="available", state="reserved") == 1
    assert metrics.value(CONTACTS_IN_DIALOG, tenant="demo") == 1
    assert series(metrics, ITEMS_UNMATCHED) == []


def test_what_is_over_leaves_no_series_behind(world, metrics, gauges):
    world.call("c1")
    gauges.observe({0: Held(world)}, world.now)
    world.hang_up("c1")
    world.wait(1)
    gauges.observe({0: Held(world)}, world.now)
    for metric in (ITEMS, LONGEST_WAIT_SECONDS, CONTACTS_IN_DIALOG):
        assert series(metrics, metric) == []


def test_a_look_is_taken_once_a_second_at_most_and_a_clock_that_is_set_back_does_not_stop_it(world, metrics, gauges):
    gauges.observe({0: Held(world)}, world.now)
    world.call("c1")
    gauges.observe({0: Held(world)}, world.now + timedelta(seconds=0.9))
    assert series(metrics, ITEMS) == []
    gauges.observe({0: Held(world)}, world.now - timedelta(hours=1))
    assert len(series(metrics, ITEMS)) == 1


def test_only_an_owner_speaks_for_a_partition_and_every_partition_is_told(world, metrics, gauges):
    world.call("c1")
    mine, other = Held(World()), Held(world, owning=False)
    gauges.observe({0: mine, 1: other}, world.now)
    assert (metrics.value(OWNED, partition="0"), metrics.value(OWNED, partition="1")) == (1, 0)
    assert len(series(metrics, OWNED)) == 2
    assert series(metrics, ITEMS) == []
    mine.held, other.held = False, True
    gauges.observe({0: mine, 1: other}, world.now + timedelta(seconds=1))
    assert (metrics.value(OWNED, partition="0"), metrics.value(OWNED, partition="1")) == (0, 1)
    assert len(series(metrics, ITEMS)) == 1


def test_several_cells_are_added_up(metrics, gauges):
    worlds = [World(), World()]
    for world in worlds:
        world.call("c1")
    gauges.observe({0: Held(worlds[0]), 1: Held(worlds[1])}, worlds[0].now)
    assert metrics.value(ITEMS, tenant="demo", queue="desk", urgency="routine", state="queued") == 2


def test_the_wait_is_the_longest_of_those_who_do_not_speak_to_a_person(world, metrics, gauges):
    def wait(urgency="routine", queue="desk"):
        return metrics.value(LONGEST_WAIT_SECONDS, tenant="demo", queue=queue, urgency=urgency)

    world.call("c1")
    world.wait(30)
    world.call("c2")
    world.sign_in("carl")
    gauges.observe({0: Held(world)}, world.now)
    assert wait() == 30  # c1 is only offered
    world.accept("carl")
    world.connect("carl")
    world.wait(5)
    gauges.observe({0: Held(world)}, world.now)
    assert wait() == 5


def test_an_emergent_wait_begins_when_the_caller_becomes_emergent(world, metrics, gauges):
    def wait(urgency):
        return metrics.value(LONGEST_WAIT_SECONDS, tenant="demo", queue="nurses", urgency=urgency)

    world.call("c1", "triage.symptom", Urgency.ROUTINE)
    world.wait(600)
    gauges.observe({0: Held(world)}, world.now)
    assert wait("routine") == 600
    world.hand_off("c1", "triage.symptom", Urgency.EMERGENT)
    world.wait(1)
    gauges.observe({0: Held(world)}, world.now)
    assert (wait("routine"), wait("emergent")) == (0, 0)
    world.wait(11)
    gauges.observe({0: Held(world)}, world.now)
    assert wait("emergent") == 11


def test_a_router_that_did_not_see_the_raise_counts_from_the_beginning(world, metrics, gauges):
    """After a takeover: rather an alert too many."""
    world.call("c1", "triage.symptom", Urgency.EMERGENT)
    world.wait(600)
    gauges.observe({0: Held(world)}, world.now)
    assert metrics.value(LONGEST_WAIT_SECONDS, tenant="demo", queue="nurses", urgency="emergent") == 600


def test_who_stays_apart_shows_after_a_moment_and_no_longer_once_matched(world, metrics, gauges):
    def apart():
        return metrics.value(ITEMS_UNMATCHED, tenant="demo", queue="desk")

    world.call("c1")
    world.sign_in("carl", status=AgentStatus.BREAK)
    agent = replace(world.engine.state.agents["carl"], status=AgentStatus.AVAILABLE)
    world.engine.state.put_agent(agent, is_free=False)  # as if an index had lost them
    gauges.observe({0: Held(world)}, world.now)
    assert apart() == 0
    gauges.observe({0: Held(world)}, world.now + A_MOMENT)
    assert apart() == 1
    world.engine.state.put_agent(agent, is_free=True)
    world.wait(A_MOMENT.total_seconds() + 1)
    gauges.observe({0: Held(world)}, world.now)
    assert series(metrics, ITEMS_UNMATCHED) == []


def test_two_moments_are_not_added_up(world, metrics, gauges):
    world.call("c1")
    world.sign_in("carl", status=AgentStatus.BREAK)
    state, away = world.engine.state, world.engine.state.agents["carl"]
    there = replace(away, status=AgentStatus.AVAILABLE)
    for second, agent in enumerate((there, away, there, away, there)):
        state.put_agent(agent, is_free=False)
        gauges.observe({0: Held(world)}, world.now + timedelta(seconds=second))
        assert series(metrics, ITEMS_UNMATCHED) == []


async def test_the_loop_looks_again_and_again_at_what_is_held_then(world, metrics, gauges):
    clock = ManualClock()
    partitions = {}
    slept = []

    class End(Exception):
        pass

    async def sleep(seconds):
        slept.append(seconds)
        if len(slept) > 2:
            raise End
        clock.advance(seconds)
        partitions[len(slept)] = Held(world)

    with pytest.raises(End):
        await gauges.keep(lambda: partitions, clock, sleep=sleep)
    assert slept == [1.0, 1.0, 1.0]
    assert len(series(metrics, OWNED)) == 2
