"""Calls end to end: at a fixed rate whatever the system does (open), or as fast as it answers (closed)."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from schemas.ids import contact_id
from tests.bench.agents import fleet
from tests.bench.carrier import Carrier
from tests.bench.system import ACCOUNT, System

CALL_S_MAX = 20.0


class Load:
    """Callers, and what became of each. Times are of `time.perf_counter`, in seconds."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.hand_offs: dict[str, float] = {}  # contact: when the webhook that hands it off was sent
        self.answers: dict[str, float] = {}  # contact: when that webhook was answered
        self.offers: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self._over: dict[str, asyncio.Event] = {}

    def offered(self, contact: str, at: float) -> None:
        """An offer has reached an agent."""
        self.offers.setdefault(contact, at)

    def call_ended(self, contact: str, at: float) -> None:
        """An agent has wrapped up."""
        self.ended[contact] = at
        if contact in self._over:
            self._over[contact].set()

    async def wait_for_agent(self) -> str:
        """Call in and ask for a person; return the contact."""
        leg, action = await self.carrier.arrive()
        contact = contact_id("twilio", ACCOUNT, leg.sid)
        self._over[contact] = asyncio.Event()
        self.hand_offs[contact] = time.perf_counter()
        await self.carrier.ask_for_refill(leg, action)
        self.answers[contact] = time.perf_counter()
        return contact

    async def whole_call(self) -> None:
        """Call in, be served, and return when the agent has wrapped up."""
        try:
            contact = await self.wait_for_agent()
            await asyncio.wait_for(self._over[contact].wait(), CALL_S_MAX)
            del self._over[contact]
        except Exception as error:  # noqa: BLE001  counted and shown; the load goes on
            self.carrier.failures.append(f"call: {type(error).__name__} {error}")

    async def at_rate(self, per_s: float, seconds: float) -> None:
        """Start whole calls evenly, and return when all are over."""
        began = time.perf_counter()
        calls = []
        for number in range(round(per_s * seconds)):
            await asyncio.sleep(max(began + number / per_s - time.perf_counter(), 0))
            calls.append(asyncio.create_task(self.whole_call()))
        await asyncio.gather(*calls)

    async def flat_out(self, callers: int, seconds: float) -> None:
        """Let so many callers call again and again."""
        until = time.perf_counter() + seconds

        async def caller() -> None:
            while time.perf_counter() < until:
                await self.whole_call()

        await asyncio.gather(*(caller() for _ in range(callers)))

    def forget(self) -> None:
        """Begin to count, after a warm-up."""
        for kept in (self.hand_offs, self.answers, self.offers, self.ended):
            kept.clear()
        self.carrier.failures.clear()
        self.carrier.http.posted = 0

    def offers_ms(self) -> list[float]:
        """Return the time from hand-off to offer of every call; one that got no offer counts as long as it waited."""
        return [(self.offers.get(contact, at + CALL_S_MAX) - at) * 1000 for contact, at in self.hand_offs.items()]

    def answers_ms(self) -> list[float]:
        """Return the time from hand-off to the answer of that webhook."""
        return [(at - self.hand_offs[contact]) * 1000 for contact, at in self.answers.items()]

    def failed_share(self) -> float:
        """Return which share of the calls met a failure.

        Raises:
            RuntimeError: not one went through, and figures would mean nothing.
        """
        if not self.hand_offs or len(self.hand_offs) <= len(self.carrier.failures):
            raise RuntimeError(f"no call went through: {sorted(set(self.carrier.failures))[:3]}")
        return len(self.carrier.failures) / len(self.hand_offs)


@asynccontextmanager
async def load(system: System, *, agents: int, desks: System | None = None) -> AsyncIterator[Load]:
    """Open the carrier's API and sign `agents` in, for calls to be made; `desks` is where agents are, if elsewhere."""
    carrier = Carrier(system)
    callers = Load(carrier)
    config = uvicorn.Config(
        carrier, port=system.carrier_port, log_config=None, access_log=False, lifespan="off", interface="asgi3"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # its public twin would take this process's signals over
    try:
        async with fleet(desks or system, agents, offered=callers.offered, ended=callers.call_ended):
            yield callers
    finally:
        server.should_exit = True
        await serving
        carrier.http.close()
