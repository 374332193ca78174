"""Which router shall own a partition, and when another may take it over (DESIGN 3.1 item 5).

Routers have ordinals, 0 to `count - 1`. For each partition a rendezvous hash puts them in an order that all of them
know: the first is to own it, the next stands by. An owner shows at least once a second that it is there. The log, and
not this order, decides who owns; the order only keeps routers from claiming all at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HEARTBEAT_S: Final = 0.8  # since the owner's last record: with the time that an append takes, less than a second
SILENCE_S: Final = 3.0  # the owner is taken for gone
NEXT_S: Final = 2.0  # what each further router waits longer, so that the one before it can be seen to have claimed
LEFT_NEXT_S: Final = 1.0  # the same after an owner that said that it leaves


@dataclass(frozen=True, slots=True)
class Standing:
    """How a partition's owner appears to a router that follows it."""

    owner: int | None = None
    """The ordinal of the last claim; None if it had none, or there was no claim yet."""
    claimed: bool = False
    left: bool = False
    """Whether its last word was that it leaves."""


def preference(partition: int, count: int) -> Sequence[int]:
    """Return the ordinals of `count` routers, in the order in which they shall own this partition."""
    return sorted(range(count), key=lambda ordinal: sha256(f"{partition}/{ordinal}".encode()).digest())


def patience_s(partition: int, ordinal: int, count: int, standing: Standing) -> float:
    """Return for how long this router leaves the owner alone after its last sign; 0: it is to claim at once.

    The router that prefers a partition claims it from a living owner too, as soon as it has folded what that one has;
    not from one with its own ordinal, which may be itself before a restart, or a second process by mistake.
    """
    order = preference(partition, count)
    if ordinal == order[0] and not (standing.claimed and standing.owner == ordinal):
        return 0.0
    place = sorted(order, key=lambda other: other == standing.owner).index(ordinal)  # the owner itself comes last
    if standing.left:
        return place * LEFT_NEXT_S
    return SILENCE_S + place * NEXT_S
