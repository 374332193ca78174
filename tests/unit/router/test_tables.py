"""Every row of every table, and every pair that is in none."""

from itertools import product

import pytest

from router import agent_state, contact_state, item_state, reservation_state
from schemas.errors import IllegalTransition
from schemas.routing import AgentState, ContactState, ItemState, ReservationState

MACHINES = {
    "contact": (contact_state, ContactState),
    "item": (item_state, ItemState),
    "reservation": (reservation_state, ReservationState),
    "agent": (agent_state, AgentState),
}
ROWS = [(name, *row) for name, (module, _) in MACHINES.items() for row in sorted(module.TRANSITIONS)]
HOLES = [
    (name, state, event)
    for name, (module, states) in MACHINES.items()
    for state, event in product(states, sorted({event for _, event in module.TRANSITIONS}))
    if (state, event) not in module.TRANSITIONS
]


@pytest.mark.parametrize(("machine", "state", "event"), ROWS)
def test_a_listed_pair_leads_where_the_table_says(machine, state, event):
    module, _ = MACHINES[machine]
    assert module.next_state(state, event) is module.TRANSITIONS[state, event]


@pytest.mark.parametrize(("machine", "state", "event"), HOLES)
def test_a_pair_that_is_not_listed_is_a_defect(machine, state, event):
    module, _ = MACHINES[machine]
    with pytest.raises(IllegalTransition) as caught:
        module.next_state(state, event)
    assert (caught.value.machine, caught.value.state, caught.value.event) == (machine, state, event)


@pytest.mark.parametrize("machine", MACHINES)
def test_every_state_can_be_left_or_is_an_end(machine):
    module, states = MACHINES[machine]
    ends = {
        "contact": {ContactState.ENDED},
        "item": {ItemState.COMPLETED, ItemState.ABANDONED, ItemState.FAILED},
        "reservation": {ReservationState.LAPSED, ReservationState.RESCINDED, ReservationState.CANCELED},
        "agent": {AgentState.UNREACHABLE},
    }[machine]
    left = {state for (state, _), after in module.TRANSITIONS.items() if after is not state}
    assert set(states) - left == ends


def test_an_answer_never_undoes_an_earlier_one():
    answers = ("offer.accepted", "offer.rejected")
    for state, event in product(set(ReservationState) - {ReservationState.CREATED}, answers):
        assert reservation_state.next_state(state, event) is state
