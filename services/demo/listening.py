"""How a phone hears prompts and how a gather listens, in simulated time."""

from typing import Final

from services.demo.pace import Pace
from services.demo.phone import Input, Key, Phone, PhoneEvent, Words
from services.demo.twiml import Digits, Gather, Heard, Pause, Play, Prompt, Say, Speech

ENDLESS_LOOPS: Final = 1000  # loop="0" is for ever, which the carrier caps so


class Ear:
    """Turns prompts into time, and what a person says or presses into what a gather reports."""

    def __init__(self, pace: Pace, *, say_chars_per_s: float, music_s: float) -> None:
        self._pace = pace
        self._say_chars_per_s = say_chars_per_s
        self._music_s = music_s

    async def hear(self, phone: Phone, prompt: Prompt) -> None:
        """Let a prompt pass that nothing can interrupt."""
        seconds = self._begin(phone, prompt)
        if seconds > 0:
            await self._pace.after(seconds)

    async def listen(self, phone: Phone, gather: Gather) -> Heard:
        """Play the prompts of a gather and listen; the first word or key stops the prompts."""
        phone.gather(active=True)
        try:
            first = await self._prompts(phone, gather)
            if first is None:
                phone.tell(PhoneEvent("listening"), "listening")
                first = await self._next(phone, gather)
            return await self._collect(phone, gather, first)
        finally:
            phone.gather(active=False)
            phone.think()

    async def _prompts(self, phone: Phone, gather: Gather) -> Input | None:
        for prompt in gather.prompts:
            seconds = self._begin(phone, prompt)
            if seconds > 0 and (given := await phone.input_or(self._pace.after(seconds))):
                return given
        return None

    async def _next(self, phone: Phone, gather: Gather) -> Input | None:
        deadline = self._pace.after(gather.timeout_s)
        try:
            return await phone.input_or(deadline)
        finally:
            deadline.cancel()

    async def _collect(self, phone: Phone, gather: Gather, given: Input | None) -> Heard:
        pressed = ""
        while True:
            match given:
                case Words(text) if gather.speech:
                    return Speech(text)
                case Key(digit) if gather.digits and pressed and digit == gather.finish_on_key:
                    return Digits(pressed, digit)
                case Key(digit) if gather.digits:
                    pressed += digit
                    if len(pressed) == gather.digits_max:
                        return Digits(pressed)
                case Words() | Key():
                    pass  # this gather does not take it; the person may try again
                case _:
                    return Digits(pressed) if pressed else None
            if not phone.has_input:
                phone.tell(PhoneEvent("listening"), "listening")
            given = await self._next(phone, gather)

    def _begin(self, phone: Phone, prompt: Prompt) -> float:
        """Let the person notice a prompt, and return how many seconds it lasts."""
        match prompt:
            case Say(text, language):
                phone.tell(PhoneEvent("say", text=text, language=language), "speaking")
                return len(text) / self._say_chars_per_s if self._say_chars_per_s else 0.0
            case Play(_, loop):
                phone.tell(PhoneEvent("music"), "music")
                return self._music_s * (loop or ENDLESS_LOOPS)
            case Pause(seconds):
                return seconds
