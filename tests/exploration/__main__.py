"""Walk the worlds: `python -m tests.exploration`, `--deep` for larger ones too; `--variants` shows what goes wrong."""

import argparse
import sys
import time

from tests.exploration.variants import USUAL, VARIANTS, WITHIN
from tests.exploration.walk import Found, Walk
from tests.exploration.world import World
from tests.exploration.worlds import DEEP, WORLDS, Bounded


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.exploration", description=__doc__)
    parser.add_argument("--deep", action="store_true", help="larger worlds too")
    parser.add_argument("--variants", action="store_true", help="rather walk with one rule left out each")
    options = parser.parse_args()
    if options.variants:
        return _variants()
    return max(_walk(name, bounded) for name, bounded in (WORLDS | (DEEP if options.deep else {})).items())


def _walk(name: str, bounded: Bounded) -> int:
    started = time.process_time()
    try:
        explored = Walk(World(bounded.scenario), bounded.left).run()
    except Found as found:
        print(f"{name}: {found}", flush=True)
        return 1
    print(f"{name}: {explored}, {time.process_time() - started:.0f} s", flush=True)
    return 0


def _variants() -> int:
    missed = 0
    for name, rules in VARIANTS.items():
        bounded = WITHIN.get(name, USUAL)
        try:
            Walk(World(bounded.scenario, rules), bounded.left).run(states_max=50_000)
        except Found as found:
            print(f"{name}: {found}\n")
        else:
            missed += 1
            print(f"{name}: NOT FOUND\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
