"""The reservation: an agent's lease on a work item, with an expiry and a fencing number.

The agent's answer is a fact, everything else a decision. The first of them wins: an answer that comes after the lapse,
after another answer, or after the caller hung up has a row that keeps the state.
"""

from typing import Final

from router.tables import Table, transition
from schemas.routing import ReservationState

_CREATED, _ACCEPTED, _REJECTED = ReservationState.CREATED, ReservationState.ACCEPTED, ReservationState.REJECTED
_LAPSED, _RESCINDED, _CANCELED = ReservationState.LAPSED, ReservationState.RESCINDED, ReservationState.CANCELED

TRANSITIONS: Final[Table[ReservationState]] = {
    (_CREATED, "offer.accepted"): _ACCEPTED,
    (_CREATED, "offer.rejected"): _REJECTED,
    (_CREATED, "reservation.lapsed"): _LAPSED,
    (_CREATED, "reservation.rescinded"): _RESCINDED,
    (_CREATED, "reservation.canceled"): _CANCELED,
    (_ACCEPTED, "offer.accepted"): _ACCEPTED,  # repeated
    (_ACCEPTED, "offer.rejected"): _ACCEPTED,  # too late: the first answer stands
    (_ACCEPTED, "reservation.rescinded"): _RESCINDED,  # could not be connected
    (_ACCEPTED, "reservation.canceled"): _CANCELED,
    (_REJECTED, "offer.rejected"): _REJECTED,  # repeated
    (_REJECTED, "offer.accepted"): _REJECTED,  # too late
    (_REJECTED, "reservation.canceled"): _CANCELED,
    (_LAPSED, "offer.accepted"): _LAPSED,  # lost the race with the timer
    (_LAPSED, "offer.rejected"): _LAPSED,
    (_RESCINDED, "offer.accepted"): _RESCINDED,
    (_RESCINDED, "offer.rejected"): _RESCINDED,
    (_CANCELED, "offer.accepted"): _CANCELED,
    (_CANCELED, "offer.rejected"): _CANCELED,
}


def next_state(state: ReservationState, event: str) -> ReservationState:
    """Return the reservation's state after an answer or a decision."""
    return transition("reservation", TRANSITIONS, state, event)
