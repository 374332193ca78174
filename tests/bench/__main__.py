"""The command: measures, prints a table, and writes the same figures as JSON."""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import uvloop

from deploy.kafka.run_broker import Broker, missing_tools
from tests.bench import measures
from tests.bench.engine import engine
from tests.bench.figures import Figure, table
from tests.bench.measures import FULL, QUICK, Size
from tests.bench.routing import routing
from tests.bench.storm import storm
from tests.bench.system import Bus
from tests.bench.takeover import takeover
from tests.bench.webhooks import webhooks

JSON_FILE = Path("bench.json")  # git leaves it alone
Measure = Callable[[Path, Size, Bus], Awaitable[list[Figure]]]
MEASURES: dict[str, Measure] = {
    "engine": engine,
    "start-up": measures.start_up,
    "calls": measures.flat_out,
    "latency": measures.latency,
    "waiting": measures.waiting,
    "sockets": measures.sockets,
    "latency-kafka": measures.latency,
    "storm-kafka": storm,
    "routing": routing,
    "webhooks": webhooks,
    "takeover": takeover,
}
ON_KAFKA = frozenset({"latency-kafka", "storm-kafka", "routing", "webhooks", "takeover"})


def main() -> int:
    """Run; 1 if a measure failed, or with `--strict` if a goal was missed, else 0."""
    options = _options()
    names = options.only or [name for name in MEASURES if options.kafka or name not in ON_KAFKA]
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    busy = psutil.cpu_percent(interval=1)
    began = time.time()
    for name in names:
        _tell(f"measuring {name} …")
        try:
            figures += _measure(name, QUICK if options.quick else FULL)
        except Exception as error:  # noqa: BLE001  the other figures are still worth having
            failed[name] = f"{type(error).__name__}: {error}"
            _tell(f"  failed: {failed[name]}")
    machine = {"cores": os.cpu_count(), "busy_before_percent": busy, "seconds": round(time.time() - began, 1)}
    _show(table(figures))
    _show(f"\n{machine['cores']} cores, {busy:.0f} % busy with other work before; {machine['seconds']} s in all.")
    _write(options.json, {"machine": machine, "figures": [figure.as_json() for figure in figures], "failed": failed})
    _show(f"The same as JSON: {options.json.resolve()}")
    return status(figures, failed, strict=options.strict)


def status(figures: Iterable[Figure], failed: Mapping[str, str], *, strict: bool) -> int:
    """Return the command's status: 1 if a measure failed or, where that is asked for, a goal was missed."""
    missed = strict and any(figure.met is False for figure in figures)
    return 1 if failed or missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--json", type=Path, metavar="FILE", default=JSON_FILE, help="write the figures there too (%(default)s)"
    )
    parser.add_argument("--strict", action="store_true", help="end with 1 if a goal is missed")
    parser.add_argument("--quick", action="store_true", help="shorter, and rougher")
    parser.add_argument("--only", action="append", choices=list(MEASURES), help="one measure; may be repeated")
    parser.add_argument(
        "--kafka", action=argparse.BooleanOptionalAction, default=True, help="measure through Kafka too"
    )
    return parser.parse_args()


def _measure(name: str, size: Size) -> list[Figure]:
    with _folder() as folder, _bus(name, folder) as bus:
        return uvloop.run(_awaited(MEASURES[name](folder, size, bus)))


async def _awaited(measure: Awaitable[list[Figure]]) -> list[Figure]:
    return await measure


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="frontdoor-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _bus(name: str, folder: Path) -> Iterator[Bus]:
    if name not in ON_KAFKA:
        yield Bus()
        return
    missing = missing_tools()
    if missing:
        raise RuntimeError(f"no Kafka: {missing}; --no-kafka leaves it out")
    with Broker(folder / "kafka") as broker:
        yield Bus("kafka", broker.bootstrap, "bench-")


def _show(text: str) -> None:
    sys.stdout.write(text + "\n")


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
