"""The options of `frontdoor simulate` and `whatif`, apart from what they start: other commands need no router."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from services.whatif.inputs import Yesterday

if TYPE_CHECKING:
    from services.simulation.yesterday_again import Outcome

POLICY_NAMES: Final = (
    "longest_idle", "strict_groups", "penalties", "best_proficiency", "gcmu", "priority_longest_idle", "frontdoor",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    listed = ", ".join(POLICY_NAMES)
    parser.add_argument(
        "--policy", action="append", metavar="P", help=f"compare these; the first is the baseline. Of {listed}, or all"
    )
    parser.add_argument("--load", type=float, default=1.0, help="1.0: about one call in ten is given up")
    parser.add_argument("--seed", type=int, default=1, help="of the first day")
    parser.add_argument("--seeds", type=int, default=10, help="how many days")
    parser.add_argument("--json", action="store_true", help="as JSON, each day's figures included")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a picture, SVG")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


class Again:
    """Runs a day of another router again; what `services.whatif.command` calls a `Rerun`."""

    policies: Sequence[str] = POLICY_NAMES

    def __call__(self, yesterday: Yesterday, policies: Sequence[str]) -> "Outcome":
        """Return what the day comes to under each of `policies`."""
        from services.simulation.yesterday_again import rerun  # noqa: PLC0415  the router: see above

        return rerun(yesterday, policies)
