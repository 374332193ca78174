"""How a transition table is read.

A table maps (state, event) to the next state, where the event is named by its `type` on the log. A pair that is not
listed is a defect: it raises and changes nothing. A late or repeated event has a row of its own that keeps the state.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from schemas.errors import IllegalTransition

StateT = TypeVar("StateT", bound=StrEnum)

Table = Mapping[tuple[StateT, str], StateT]


def transition(machine: str, table: Table[StateT], state: StateT, event: str) -> StateT:
    """Return the state after `event`. Raises `IllegalTransition` for a pair that the table does not list."""
    try:
        return table[state, event]
    except KeyError:
        raise IllegalTransition(machine, state, event) from None
