"""Every order of everything, in small worlds: the rules of ownership hold, and each rule is needed.

`worlds` says what is in them and what is not, `world` what can happen, `properties` and `walk` what must hold,
`strides` how orders that come to the same are walked once. `python -m tests.exploration --deep` walks larger worlds.
"""

import pytest

from tests.exploration.variants import USUAL, VARIANTS, WITHIN
from tests.exploration.walk import Found, Walk
from tests.exploration.world import World
from tests.exploration.worlds import STEP_BY_STEP, WORLDS

pytestmark = pytest.mark.timeout(900)  # it is work of a minute, on a machine that may be busy


def walk(bounded, *, by_strides=True):
    world = World(bounded.scenario)
    explored = Walk(world, bounded.left, by_strides=by_strides).run()
    assert world.objects.unchanged()
    print(f"\n{bounded.scenario.name}, {bounded.left}: {explored}")
    return explored


@pytest.mark.parametrize("name", WORLDS)
def test_the_rules_hold_in_every_order(name):
    explored = walk(WORLDS[name])
    assert explored.complete
    extended = [sum("deadlines.extended" in record for record in log) for log in explored.logs]
    assert max(extended) >= (2 if "outage" in name else 0), "time is given back, and once more after another outage"


@pytest.mark.parametrize("name", STEP_BY_STEP)
def test_strides_leave_nothing_out(name):
    steps, strides = (walk(STEP_BY_STEP[name], by_strides=by) for by in (False, True))
    assert strides.states < steps.states
    assert strides.logs == steps.logs
    assert strides.processes == steps.processes


@pytest.mark.parametrize("name", VARIANTS)
def test_a_rule_that_is_left_out_is_missed(name):
    bounded = WITHIN.get(name, USUAL)
    with pytest.raises(Found) as found:
        Walk(World(bounded.scenario, VARIANTS[name]), bounded.left).run(states_max=50_000)
    print(f"\n{name}: {found.value}")
    assert found.value.steps


def test_a_walk_is_the_same_again():
    bounded = STEP_BY_STEP["a copy"]
    assert walk(bounded) == walk(bounded)
