"""Consumer groups inside one process: who reads which partition."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from services.runtime.bus import Place


class Member(ABC):
    """Someone who can be given partitions."""

    @abstractmethod
    def hold(self, places: frozenset[Place]) -> None:
        """Read exactly these partitions from now on."""

    @abstractmethod
    def assigned(self) -> frozenset[Place]:
        """Return what this member reads."""


class Group:
    """The members of one group, in the order they joined, and their shares.

    A share is a round-robin over the members who asked for the topic, so that no two of them differ by more than one
    partition of it; the same members in the same order always get the same shares.
    """

    def __init__(self) -> None:
        self._members: dict[Member, list[Place]] = {}

    def join(self, member: Member, places: Sequence[Place]) -> None:
        """Add a member who wants a share of `places`, and give everyone their new share."""
        self._members[member] = list(places)
        self._share_out()

    def leave(self, member: Member) -> None:
        """Remove a member, and give its partitions to those who stay."""
        member.hold(frozenset())
        del self._members[member]
        self._share_out()

    def _share_out(self) -> None:
        shares: dict[Member, set[Place]] = {member: set() for member in self._members}
        wanted = sorted({place for places in self._members.values() for place in places})
        for place in wanted:
            able = [member for member, places in self._members.items() if place in places]
            shares[able[place.partition % len(able)]].add(place)
        # Everyone lets go before anyone takes, so that no partition has two readers.
        for member, share in shares.items():
            member.hold(frozenset(share & member.assigned()))
        for member, share in shares.items():
            member.hold(frozenset(share))
