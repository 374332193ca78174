"""All policies by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from router.policies.best_proficiency import BestProficiency
from router.policies.frontdoor import Frontdoor
from router.policies.gcmu import GeneralisedCMu
from router.policies.longest_idle import LongestIdle
from router.policies.penalties import Penalties
from router.policies.priority_longest_idle import PriorityLongestIdle
from router.policies.strict_groups import StrictGroups
from router.policy import Policy

_ALL: Final[tuple[Policy, ...]] = (
    LongestIdle(), StrictGroups(), Penalties(), BestProficiency(), GeneralisedCMu(), PriorityLongestIdle(), Frontdoor(),
)  # fmt: skip
POLICIES: Final[Mapping[str, Policy]] = MappingProxyType({policy.name: policy for policy in _ALL})
