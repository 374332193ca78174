"""Rules broken on purpose, one at a time: the suite has to notice each. `python -m tests.simulation.mutations`.

A simulation that finds nothing proves something only if it would have found it. Each entry here breaks one rule of the
router in a running process; then seeds are played until the auditor, or an assertion of the router itself, objects.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from router import agent_state, effects, eligibility, expiry, holds, judgement, matching
from router.lines import Lines
from router.policies.frontdoor import Frontdoor
from router.replacing import replace
from router.state import CellState
from schemas.routing import AgentState, ItemState, ReservationState, Urgency
from tests.simulation.run import simulate

SEEDS = 60  # at most, for each; most are noticed within three
Break = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Mutation:
    """A rule, and how it is broken; `start` is the first seed to try where few seeds notice."""

    rule: str
    breaks: Break
    start: int = 1


@dataclass(frozen=True)
class Noticed:
    """Which seed objected, and what it said."""

    seed: int
    by: str


def noticed(mutation: Mutation, seeds: int = SEEDS) -> Noticed | None:
    """Break the rule and play so many seeds until one objects; None if none does. Afterwards the rule is whole."""
    with pytest.MonkeyPatch.context() as patch:
        mutation.breaks(patch)
        for seed in range(mutation.start, mutation.start + seeds):
            try:
                simulate(seed)
            except Exception as error:  # noqa: BLE001  whatever objects is welcome
                return Noticed(seed, f"{type(error).__name__}: {error}")
    return None


# ---- the rules


def _no_exclusion(patch: pytest.MonkeyPatch) -> None:
    rule = matching.holds_on
    patch.setattr(matching, "holds_on", lambda state, item, now: rule(state, replace(item, excluded=()), now))


def _no_reserve(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(holds, "_reserve", lambda _state, _item: [])


def _emergent_held(patch: pytest.MonkeyPatch) -> None:
    rule = matching.holds_on

    def held(state: CellState, item: Any, now: datetime) -> Any:
        return rule(state, replace(item, urgency=max(item.urgency, Urgency.URGENT)), now)

    patch.setattr(matching, "holds_on", held)


def _hard_relaxed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        eligibility, "unmet", lambda tenant, _needs, agent: None if agent.tenant == tenant else "other_tenant"
    )


def _urgency_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Frontdoor, "choose", lambda _self, _agent, heads, _now: min(heads, key=lambda item: item.queued_at))


def _last_come_first_served(patch: pytest.MonkeyPatch) -> None:
    def heads(state: CellState, need: Any, _agent: Any, _now: datetime) -> Iterator[Any]:
        yield from (state.items[line[-1][1]] for line in need.lines.values())

    patch.setattr(matching, "_heads", heads)


def _never_lapses(patch: pytest.MonkeyPatch) -> None:
    rule = expiry._expire_reservation

    def expire(state: CellState, reservation: Any, now: datetime) -> Iterator[Any]:
        if state.items[reservation.item_id].state is not ItemState.RESERVED:
            yield from rule(state, reservation, now)

    patch.setattr(expiry, "_expire_reservation", expire)


def _lapses_although_accepted(patch: pytest.MonkeyPatch) -> None:
    rule = judgement._judge_answer

    def judge(state: CellState, contact: Any, item: Any, reservation: Any, now: datetime) -> Iterator[Any]:
        if reservation.state is not ReservationState.ACCEPTED or now >= reservation.expires_at:
            yield from rule(state, contact, item, reservation, now)

    patch.setattr(judgement, "_judge_answer", judge)


def _fence_stands(patch: pytest.MonkeyPatch) -> None:
    rule = judgement.of_match

    def of_match(state: CellState, match: Any, now: datetime) -> Any:
        decision = rule(state, match, now)
        return decision.model_copy(update={"fence": 1}) if decision.type == "agent.reserved" else decision

    patch.setattr(judgement, "of_match", of_match)


def _no_wrap_up(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(agent_state.TRANSITIONS, (AgentState.BUSY, "item.wrapping"), AgentState.IDLE)
    patch.setitem(agent_state.TRANSITIONS, (AgentState.IDLE, "item.completed"), AgentState.IDLE)


def _place_lost(patch: pytest.MonkeyPatch) -> None:
    rule = effects._requeued

    def requeued(state: CellState, data: Any, at: datetime) -> None:
        rule(state, data, at)
        state.put_item(replace(state.items[data.item_id], queued_at=at))

    patch.setitem(effects._EFFECTS, "item.requeued", requeued)


def _not_released(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(effects._EFFECTS, "reservation.canceled", effects._reservation_moved)


def _backlog_not_retried(patch: pytest.MonkeyPatch) -> None:
    rule = Lines.put_free

    def put_free(self: Lines, agent: Any) -> bool:
        fresh = rule(self, agent)
        self.pass_agent(agent.agent_id)
        return fresh

    patch.setattr(Lines, "put_free", put_free)


def _holds_end_unseen(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CellState, "_next_change", lambda _self, _name, _now=None: None)


def _repeats_folded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CellState, "is_repeat", lambda self, contact, _event: contact in self.ended)


MUTATIONS = (
    Mutation("who rejected an item is not offered it again at once", _no_exclusion),
    Mutation("the last idle nurses are kept for emergent callers", _no_reserve),
    Mutation("no hold keeps anyone from an emergent caller", _emergent_held),
    Mutation("hard requirements are never relaxed", _hard_relaxed),
    Mutation("the more urgent go first", _urgency_ignored),
    Mutation("within a line, first come first served", _last_come_first_served),
    Mutation("an offer that nobody answers lapses", _never_lapses),
    Mutation("who accepts is connected at once", _lapses_although_accepted),
    Mutation("every reservation has a larger fence", _fence_stands),
    Mutation("after a call the agent wraps up", _no_wrap_up),
    Mutation("who is queued again keeps their place", _place_lost),
    Mutation("who hangs up releases the agent", _not_released),
    Mutation("an agent who becomes free looks at the backlog", _backlog_not_retried),
    Mutation("when a hold ends, its item is looked at anew", _holds_end_unseen),
    Mutation("a fact that comes twice counts once", _repeats_folded, start=50),
)


def main() -> int:
    """Break each rule and print what noticed it; 1 if one went unnoticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many to play at most for each rule")
    options = parser.parse_args()
    unnoticed = 0
    for mutation in MUTATIONS:
        found = noticed(mutation, options.seeds)
        unnoticed += found is None
        told = "NOT NOTICED" if found is None else f"seed {found.seed:>3}  {found.by.split('(record')[0][:90]}"
        print(f"{mutation.rule:<55}  {told}", flush=True)
    print(f"{len(MUTATIONS)} rules broken, {unnoticed} not noticed in {options.seeds} seeds")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
