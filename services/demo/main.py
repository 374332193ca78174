"""Run the demo's clients: `python -m services.demo.main --base-url http://127.0.0.1:8080 --data data`."""
# ruff: noqa: T201
# What a person has to mend is printed; nothing else is.

import argparse
import asyncio
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from schemas.errors import ConfigurationError
from services.demo.agents import make_agents
from services.demo.callers import CallerPopulation
from services.demo.carrier import SimulatedCarrier
from services.demo.carrier_server import carrier_app, serving
from services.demo.credentials import Credentials, load
from services.demo.pace import RealPace

RATE: Final = 12.0  # calls a minute
READY_POLL_S: Final = 0.2
SAY_CHARS_PER_S: Final = 40.0  # faster than people speak: a demo shall be lively
MUSIC_S: Final = 20.0
ANSWER_S: Final = 0.8
LAST_WORDS_S: Final = 0.7  # to tell the system how calls ended, when the demo stops


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; return 0, or 2 when a person has something to mend."""
    args = _parser().parse_args(argv)
    try:
        asyncio.run(_until_signalled(args))
    except ConfigurationError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.demo.main", description=__doc__)
    parser.add_argument("--base-url", required=True, help="where the system is")
    parser.add_argument("--data", type=Path, required=True, help="the system's data directory, for demo.json")
    parser.add_argument("--rate", type=float, default=RATE, help="calls a minute (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of callers and agents (%(default)s)")
    parser.add_argument("--speed", type=float, default=1.0, help="how fast the simulation's time runs (%(default)s)")
    parser.add_argument("--no-callers", action="store_true", help="nobody calls by themselves")
    parser.add_argument("--no-agents", action="store_true", help="nobody answers by themselves")
    parser.add_argument("--carrier-host", default="127.0.0.1", help="where the simulated carrier listens (%(default)s)")
    parser.add_argument("--carrier-port", type=int, help="of the simulated carrier (the one in demo.json)")
    return parser


async def _until_signalled(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    running = asyncio.create_task(run(args, load(args.data)))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        for task in (running, stopping):
            task.cancel()
        await asyncio.gather(running, stopping, return_exceptions=True)


async def run(args: argparse.Namespace, credentials: Credentials) -> None:
    """Serve the carrier, wait for the system, then let people call and answer, until canceled.

    Raises:
        ConfigurationError: the carrier's port is in use.
    """
    pace = RealPace(args.speed)
    rng = random.Random(args.seed)  # noqa: S311  a simulation, not a secret
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(_client())
        carrier = SimulatedCarrier(
            base_url=args.base_url,
            account=credentials.twilio.account,
            secret=credentials.twilio.secret,
            client=client,
            pace=pace,
            say_chars_per_s=SAY_CHARS_PER_S,
            music_s=MUSIC_S,
            answer_s=ANSWER_S,
        )
        port = args.carrier_port or urlsplit(credentials.twilio.api_base).port or 0
        app = carrier_app(carrier, origins=(args.base_url.rstrip("/"),), numbers=credentials.twilio.numbers)
        await _serve(stack, app, args.carrier_host, port)
        stack.push_async_callback(carrier.close, tell_s=LAST_WORDS_S)
        await _ready(client, args.base_url)
        async with asyncio.TaskGroup() as group:
            if not args.no_agents:
                ids = [agent.agent_id for agent in credentials.agents if not agent.practice]
                for agent in make_agents(ids, base_url=args.base_url, client=client, pace=pace, seed=args.seed):
                    group.create_task(agent.run())
            if not args.no_callers:
                people = CallerPopulation(carrier, number=credentials.twilio.number, rate=args.rate, rng=rng)
                group.create_task(people.run())
            group.create_task(asyncio.Event().wait())  # the carrier serves on, whoever else there is


def _client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=500, max_keepalive_connections=100)
    # No proxy from the environment: everything here talks to this machine or to the address that was given.
    return httpx.AsyncClient(limits=limits, timeout=httpx.Timeout(15.0, connect=5.0, pool=None), trust_env=False)


async def _serve(stack: AsyncExitStack, app: object, host: str, port: int) -> None:
    try:
        await stack.enter_async_context(serving(app, host=host, port=port))  # type: ignore[arg-type]
    except OSError as error:
        raise ConfigurationError(
            f"the simulated carrier cannot listen on port {port} ({error.strerror})",
            remedy="Stop what is using it, or set FRONTDOOR_DEMO_CARRIER_PORT.",
        ) from None


async def _ready(client: httpx.AsyncClient, base_url: str) -> None:
    """Wait until the system wants traffic."""
    while True:
        try:
            if (await client.get(base_url.rstrip("/") + "/readyz")).is_success:
                return
        except httpx.TransportError:
            pass  # not up yet
        await asyncio.sleep(READY_POLL_S)


if __name__ == "__main__":
    sys.exit(main())
