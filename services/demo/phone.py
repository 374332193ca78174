"""A telephone in somebody's hand: what is heard, and what is said, pressed or ended. Tests drive calls with it."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

INPUTS_HELD_MAX: Final = 8
State = Literal["ringing", "speaking", "music", "listening", "thinking", "connected", "ended"]


@dataclass(frozen=True, slots=True)
class PhoneEvent:
    """Something that the person notices."""

    type: Literal["ringing", "say", "music", "listening", "connected", "ended"]
    text: str = field(default="", repr=False)
    language: str = ""
    reason: str = ""

    def frame(self) -> dict[str, str]:
        """Return the event as the practice phone's page gets it."""
        frame = {"type": self.type, "text": self.text, "language": self.language, "reason": self.reason}
        return {key: value for key, value in frame.items() if value}


@dataclass(frozen=True, slots=True)
class Words:
    """Something said."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Key:
    """One key pressed."""

    digit: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Silence:
    """The listening time is let pass; spares a test the wait."""


Input = Words | Key | Silence


class Phone:
    """One call, from the end that a person holds. `events` keeps all that was noticed, in order.

    `wait_until` and its kin look at what is true now, so nothing is missed between two waits; none of them polls.
    """

    def __init__(self, sid: str, *, end: Callable[[str], None]) -> None:
        self.sid = sid
        self.state: State = "ringing"
        self.events: list[PhoneEvent] = [PhoneEvent("ringing")]
        self.states: list[State] = ["ringing"]
        self._end = end
        self._inputs: deque[Input] = deque()
        self._gathering = False
        self._changed = asyncio.Event()

    # ---- the person's side

    @property
    def heard(self) -> list[str]:
        """What was said to this phone so far."""
        return [event.text for event in self.events if event.type == "say"]

    @property
    def ended_reason(self) -> str:
        """Why the call ended; empty while it lasts."""
        return self.events[-1].reason if self.state == "ended" else ""

    def say(self, text: str) -> None:
        """Say something. Said while nothing listens, it is held for the next gather, as a person repeats themselves."""
        self._put(Words(text))

    def press(self, digits: str) -> None:
        """Press keys, one after the other."""
        for digit in digits:
            self._put(Key(digit))

    def stay_silent(self) -> None:
        """Let the present gather, or the next one, end in silence at once."""
        self._put(Silence())

    async def hang_up(self) -> None:
        """Hang up, and return when the carrier has ended the call. Nothing happens if it has ended."""
        if self.state != "ended":
            self._end("hung_up")
            await self.wait_until("ended")

    async def wait_until(self, state: State) -> None:
        """Wait until the phone is in `state`.

        Raises:
            CallEnded: the call ended before.
        """
        await self.wait_for(lambda: self.state == state)

    async def wait_to_hear(self, text: str) -> str:
        """Wait until something containing `text` (in any case) has been said, and return all of it."""

        def found() -> str | None:
            return next((heard for heard in self.heard if text.lower() in heard.lower()), None)

        await self.wait_for(lambda: found() is not None)
        return found() or ""

    async def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is asked again after each change of this phone.

        Raises:
            CallEnded: the call ended, and the condition does not hold.
        """
        while not condition():
            if self.state == "ended":
                raise CallEnded(self.ended_reason)
            await self._changed.wait()

    async def event(self, number: int) -> PhoneEvent:
        """Return the event of that number, from 0, waiting for it if need be; for readers that want every one."""
        await self.wait_for(lambda: len(self.events) > number)
        return self.events[number]

    # ---- the carrier's side

    def tell(self, event: PhoneEvent, state: State) -> None:
        """Let the person notice something; a repeat of "music" or "connected" is no news."""
        if state == self.state and event.type in {"music", "connected"}:
            return
        self.events.append(event)
        self._enter(state)

    def gather(self, *, active: bool) -> None:
        """Say whether a gather takes input now."""
        self._gathering = active

    def think(self) -> None:
        """Note that the input is being worked on."""
        self._enter("thinking")

    def forget_inputs(self) -> None:
        """Drop what was said to the machine: a person is there now."""
        self._inputs.clear()

    async def input_or(self, deadline: asyncio.Future[None]) -> Input | None:
        """Return the next input; None if `deadline` is done first."""
        while not self._inputs and not deadline.done():
            changed = asyncio.create_task(self._changed.wait())
            waited: set[asyncio.Future[Any]] = {changed, deadline}
            try:
                await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
        return self._inputs.popleft() if self._inputs else None

    @property
    def has_input(self) -> bool:
        """Whether something was said or pressed that nothing has taken yet."""
        return bool(self._inputs)

    def _put(self, given: Input) -> None:
        if self.state in {"connected", "ended"} or len(self._inputs) >= INPUTS_HELD_MAX:
            return  # talk between people is not the machine's, and a phone holds only so much
        self._inputs.append(given)
        if self._gathering:
            self._enter("thinking")  # now, so that a test that waits for the next state does not see the last one
        self._notify()

    def _enter(self, state: State) -> None:
        self.state = state
        self.states.append(state)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class CallEnded(Exception):
    """The call ended before what was waited for. The argument is the reason."""
