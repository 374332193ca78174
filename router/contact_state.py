"""The contact: one person who reached us once.

Facts move it; two decisions do: `contact.diverted` (the dialog was lost) and `contact.ended`. A leg that ends does not
end the contact by itself, since what becomes of its work item is the router's to decide in the same step. Facts come
late and in any order: whatever they are, a contact that asked for a person stays handed off, and one that ended stays
ended.
"""

from typing import Final

from router.tables import Table, transition
from schemas.routing import ContactState

_ARRIVED, _DIALOG, _SERVED = ContactState.ARRIVED, ContactState.IN_DIALOG, ContactState.SELF_SERVED
_HANDED, _ENDED = ContactState.HANDED_OFF, ContactState.ENDED

TRANSITIONS: Final[Table[ContactState]] = {
    (_ARRIVED, "contact.arrived"): _ARRIVED,  # also late: something later came first
    (_ARRIVED, "contact.dialog_turned"): _DIALOG,
    (_ARRIVED, "contact.self_served"): _SERVED,
    (_ARRIVED, "contact.handed_off"): _HANDED,
    (_ARRIVED, "contact.urgency_raised"): _HANDED,  # only a waiting caller says it: the hand-off is on its way
    (_ARRIVED, "leg.caller_ended"): _ARRIVED,  # `contact.ended` follows in the same step
    (_ARRIVED, "contact.diverted"): _HANDED,
    (_ARRIVED, "contact.ended"): _ENDED,
    (_DIALOG, "contact.arrived"): _DIALOG,  # late
    (_DIALOG, "contact.dialog_turned"): _DIALOG,
    (_DIALOG, "contact.self_served"): _SERVED,
    (_DIALOG, "contact.handed_off"): _HANDED,
    (_DIALOG, "contact.urgency_raised"): _HANDED,
    (_DIALOG, "leg.caller_ended"): _DIALOG,
    (_DIALOG, "contact.diverted"): _HANDED,
    (_DIALOG, "contact.ended"): _ENDED,
    (_SERVED, "contact.arrived"): _SERVED,  # late
    (_SERVED, "contact.dialog_turned"): _DIALOG,  # "anything else?"
    (_SERVED, "contact.self_served"): _SERVED,
    (_SERVED, "contact.handed_off"): _HANDED,
    (_SERVED, "contact.urgency_raised"): _HANDED,
    (_SERVED, "leg.caller_ended"): _SERVED,
    (_SERVED, "contact.diverted"): _HANDED,
    (_SERVED, "contact.ended"): _ENDED,
    (_HANDED, "contact.arrived"): _HANDED,  # late
    (_HANDED, "contact.dialog_turned"): _HANDED,  # late
    (_HANDED, "contact.self_served"): _HANDED,  # late
    (_HANDED, "contact.handed_off"): _HANDED,  # again: more urgent, or back after a lost agent
    (_HANDED, "contact.urgency_raised"): _HANDED,
    (_HANDED, "leg.caller_ended"): _HANDED,
    (_HANDED, "contact.diverted"): _HANDED,
    (_HANDED, "contact.ended"): _ENDED,
}


def next_state(state: ContactState, event: str) -> ContactState:
    """Return the contact's state after an event; facts about one that ended never come here (`CellState.is_repeat`)."""
    return transition("contact", TRANSITIONS, state, event)
