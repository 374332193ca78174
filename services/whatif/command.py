"""`frontdoor whatif --from queue_log|csv FILE`: a manager's own yesterday.

Prints the day as it was, what is assumed and which lines could not be used. Whoever can run that day again under other
policies passes a `Rerun` to `add_to`; this package knows no simulation.
"""
# ruff: noqa: T201
# A command prints what it was asked for.

import argparse
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, date
from pathlib import Path
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from schemas.errors import ConfigurationError
from services.whatif.callers import CallerKeys
from services.whatif.inputs import Yesterday
from services.whatif.report import Report
from services.whatif.sources import load
from services.whatif.summary import TARGET_S, figures
from services.whatif.times import parse_seconds
from services.whatif.yesterday import rebuild

_KEY_BYTES: Final = 32
_NAME: Final = "whatif"
_HELP: Final = "read a day of another router: what happened, and what is assumed of its callers and agents"


class Outcome(Protocol):
    """What a day came to under other policies."""

    def as_text(self) -> str:
        """Return the comparison for a person to read."""

    def as_json(self) -> Mapping[str, Any]:
        """Return it as JSON values."""

    def as_svg(self) -> str:
        """Return it as a picture, SVG."""


class Rerun(Protocol):
    """Runs a day again; where it is given, the command has `--policy` and `--plot` and tells the outcome too."""

    policies: Sequence[str]

    def __call__(self, yesterday: Yesterday, policies: Sequence[str]) -> Outcome:
        """Return what the day comes to under each of `policies`, in their order."""


def add_to(commands: Any, rerun: Rerun | None = None) -> None:
    """Add the command to the subcommands of a parser, as `argparse` calls them."""
    parser = commands.add_parser(_NAME, help=_HELP, description=_HELP[0].upper() + _HELP[1:])
    parser.add_argument("file", type=Path, metavar="FILE", help="the log or export, plain or gzipped")
    parser.add_argument("--from", dest="kind", required=True, choices=("queue_log", "csv"), help="what it is")
    parser.add_argument("--day", type=_day, metavar="YYYY-MM-DD", help="which day; the busiest by default")
    parser.add_argument("--zone", type=_zone, help="where clocks without an offset hang, and when a day begins")
    parser.add_argument("--wrap-up", type=_seconds, default=0.0, metavar="SECONDS", help="where the file tells none")
    parser.add_argument("--target", type=_seconds, default=TARGET_S, metavar="SECONDS", help="of the service level")
    parser.add_argument("--seed", type=int, default=1, help="of what has to be drawn")
    parser.add_argument("--json", action="store_true", help="as JSON")
    if rerun is not None:
        parser.add_argument("--policy", action="append", choices=tuple(rerun.policies), help="may be repeated; all")
        parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a picture, SVG")
    parser.set_defaults(command=_run, rerun=rerun)


def _run(args: argparse.Namespace) -> int:
    imported = load(args.file, args.kind, zone=args.zone, keys=CallerKeys(secrets.token_bytes(_KEY_BYTES)))
    yesterday = rebuild(imported, day=args.day, zone=args.zone, wrap_up_s=args.wrap_up, seed=args.seed)
    rows = figures(yesterday, target_s=args.target)
    report = Report(str(args.file), yesterday, rows, args.target, imported.tally, args.zone or UTC)
    rerun: Rerun | None = args.rerun
    outcome = rerun(yesterday, args.policy or tuple(rerun.policies)) if rerun else None
    if outcome and args.plot:
        _write(args.plot, outcome.as_svg())
    if args.json:
        told = report.as_json() | ({"under_policies": outcome.as_json()} if outcome else {})
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print(report.as_text())
        if outcome:
            print("\n" + outcome.as_text())
    return 0


def _write(path: Path, picture: str) -> None:
    try:
        path.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}", remedy="Give another --plot.") from None


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no date such as 2026-03-02") from None


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, LookupError):
        raise argparse.ArgumentTypeError(f"{text} is no zone such as America/New_York or UTC") from None


def _seconds(text: str) -> float:
    try:
        return parse_seconds(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds up to a day") from None
