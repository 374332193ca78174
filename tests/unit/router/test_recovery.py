"""A contact that cannot be judged is begun anew, and nobody else notices."""

import pytest

from router import judgement
from router.engine import Engine
from router.recovery import RESETS_MAX
from schemas.contacts import CallerLegEnded, DialogTurned
from schemas.routing import CallEndCause, EndReason
from tests.world import World, kinds


class Unlucky(RuntimeError):
    """A defect."""


@pytest.fixture
def curse(monkeypatch):
    """Return for each contact how often its judgement is still to raise."""
    left = {}
    judge = judgement.judge_contact

    def judged(state, name, now):
        contact = state.contacts.get(name)
        if contact and left.get(name, 0) and (contact.resets < RESETS_MAX or contact.leg_gone):
            left[name] -= 1
            raise Unlucky("what the caller said")
        yield from judge(state, name, now)

    monkeypatch.setattr(judgement, "judge_contact", judged)
    return left


def offered(contact="c1"):
    world = World()
    world.sign_in("carl")
    world.call(contact)
    return world


def touch(world, contact="c1"):
    return world.tell(DialogTurned(contact_id=contact, turn=9, node="menu"))


def test_its_work_is_given_up_its_agent_released_and_it_asks_anew(curse):
    world = offered()
    held = world.reservation("carl")
    curse["c1"] = 1
    decisions = touch(world)
    assert kinds(decisions)[:2] == ["contact.reset", "item.queued"]
    assert (decisions[0].contact_id, decisions[0].reason) == ("c1", "Unlucky")
    assert [(work.reservation_id, work.agent_id) for work in decisions[0].released] == [(held, "carl")]
    assert world.reservation("carl") != held


def test_an_agents_phone_that_rings_for_it_is_released(curse):
    world = offered()
    world.accept("carl")
    curse["c1"] = 1
    assert kinds(touch(world))[:3] == ["leg.released", "contact.reset", "item.queued"]


def test_other_callers_are_judged_all_the_same(curse):
    world = offered()
    curse["c1"] = RESETS_MAX
    world.call("c2")
    touch(world)
    assert "c2" in {item.contact_id for item in world.engine.state.items.values()}


def test_who_cannot_be_judged_again_and_again_is_left_alone_until_they_are_gone(curse):
    world = offered()
    curse["c1"] = RESETS_MAX
    assert kinds(touch(world)).count("contact.reset") == RESETS_MAX
    assert touch(world) == []
    ended = world.tell(CallerLegEnded(contact_id="c1", cause=CallEndCause.COMPLETED))
    assert kinds(ended) == ["contact.ended"]


def test_who_cannot_even_be_ended_is_ended_as_failed(curse):
    world = offered()
    curse["c1"] = 100
    touch(world)
    decisions = world.tell(CallerLegEnded(contact_id="c1", cause=CallEndCause.COMPLETED))
    assert (decisions[-1].type, decisions[-1].reason) == ("contact.ended", EndReason.FAILED)
    assert world.engine.state.contacts == {}


def test_a_restored_engine_has_folded_the_same(curse):
    world = offered()
    world.accept("carl")
    curse["c1"] = 1
    touch(world)
    restored = Engine("demo")
    steps = {step.cause: step for step in world.steps}
    for offset, envelope in [(-1, None), *world.facts]:
        if envelope is not None:
            restored.apply(envelope)
        if offset in steps:
            restored.apply(steps[offset])
    assert restored.image() == world.engine.image()


def test_a_defect_that_is_nobodys_is_told(monkeypatch):
    world = offered()

    def broken(state, name):
        raise Unlucky("an agent")
        yield

    monkeypatch.setattr(judgement, "judge_agent", broken)
    with pytest.raises(Unlucky):
        world.sign_in("nora")
