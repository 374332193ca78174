"""Desks that are read off a router's state are the desks that its decisions make; and a desktop may go to any pod."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_gateway.desk import Desk, DeskBook
from agent_gateway.session import Session, SessionLimits
from schemas.decisions import position
from schemas.ids import AgentId, SessionId
from schemas.routing import AgentStatus, Urgency
from services.desktop.starting import desks_of, newest_start
from services.routing import snapshots
from services.runtime.clock import SystemClock
from services.runtime.embedded_bus import EmbeddedBus
from tests.unit.agent_gateway.examples import Desktop, pop
from tests.world import World

CARL = AgentId("carl")
AGENTS = ("carl", "nora", "nils")


def _held(act: Callable[[World, str], Any]) -> Callable[[World, str], Any]:
    def guarded(world: World, agent: str) -> None:
        if world.engine.state.agents[AgentId(agent)].reservation_id is not None:
            act(world, agent)

    return guarded


def _hang_up(world: World, agent: str) -> None:
    held = world.engine.state.reservations[world.reservation(agent)]
    world.hang_up(held.contact_id)


def _raise(world: World, agent: str) -> None:
    held = world.engine.state.reservations[world.reservation(agent)]
    world.hand_off(held.contact_id, "agent.request", Urgency.URGENT)


ACTS: dict[str, Callable[[World, str], Any]] = {
    "sign in": lambda world, agent: world.sign_in(agent, session=f"s{len(world.facts):04}"),
    "rest": lambda world, agent: world.sign_in(agent, session="s9999", status=AgentStatus.BREAK),
    "call": lambda world, _: world.call(f"c{len(world.facts)}"),
    "symptom": lambda world, _: world.call(f"c{len(world.facts)}", "triage.symptom", Urgency.URGENT),
    "accept": _held(lambda world, agent: world.accept(agent)),
    "reject": _held(lambda world, agent: world.reject(agent)),
    "connect": _held(lambda world, agent: world.connect(agent)),
    "hang up": _held(_hang_up),
    "raise": _held(_raise),
    "wrap up": _held(lambda world, agent: world.wrap_up(agent)),
    "wait": lambda world, _: world.wait(7),
}
acts = st.lists(
    st.tuples(st.sampled_from(sorted(ACTS)), st.sampled_from(("carl", "carl", "nora"))), min_size=1, max_size=30
)


def _image(world: World) -> dict[str, Any]:
    """What a snapshot of the world's partition holds, once it has been written and read."""
    image: dict[str, Any] = json.loads(json.dumps({"causes": {}, "cells": {"demo": world.engine.image()}}))
    return image


def _fold(book: DeskBook, world: World, start: int = 0) -> list[Any]:
    changes = []
    for offset, step in list(enumerate(world.steps))[start:]:
        changes += book.fold(offset, step, step.decided_at)
    return changes


def _plain(desk: Desk) -> tuple[Any, ...]:
    """The desk without what a connecting call's card does not follow: how urgent it has become since the offer."""
    offer = desk.offer
    call = desk.call.view.model_dump(exclude={"urgency", "queue"}) if desk.call else None
    sealed = desk.call.offer.sealed if desk.call else None
    return desk.status, desk.session, offer, call, sealed


@given(acts)
def test_the_desks_of_a_snapshot_are_those_that_the_decisions_make(done: list[tuple[str, str]]) -> None:
    world = World()
    for act, agent in done:
        ACTS[act](world, agent)
    book = DeskBook()
    _fold(book, world)
    desks = {desk.agent_id: desk for desk in desks_of(_image(world), decisions_next=len(world.steps))}
    assert desks.keys() == set(AGENTS)
    for agent, desk in desks.items():
        assert _plain(desk) == _plain(book.desk(agent))
        assert book.desk(agent).position <= desk.position < position(len(world.steps), 0)


class Hopper:
    """A desktop that goes from pod to pod; `told` are the positions that it was told of since its last snapshot."""

    def __init__(self) -> None:
        self.shown = Desktop()
        self.told: list[int] = []
        self.since = 0
        self.snapshots = 0
        self._number = 0
        self._session: Session | None = None

    def come(self, book: DeskBook) -> None:
        self._number += 1
        session = Session(
            SessionId(f"zz-{self._number:04}"), CARL, name="Carl", book=book, screen_pop=pop, now=0.0,
            limits=SessionLimits(),
        )  # fmt: skip
        resume = {"resume": {"session": "zz", "seq": self.shown.seq}} if self._number > 1 else {}
        session.receive(json.dumps({"type": "hello", **resume}), now=0.0)
        self._session = session
        self.read()

    def tell(self, changes: list[Any]) -> None:
        for agent, at, change in changes:
            if agent == CARL and self._session is not None:
                self._session.decided(at, change)

    def read(self) -> None:
        for frame in self._session.frames() if self._session is not None else []:
            self.shown.show(frame)
            if frame.type == "snapshot":
                self.told, self.since = [], frame.seq
                self.snapshots += 1
            elif frame.type not in {"welcome", "resumed"}:
                self.told.append(frame.seq)

    def cut(self) -> None:
        """What was sent and not read is lost."""
        self._session = None


@given(acts, st.data())
def test_whichever_pod_a_desktop_goes_to_it_is_told_every_decision_once_and_in_order(
    done: list[tuple[str, str]], data: st.DataObject
) -> None:
    world, truth = World(), DeskBook()
    pods = [DeskBook(), DeskBook(changes_max=2)]
    all_told: list[int] = []
    desktop = Hopper()
    desktop.come(pods[0])
    at = 0
    for act, agent in done:
        before = len(world.steps)
        ACTS[act](world, agent)
        all_told += [seq for name, seq, _ in _fold(truth, world, before) if name == CARL]
        changes = [_fold(pod, world, before) for pod in pods]
        desktop.tell(changes[at])
        if data.draw(st.booleans(), label="it reads"):
            desktop.read()
        if data.draw(st.integers(0, 3), label="cut") == 0:
            desktop.cut()
            if data.draw(st.booleans(), label="the pod is replaced"):
                pods[at] = DeskBook()
                pods[at].begin(desks_of(_image(world), decisions_next=len(world.steps)))
            at = data.draw(st.integers(0, 1), label="to the pod")
            desktop.come(pods[at])
            expected = [seq for seq in all_told if seq > desktop.since]
            assert desktop.told == expected
    desktop.read()
    assert desktop.told == [seq for seq in all_told if seq > desktop.since]
    shown, desk = desktop.shown, truth.desk(CARL)
    assert shown.status == desk.status
    assert (shown.offer and shown.offer.reservation_id) == (desk.offer and desk.offer.view.reservation_id)
    assert (shown.call and shown.call.state) == (desk.call and desk.call.state)


async def _saved(bus: EmbeddedBus, partition: int, image: dict[str, Any], decisions_next: int) -> None:
    snapshot = snapshots.Snapshot(0, 1, 0, decisions_next, image)
    await snapshots.save(bus, partition, snapshot, slot=0, at=SystemClock().now())


async def test_a_start_has_an_offset_for_each_partition_that_has_a_snapshot(tmp_path: Any) -> None:
    world = World()
    world.sign_in("carl")
    world.call("c1")
    async with EmbeddedBus(tmp_path / "bus", 3) as bus:
        assert (await newest_start(bus)).offsets == {}
        await _saved(bus, 1, _image(world), 40)
        start = await newest_start(bus)
    assert start.offsets == {1: 40}
    (carl,) = [desk for desk in start.desks if desk.agent_id == CARL]
    assert (carl.position, carl.offer and carl.offer.view.contact_id) == (position(40, 0) - 1, "c1")


@pytest.mark.parametrize("image", [{}, {"cells": {"demo": {"cell": "demo"}}}])
async def test_a_snapshot_that_cannot_be_read_is_passed_over(tmp_path: Any, image: dict[str, Any]) -> None:
    async with EmbeddedBus(tmp_path / "bus", 1) as bus:
        await _saved(bus, 0, image, 40)
        assert await newest_start(bus) == await newest_start(bus)
        assert (await newest_start(bus)).offsets == {}
