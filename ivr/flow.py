"""A flow: menus and what each key leads to, as data that is checked when it is loaded, not when a caller presses 7."""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from ivr.intents import INTENTS
from ivr.session import ENDED, START, WAITING
from schemas.errors import ConfigurationError
from schemas.routing import EdgeModel, UrgencyWord

PERSON_KEY: Final = "0"
LANGUAGE_KEY: Final = "9"
TaskName = Literal["facility.summary", "facility.hours", "facility.address", "facility.directions"]


class Key(EdgeModel):
    """What a key means: exactly one of an intent, another menu, a task, or the end of the call."""

    intent: str | None = None
    urgency: UrgencyWord | None = None  # with `intent`: what pressing this key says at least
    node: str | None = None
    task: TaskName | None = None
    end: bool = False

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if sum((self.intent is not None, self.node is not None, self.task is not None, self.end)) != 1:
            msg = "a key has exactly one of intent, node, task, end"
            raise ValueError(msg)
        if self.intent is not None and self.intent not in INTENTS:
            msg = f"no intent is called {self.intent!r}"
            raise ValueError(msg)
        return self


class Menu(EdgeModel):
    """A place where the caller is asked something.

    `prompt` and `again` name prompts; digits 0 and 9 have their own meaning everywhere (a person; the other language).
    """

    prompt: str
    again: str
    keys: dict[str, Key] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _plain_keys(self) -> Self:
        odd = sorted(key for key in self.keys if key not in set("12345678"))
        if odd:
            msg = f"keys are 1 to 8 (0 is a person, 9 the other language), not {', '.join(map(repr, odd))}"
            raise ValueError(msg)
        return self


class Flow(EdgeModel):
    """A whole flow. `self_service` names the task that finishes an intent without a person."""

    name: str
    start: str
    after_task: str = Field(description="the menu that asks whether there is anything else")
    nodes: dict[str, Menu] = Field(min_length=1)
    self_service: dict[str, TaskName] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        targets = {self.start, self.after_task}
        targets |= {key.node for menu in self.nodes.values() for key in menu.keys.values() if key.node is not None}
        for missing in sorted(targets - set(self.nodes)):
            msg = f"no node is called {missing!r}"
            raise ValueError(msg)
        for reserved in sorted({START, WAITING, ENDED} & set(self.nodes)):
            msg = f"a node may not be called {reserved!r}"
            raise ValueError(msg)
        for unknown in sorted(set(self.self_service) - INTENTS):
            msg = f"no intent is called {unknown!r}"
            raise ValueError(msg)
        for clinical in sorted({"triage.symptom", "medication.question"} & set(self.self_service)):
            msg = f"{clinical} is never served without a person"
            raise ValueError(msg)
        return self

    @property
    def prompts_used(self) -> frozenset[str]:
        """The names of all prompts that the flow speaks; `Prompts.checked_for` wants them."""
        return frozenset(name for menu in self.nodes.values() for name in (menu.prompt, menu.again))


def load_flow(document: Mapping[str, Any]) -> Flow:
    """Check a flow that services read from YAML.

    Raises:
        ConfigurationError: it breaks its schema; says where.
    """
    try:
        return Flow.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the flow"
        raise ConfigurationError(f"flow: {place}: {first['msg']}", remedy="Mend the flow's YAML") from None
