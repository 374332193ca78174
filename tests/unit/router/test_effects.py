"""What each decision changes, for whoever folds it."""

from typing import get_args

import pytest

from router import effects
from router.engine import Engine
from schemas import decisions as made
from schemas.agents import StatusSet
from schemas.errors import IllegalTransition
from schemas.routing import AgentStatus
from tests.world import START, World


@pytest.mark.parametrize(
    "decision",
    [
        made.Unrecognised(),
        made.ConfigAdopted(tenant="demo", version=1),
        made.FactRejected(offset=0, fact_id="f", fact_type="t", subject="s", reason="Defect"),
        made.LegReleased(
            contact_id="c", leg="agent", reservation_id="r", tenant="demo", carrier="", account="", call=""
        ),
        made.LegReleased(contact_id="c", leg="caller", tenant="demo", carrier="", account="", call=""),
    ],
)
def test_a_record_for_readers_changes_nothing(decision):
    world = World()
    before = world.engine.image()
    effects.fold(world.engine.state, decision, START)
    assert world.engine.image() == before


def test_every_type_of_decision_has_its_effect():
    union, _ = get_args(made.Decision)
    types = {model.model_fields["type"].default for model in get_args(union)}
    assert set(effects._EFFECTS) == types


def test_a_decision_that_cannot_follow_is_a_defect():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    (item,) = world.engine.state.items.values()
    names = {"item_id": item.item_id, "contact_id": "c1", "reservation_id": item.reservation_id, "agent_id": "carl"}
    with pytest.raises(IllegalTransition):
        effects.fold(world.engine.state, made.ItemConnected(**names), START)


def test_who_does_not_answer_and_meant_to_stop_stops_as_they_said():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    world.tell(StatusSet(agent_id="carl", status=AgentStatus.TRAINING, reason="course"))
    world.wait(20)
    agent = world.engine.state.agents["carl"]
    assert (agent.status, agent.status_reason) == (AgentStatus.TRAINING, "course")


def test_a_released_leg_of_the_agent_does_not_count_as_the_callers():
    world = World()
    world.sign_in("carl")
    world.call("c1")
    held = world.reservation("carl")
    told = made.LegReleased(
        contact_id="c1", leg="agent", reservation_id=held, tenant="demo", carrier="", account="", call=""
    )
    effects.fold(world.engine.state, told, START)
    assert not world.engine.state.reservations[held].hang_up_told


def test_a_step_of_a_newer_release_is_folded_as_far_as_it_is_understood():
    engine = Engine("demo")
    step = made.Step(epoch=0, seq=1, cell="demo", cause=-1, decided_at=START, decisions=(made.Unrecognised(),))
    engine.apply(step)
    assert engine.state.decided_at == START
