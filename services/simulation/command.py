"""`frontdoor simulate`: policies side by side on simulated days, as a table, a picture or JSON."""
# ruff: noqa: T201
# A command line prints; nothing else does.

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from router.policies.catalogue import POLICIES
from schemas.errors import ConfigurationError
from services.simulation import plot, table
from services.simulation.clinic import clinic
from services.simulation.comparison import Progress, compare

DEFAULT_POLICIES: Final = ("priority_longest_idle", "longest_idle", "strict_groups", "gcmu", "frontdoor")
SEEDS_MAX: Final = 10_000
LOAD_MAX: Final = 5.0
_BAR_WIDTH: Final = 30


def simulate(args: argparse.Namespace) -> int:
    """Run the command."""
    policies = _policies(args.policy)
    if not 0 < args.load <= LOAD_MAX:
        raise ConfigurationError(f"--load {args.load:g} is not above 0 and up to {LOAD_MAX:g}", remedy="Such as 1.0.")
    if not 0 < args.seeds <= SEEDS_MAX:
        raise ConfigurationError(f"--seeds {args.seeds} is not from 1 to {SEEDS_MAX}", remedy="Such as 10.")
    seeds = range(args.seed, args.seed + args.seeds)
    progress = _silence if args.quiet else _bar()
    comparison = compare(clinic(args.load), policies, seeds, load=args.load, progress=progress)
    if args.plot is not None:
        _write(args.plot, plot.draw(comparison))
    print(json.dumps(comparison.as_json(), indent=1) if args.json else table.render(comparison))
    return 0


def _policies(asked: Sequence[str] | None) -> tuple[str, ...]:
    names = [name for entry in asked or DEFAULT_POLICIES for name in entry.split(",")]
    names = list(POLICIES) if names == ["all"] else names
    unknown = sorted({name for name in names if name not in POLICIES})
    if unknown:
        raise ConfigurationError(
            f"no policy is called {', '.join(unknown)}", remedy=f"There are {', '.join(POLICIES)}."
        )
    return tuple(dict.fromkeys(names))


def _write(path: Path, picture: str) -> None:
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", remedy="Give another --plot.") from None


def _bar() -> Progress:
    """Return a progress bar on stderr: in place on a terminal, a line for every tenth elsewhere."""
    shown = -1

    def show(done: int, days: int) -> None:
        nonlocal shown
        in_place = sys.stderr.isatty()
        if not in_place and done * 10 // days == shown:
            return
        shown = done * 10 // days
        filled = _BAR_WIDTH * done // days
        bar = f"[{'#' * filled}{'.' * (_BAR_WIDTH - filled)}] {done} of {days} days"
        end = "\r" if in_place and done < days else "\n"
        print(bar, end=end, file=sys.stderr, flush=True)

    return show


def _silence(done: int, days: int) -> None:
    """Show nothing."""
