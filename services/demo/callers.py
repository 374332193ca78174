"""Simulated callers: a seeded, mixed population that speaks or presses keys, waits, loses patience and hangs up."""

import asyncio
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from services.demo.carrier import SimulatedCarrier
from services.demo.pace import Pace, sleep
from services.demo.phone import CallEnded, Phone
from services.demo.utterances import GOODBYE, NEEDS, WORSE, Need

CALLS_MAX: Final = 500  # at a time; beyond it, an arrival is dropped and counted
TURNS_MAX: Final = 12
OPENING_CALLS: Final = 3
SPANISH_SHARE: Final = 0.18
KEYS_SHARE: Final = 0.3
IMPATIENT_SHARE: Final = 0.08
WORSE_SHARE: Final = 0.02
_FOR_PRESS: Final = re.compile(r"(?:for|para) ([^.;]+?),? (?:press|oprima|marque|presione)(?: el)? (\d)", re.IGNORECASE)
_PRESS_FOR: Final = re.compile(
    r"(?:press|oprima|marque|presione)(?: el)? (\d),? (?:for|to|para) ([^.;,]+)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Person:
    """One caller: what they want and how they behave. Durations are simulated seconds."""

    need: Need
    language: str
    says: tuple[str, ...]
    uses_keys: bool
    thinking_s: float
    patience_s: float  # until they are connected
    talk_s: float  # then they hang up, unless the agent did
    gets_worse: bool  # says so while waiting

    def __repr__(self) -> str:
        """Show nothing of what the person wants."""
        return "Person()"


def draw_person(rng: random.Random) -> Person:
    """Draw a caller from the population."""
    need = rng.choices(NEEDS, weights=[need.weight for need in NEEDS])[0]
    language = "es" if rng.random() < SPANISH_SHARE else "en"
    said = list(need.says[language])
    rng.shuffle(said)
    return Person(
        need=need,
        language=language,
        says=tuple(said[:2]),
        uses_keys=not need.red_flag and rng.random() < KEYS_SHARE,
        thinking_s=rng.uniform(0.6, 2.5),
        patience_s=rng.uniform(8, 25) if rng.random() < IMPATIENT_SHARE else rng.uniform(90, 300),
        talk_s=min(max(rng.lognormvariate(3.0, 0.6), 5.0), 90.0),
        gets_worse=not need.red_flag and rng.random() < WORSE_SHARE,
    )


def digit_for(menu: str, words: tuple[str, ...]) -> str | None:
    """Return the key that a spoken menu gives for one of `words`: "for refills, press 2", "press 2 for refills"."""
    offers = [(what, digit) for what, digit in _FOR_PRESS.findall(menu)]
    offers += [(what, digit) for digit, what in _PRESS_FOR.findall(menu)]
    return next((digit for what, digit in offers if any(word in what.lower() for word in words)), None)


class CallerPart:
    """What one person does on the phone; give the instance to `place_call`."""

    def __init__(self, person: Person, pace: Pace) -> None:
        self._person = person
        self._pace = pace
        self._heard = 0

    async def __call__(self, phone: Phone) -> None:
        """Be the caller until the call ends or patience does."""
        dialog = asyncio.create_task(self._dialog(phone))
        talk = asyncio.create_task(phone.wait_until("connected"))
        patience = self._pace.after(self._person.patience_s)
        try:
            waited: set[asyncio.Future[None]] = {talk, patience}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if talk.done():
                await talk
                await sleep(self._pace, self._person.talk_s)
            await phone.hang_up()
        finally:
            patience.cancel()
            for task in (dialog, talk):
                task.cancel()
            await asyncio.gather(dialog, talk, return_exceptions=True)

    async def _dialog(self, phone: Phone) -> None:
        """Answer the machine until it lets the person wait, or until there is nothing left to say."""
        turns = iter((*self._person.says, GOODBYE[self._person.language]))
        with suppress(CallEnded):
            await phone.wait_until("listening")
            await self._choose_language(phone)
            for _ in range(TURNS_MAX):
                await phone.wait_for(lambda: phone.state in {"listening", "music"})
                if phone.state == "music":
                    return await self._wait_in_line(phone)
                await sleep(self._pace, self._person.thinking_s)
                if phone.state == "listening" and not self._answer(phone, turns):
                    break
            if self._person.need.self_service:
                await phone.hang_up()
        return None

    async def _choose_language(self, phone: Phone) -> None:
        if self._person.language != "es":
            return
        digit = digit_for(" ".join(phone.heard), ("español", "spanish"))
        if digit is not None:
            await sleep(self._pace, self._person.thinking_s)
            phone.press(digit)
            await phone.wait_for(lambda: phone.state != "listening")

    def _answer(self, phone: Phone, turns: Iterator[str]) -> bool:
        """Answer a question, if this person has an answer left."""
        menu = " ".join(phone.heard[self._heard :])
        self._heard = len(phone.heard)
        digit = digit_for(menu, self._person.need.menu) if self._person.uses_keys else None
        said = next(turns, None)
        if said is None:
            return False
        if digit:
            phone.press(digit)
        else:
            phone.say(said)
        return True

    async def _wait_in_line(self, phone: Phone) -> None:
        if not self._person.gets_worse:
            return
        await sleep(self._pace, 3 * self._person.thinking_s)
        phone.say(WORSE[self._person.language])


class CallerPopulation:
    """People who call, one after the other, `rate` a minute on average."""

    def __init__(self, carrier: SimulatedCarrier, *, number: str, rate: float, rng: random.Random) -> None:
        assert rate > 0, "somebody calls"
        self._carrier = carrier
        self._number = number
        self._rate = rate
        self._rng = rng
        self.dropped = 0

    async def run(self) -> None:
        """Call until canceled; the first few come at once, so that there is something to see."""
        for _ in range(OPENING_CALLS):
            await self.call()
            await sleep(self._carrier.pace, 1.0)
        while True:
            await sleep(self._carrier.pace, self._rng.expovariate(self._rate / 60.0))
            await self.call()

    async def call(self) -> Phone | None:
        """Let one more person call; None when the lines are full."""
        person = draw_person(self._rng)
        if self._carrier.calls_live >= CALLS_MAX:
            self.dropped += 1
            return None
        # Numbers are drawn from a range that is kept for fiction, and repeat: people call again.
        from_ = f"+1500555{self._rng.randrange(1000, 9999)}"
        return await self._carrier.place_call(
            to=self._number, from_=from_, caller=CallerPart(person, self._carrier.pace)
        )
