"""Callers at a fixed rate, as their carrier posts about them, and how each of its webhooks is answered.

Whole calls: it arrives, a key is pressed, the caller waits and is asked again every other moment, and hangs up after
that unless an agent has taken the call meanwhile. Agents are far too few on purpose, as on the worst day.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tests.bench.carrier import _REFILL_KEY, Carrier, _next_turn
from tests.bench.http_client import FORM, HttpClient, HttpFailed

PRESS_S = 0.5  # until the key is pressed
ASK_S = 1.0  # between two questions to a caller who waits
QUESTIONS = 2
WEBHOOKS_A_CALL = 3 + QUESTIONS  # arrival, key, questions, end; more of one that an agent takes
UNTIL_LAST_S = PRESS_S + (QUESTIONS + 1) * ASK_S
TALK_S_MAX = 20.0


class Answered(NamedTuple):
    """One webhook: when it was sent (`time.perf_counter`), how long it took, and whether the answer was 2xx."""

    at: float
    ms: float
    good: bool


class TimedClient(HttpClient):
    """Remembers how every post was answered."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        self.answered: list[Answered] = []

    async def post(self, path: str, body: bytes = b"", headers: Mapping[str, str] = FORM) -> bytes:
        """Return the answer's body; raises `HttpFailed` unless it is a success."""
        began, good = time.perf_counter(), False
        try:
            answer = await super().post(path, body, headers)
            good = True
        finally:
            self.answered.append(Answered(began, (time.perf_counter() - began) * 1000, good))
        return answer


@dataclass(frozen=True, slots=True)
class Sent:
    """What a run of calls came to."""

    answered: list[Answered]
    seconds: float
    generator_cpu_s: float  # of this process: carrier, callers and agents
    late_ms: list[float]  # how much later than planned each call was begun

    @property
    def ms(self) -> list[float]:
        """How long each answer took."""
        return [one.ms for one in self.answered]

    @property
    def failed(self) -> int:
        """How many were not answered with 2xx."""
        return sum(not one.good for one in self.answered)

    def rate(self, begin_s: float, end_s: float) -> float:
        """Return how many webhooks a second were sent between two moments, from the first on."""
        first = self.answered[0].at
        return sum(begin_s <= one.at - first < end_s for one in self.answered) / (end_s - begin_s)


async def call(carrier: Carrier) -> None:
    """Make one call, from its arrival to its end."""
    leg, action = await carrier.arrive()
    await asyncio.sleep(PRESS_S)
    answer = await carrier._webhook(action, leg, "in-progress", Digits=_REFILL_KEY)
    for _ in range(QUESTIONS):
        await asyncio.sleep(ASK_S)
        if not leg.room:
            answer = await carrier._webhook(_next_turn(answer), leg, "in-progress")
    await asyncio.sleep(ASK_S)
    if leg.room:
        await asyncio.wait_for(leg.ended.wait(), TALK_S_MAX)
    elif not leg.ended.is_set():
        carrier._end(leg)


async def at_rate(carrier: Carrier, http: TimedClient, webhooks_per_s: float, seconds: float) -> Sent:
    """Begin calls evenly, and return when all are over."""
    http.answered = []
    began, cpu = time.perf_counter(), time.process_time()
    per_s = webhooks_per_s / WEBHOOKS_A_CALL
    calls, late_ms = [], []

    async def one() -> None:
        try:
            await call(carrier)
        except (HttpFailed, ValueError, TimeoutError) as error:
            carrier.failures.append(f"{type(error).__name__} {error}")

    for number in range(round(per_s * seconds)):
        planned = began + number / per_s
        await asyncio.sleep(max(planned - time.perf_counter(), 0))
        late_ms.append((time.perf_counter() - planned) * 1000)
        calls.append(asyncio.create_task(one()))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    await asyncio.gather(*calls)
    await asyncio.sleep(ASK_S)  # the last ends are told
    return Sent(sorted(http.answered), seconds, cpu, late_ms)
