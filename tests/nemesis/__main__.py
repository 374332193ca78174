"""Run the nemesis: `python -m tests.nemesis --seed 7 --faults 20`, or `make nemesis SEED=7`."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.nemesis.checker import check
from tests.nemesis.run import Plan, Say, Verdict, run
from tests.nemesis.witness import load

WORST = 20  # violations that are shown


def main() -> int:
    """Run once; return 0 if every promise was kept."""
    args = _parser().parse_args()
    if args.judge:
        return judge(args.judge)
    seed = args.seed if args.seed is not None else time.time_ns() % 100_000
    plan = Plan(seed=seed, faults=args.faults, minutes=args.minutes, rate=args.rate, only=args.only)
    folder = Path(tempfile.mkdtemp(prefix=f"frontdoor-nemesis-{seed}-"))
    folder.chmod(0o711)
    print(f"seed {seed}: {args.faults} faults, {args.rate:g} calls a minute; artefacts in {folder}", flush=True)
    began = time.monotonic()
    try:
        verdict = asyncio.run(run(plan, folder, _say(began)))
    except Exception:  # noqa: BLE001  told, with the seed
        print(traceback.format_exc())
        verdict = Verdict(plan, error="the run itself failed")
    show(verdict)
    if verdict.sound and not args.keep:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"ledger, logs and data: {folder}")
    return 0 if verdict.sound else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.nemesis", description=__doc__)
    parser.add_argument("--seed", type=int, help="of load and faults; drawn and printed if not given")
    parser.add_argument("--faults", type=int, default=20, help="at least so many (%(default)s)")
    parser.add_argument("--minutes", type=float, default=0.0, help="and more until so many minutes are over")
    parser.add_argument("--rate", type=float, default=60.0, help="calls a minute (%(default)s)")
    parser.add_argument("--only", default="", help="only faults whose kind contains this word")
    parser.add_argument("--judge", type=Path, metavar="FOLDER", help="only judge again what a run has left there")
    parser.add_argument("--keep", action="store_true", help="keep the artefacts of a sound run too")
    return parser


def judge(folder: Path) -> int:
    """Judge the artefacts of an earlier run, such as after a change of the rules."""
    violations = check(load(folder))
    for violation in violations:
        print(f"BROKEN {violation.rule}: {violation.text}")
    print("UNSOUND" if violations else "sound")
    return 1 if violations else 0


def _say(began: float) -> Say:
    def say(line: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    return say


def show(verdict: Verdict) -> None:
    """Print what came of a run."""
    print(f"faults: {sum(verdict.faults.values())}")
    for kind, number in sorted(verdict.faults.items()):
        print(f"  {kind:<20} {number}")
    for name, number in verdict.figures.items():
        print(f"{name}: {number}")
    for kind in sorted({kind for kind, _ in verdict.takeovers}):
        took_s = sorted(seconds for of, seconds in verdict.takeovers if of == kind)
        middle = took_s[len(took_s) // 2]
        print(f"takeovers after {kind}: {len(took_s)}, median {middle:.2f} s, longest {took_s[-1]:.2f} s")
    for violation in (*verdict.crashes, *verdict.violations[:WORST]):
        print(f"BROKEN {violation.rule}: {violation.text}")
    if len(verdict.violations) > WORST:
        print(f"… and {len(verdict.violations) - WORST} more")
    plan = verdict.plan
    more = (f" MINUTES={plan.minutes:g}" if plan.minutes else "") + f" RATE={plan.rate:g}"
    outcome = "sound" if verdict.sound else verdict.error or "UNSOUND"
    print(f"{outcome}; again with: make nemesis SEED={plan.seed} FAULTS={plan.faults}{more}")


if __name__ == "__main__":
    sys.exit(main())
