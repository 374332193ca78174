"""Whatever is decided and wherever the socket is cut, a desktop that resumes shows what one shows that never was."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent_gateway.desk import DeskBook
from agent_gateway.session import Session
from schemas.routing import RequeueReason
from tests.unit.agent_gateway.examples import NURSE, OTHER, Desktop, Log, Work, changed

_STEPS = [
    "reserved", "more_urgent", "connecting", "joining", "connected", "wrapping", "completed", "lapsed", "rescinded",
    "canceled", "extended", "reset",
]  # fmt: skip


def _decision(name: str, n: int, agent: Any, reason: RequeueReason) -> Any:
    if name == "changed":
        return changed(n, agent=agent)
    if name == "requeued":
        return Work(n, agent).requeued(reason)
    return getattr(Work(n, agent), name)()


# Few ids and few agents, so that decisions meet; any order, so that more is tried than a router would decide.
decisions = st.builds(
    _decision,
    st.sampled_from([*_STEPS, "requeued", "changed"]),
    st.integers(1, 2),
    st.sampled_from([NURSE, NURSE, NURSE, OTHER]),
    st.sampled_from(RequeueReason),
)
logs = st.lists(st.lists(decisions, min_size=1, max_size=4), min_size=1, max_size=25)


def hello(session: Session, resume: int | None = None) -> None:
    frame: dict[str, Any] = {"type": "hello"}
    session.receive(
        json.dumps(frame | ({"resume": {"session": "s", "seq": resume}} if resume is not None else {})), now=0.0
    )


def read(session: Session, desktop: Desktop) -> list[int]:
    frames = session.frames()
    for frame in frames:
        desktop.show(frame)
    return [frame.seq for frame in frames if hasattr(frame, "seq") and frame.type not in {"resumed", "snapshot"}]


def _view(desktop: Desktop) -> tuple[Any, Any, Any]:
    return desktop.status, desktop.offer, desktop.call


def _run(steps: list[list[Any]], cut: int, back: int, resume: Callable[[Desktop], int | None], kept: int) -> None:
    log = Log(DeskBook(changes_max=kept))
    whole, cut_off = Desktop(), Desktop()
    steady, first = log.open(1), log.open(2)
    hello(steady)
    hello(first)
    read(first, cut_off)  # a desktop that can resume has seen a snapshot
    for index, step in enumerate(steps):
        if index == back:
            second = log.open(3)
            hello(second, resume(cut_off))
        log.decide(*step)
        if index < cut:
            read(first, cut_off)
        read(steady, whole)
    later = log.sessions[2] if len(log.sessions) > 2 else log.open(3)
    if not later.greeted:
        hello(later, resume(cut_off))
    read(later, cut_off)
    assert _view(cut_off) == _view(whole)
    assert cut_off.seq == whole.seq


@given(logs, st.integers(0, 25), st.integers(0, 25), st.sampled_from([1, 3, 128]))
def test_resume_at_any_cut_shows_what_was_never_cut(steps: list[list[Any]], cut: int, gap: int, kept: int) -> None:
    _run(steps, cut, cut + gap, lambda desktop: desktop.seq, kept)


@given(logs, st.integers(0, 25), st.integers(0, 25))
def test_a_snapshot_at_any_time_shows_what_was_never_cut(steps: list[list[Any]], cut: int, gap: int) -> None:
    _run(steps, cut, cut + gap, lambda _: None, 128)


@given(logs, st.integers(0, 25), st.integers(0, 30_000))
def test_seq_grows_strictly_and_no_decision_is_told_twice(steps: list[list[Any]], opens: int, resume: int) -> None:
    log = Log(DeskBook(changes_max=5))
    session, seen = log.open(), []
    for index, step in enumerate(steps):
        if index == opens:
            hello(session, resume)
        log.decide(*step)
        seen += [frame.seq for frame in session.frames() if frame.type not in {"welcome", "snapshot", "resumed"}]
    assert seen == sorted(set(seen))
