"""What an utterance means: the port behind which models come."""

from typing import Protocol

from schemas.dialog import Understood


class Understanding(Protocol):
    """Reads utterances. The dialog's own rules read them too, and set a floor that no model goes below."""

    async def understand(self, text: str, *, language: str) -> Understood | None:
        """Return what `text` means, or None to leave it to the rules. A slow answer or an error counts as None."""


class RulesOnly:
    """No model: the rules of `ivr.intents` alone, which the dialog applies by itself."""

    async def understand(self, text: str, *, language: str) -> Understood | None:  # noqa: ARG002  it reads nothing
        """Return None."""
        return None
