"""What the dialog says and asks, in words that no carrier owns, and what it hears."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.routing import EdgeModel, UrgencyWord


class Say(EdgeModel):
    """Read `text` to the caller."""

    kind: Literal["say"] = "say"
    text: str = Field(max_length=4000, repr=False)
    language: str = "en"


class Play(EdgeModel):
    """Play a sound: `hold_music`, or an address."""

    kind: Literal["play"] = "play"
    sound: str


class Gather(EdgeModel):
    """Say `prompts` and listen; the answer, or silence after `timeout_s`, is the next turn."""

    kind: Literal["gather"] = "gather"
    prompts: tuple[Say | Play, ...] = ()
    timeout_s: float = Field(default=5.0, gt=0, le=60)
    digits_max: int = Field(default=1, ge=1, le=20)
    speech: bool = True
    language: str = "en"
    hints: tuple[str, ...] = ()


class Pause(EdgeModel):
    """Wait in silence."""

    kind: Literal["pause"] = "pause"
    seconds: float = Field(gt=0, le=60)


class Dial(EdgeModel):
    """Send the caller to a number: the tenant's fallback."""

    kind: Literal["dial"] = "dial"
    number: str


class HangUp(EdgeModel):
    """End the call."""

    kind: Literal["hang_up"] = "hang_up"


Instruction = Annotated[Say | Play | Gather | Pause | Dial | HangUp, Field(discriminator="kind")]


class Understood(EdgeModel):
    """What an utterance means, as a model or the rules say. Red flags are by name and patient data: seal them."""

    intent: str
    confidence: float = Field(ge=0.0, le=1.0)
    urgency: UrgencyWord
    red_flags: tuple[str, ...] = Field(default=(), repr=False)
    source: str = Field(default="rules", description="which model and version, or rules")


class Heard(EdgeModel):
    """One input of the dialog."""

    kind: Literal["start", "digits", "speech", "silence", "returned"]
    text: str = Field(default="", max_length=2000, repr=False, description="digits, or what was said")
    understood: Understood | None = None  # of speech only
