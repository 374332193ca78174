"""Run the whole system as separate processes on this machine, with callers and agents: `python -m deploy.cluster`."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from deploy.cluster import Cluster, ClusterError
from schemas.errors import ConfigurationError
from services.cli import PROCESSES

RATE: Final = 30.0  # calls a minute
EACH_MAX: Final = 2  # the front knows two of each


def main(argv: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C; return 0, or 1 when something could not start or ended by itself."""
    args = _parser().parse_args(argv)
    try:
        asyncio.run(_until_signalled(args))
    except (ClusterError, ConfigurationError) as error:
        _say(f"cluster: {error}", sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="of the front (%(default)s)")
    parser.add_argument("--data", type=Path, default=Path("data/cluster"), help="keys, logs, state (%(default)s)")
    parser.add_argument("--each", type=int, choices=range(1, EACH_MAX + 1), default=2, help="pods a process")
    parser.add_argument("--rate", type=float, default=RATE, help="simulated calls a minute (%(default)s)")
    return parser


async def _until_signalled(args: argparse.Namespace) -> None:
    running = asyncio.create_task(_run(args))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _end, running)
    try:
        await running
    except asyncio.CancelledError:
        _say("Everything has ended.")


def _end(running: asyncio.Task[None]) -> None:
    if not running.cancelling():  # once: the end itself must not be cut short
        _say("Ending; this takes a few seconds.")
        running.cancel()


async def _run(args: argparse.Namespace) -> None:
    cluster = Cluster(
        args.data,
        port=args.port,
        pods=dict.fromkeys(PROCESSES, args.each),
        load_rate=args.rate,
        database_url=os.environ.get("FRONTDOOR_DATABASE_URL"),
        say=_say,
    )
    _say(f"Starting Kafka, PostgreSQL, {args.each} of each process and a front. Logs: {cluster.folder / 'logs'}")
    async with cluster:
        _say(f"Frontdoor is ready: {cluster.base_url}/")
        _say(f"Callers and agents are at work ({args.rate:g} calls a minute). Ctrl-C ends everything.")
        await cluster.watch()


def _say(line: str, stream: TextIO = sys.stdout) -> None:
    print(line, file=stream, flush=True)


if __name__ == "__main__":
    sys.exit(main())
