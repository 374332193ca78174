"""One queue: first come first served, by whoever is idle for longest. Skills are not asked.

What Asterisk (`strategy=leastrecent`, one queue) and FreeSWITCH mod_callcenter (`longest-idle-agent`) do by default.
"""

from dataclasses import dataclass

from router.entities import Item
from router.policies.common import Plain
from schemas.routing import Requirement


@dataclass(frozen=True, slots=True)
class LongestIdle(Plain):
    """One queue, longest idle."""

    name: str = "longest_idle"
    version: str = "1"

    def enforced(self, item: Item) -> tuple[Requirement, ...]:
        """Ask for no skill, unless a lowest level is stated: an agent who knows the need has sent the caller on."""
        return tuple(need for need in item.requirements if need.hard and need.level_min > 0)
