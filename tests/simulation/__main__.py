"""Run seeds: `python -m tests.simulation --seeds 500 --start 1`; one that fails is printed with how to replay it."""

import argparse
import sys
import traceback

from tests.simulation.run import simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, help="how many")
    parser.add_argument("--start", type=int, default=1, help="the first")
    options = parser.parse_args()
    failed = 0
    for seed in range(options.start, options.start + options.seeds):
        try:
            outcome = simulate(seed)
        except Exception:  # noqa: BLE001  whatever goes wrong in a run is what we look for
            failed += 1
            traceback.print_exc()
            print(f"seed {seed} FAILED; replay it: make simulate SEED={seed}", flush=True)
        else:
            if options.seeds == 1:
                print(outcome)
    print(f"{options.seeds} seeds from {options.start}: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
