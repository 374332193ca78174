"""Identifiers, and how they are made.

Facts from outside have deterministic ids (UUIDv5 over what the carrier calls the thing), so that a webhook delivered
twice is the same event and a late one still finds its contact. What the engine makes is named after what it follows
from. Only ids born at our own edge are UUIDv7; services makes those, since they need a clock and chance.
"""

import hashlib
from typing import Final, NewType
from uuid import UUID

TenantId = NewType("TenantId", str)
CellId = NewType("CellId", str)  # a routing pool: agents who can serve the same callers
ContactId = NewType("ContactId", str)
ItemId = NewType("ItemId", str)
ReservationId = NewType("ReservationId", str)
AgentId = NewType("AgentId", str)
SessionId = NewType("SessionId", str)  # one desktop socket; UUIDv7, so a later one sorts after an earlier one
EventId = NewType("EventId", str)
Skill = NewType("Skill", str)
QueueName = NewType("QueueName", str)

# Fixed for ever: changing it would give every carrier call a second identity.
NAMESPACE: Final = UUID("6f0d7f1e-2c4b-5a8e-9d3c-7b1a5e4c9f20")
_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}  # of RFC 9562, as its top bits
_SEPARATOR: Final = "\x1f"  # cannot occur in a carrier's id, so ("a", "bc") and ("ab", "c") never meet


def derived_id(*parts: str) -> str:
    """Name a thing after what it follows from: the same parts give the same id, on any machine, for ever."""
    # What uuid5 does, without its detour by way of numbers: several ids are made at every step of a call.
    name = NAMESPACE.bytes + _SEPARATOR.join(parts).encode()
    digits = hashlib.sha1(name, usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:32]}"


def contact_id(carrier: str, account: str, call: str) -> ContactId:
    """Return the contact behind a carrier's call id."""
    return ContactId(derived_id("contact", carrier, account, call))


def item_id(contact: ContactId, ordinal: int) -> ItemId:
    """Return the id of a contact's n-th work item, n from 1."""
    return ItemId(derived_id("item", contact, str(ordinal)))


def reservation_id(item: ItemId, attempt: int) -> ReservationId:
    """Return the id of an item's n-th reservation, n from 1."""
    return ReservationId(derived_id("reservation", item, str(attempt)))


def fact_id(*parts: str) -> EventId:
    """Return the id of a fact from outside; `parts` begin with its source, such as carrier, account and call id."""
    return EventId(derived_id("fact", *parts))
