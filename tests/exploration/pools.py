"""States of real objects, numbered, so that a state of the world is a few small numbers.

A process's `Partition` is a real object. Two of them that hold the same, whatever that is, get the same number; what a
call does to one is worked out once, on a copy, and remembered. So the walk can pass a million states while the real
code runs some ten thousand times, once for each different situation that it can be in.
"""

import dataclasses
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from pydantic import BaseModel

ATOMS = (str, int, float, bytes, datetime, timedelta, Enum, type(None))


def freeze(value: Any) -> Any:
    """Return all that an object holds as nested tuples: no list of fields that could be forgotten here."""
    if isinstance(value, ATOMS):
        return value
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if isinstance(value, dict):
        return tuple((freeze(key), freeze(entry)) for key, entry in value.items())
    if isinstance(value, list | tuple | deque):
        return tuple(freeze(entry) for entry in value)
    if isinstance(value, set | frozenset):
        return frozenset(freeze(entry) for entry in value)
    if dataclasses.is_dataclass(value):
        return tuple(freeze(getattr(value, field.name)) for field in dataclasses.fields(value))
    return type(value).__name__, freeze(vars(value))


def clone(value: Any) -> Any:
    """Return a copy that can be changed without the original; what is frozen is shared."""
    if isinstance(value, (*ATOMS, BaseModel, tuple, frozenset)):
        return value
    if isinstance(value, dict):
        return {key: clone(entry) for key, entry in value.items()}
    if isinstance(value, list | deque | set):
        return type(value)(clone(entry) for entry in value)
    if not dataclasses.is_dataclass(value):
        names: Any = vars(value)
    elif value.__dataclass_params__.frozen:
        return value
    else:
        names = [field.name for field in dataclasses.fields(value)]
    copy = object.__new__(type(value))
    for name in names:
        setattr(copy, name, clone(getattr(value, name)))
    return copy


class Pool:
    """Distinct things, numbered from 0."""

    def __init__(self) -> None:
        self.things: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def number(self, thing: Any, key: Any = None) -> int:
        """Return the number of a thing that is told apart by `key`, or by itself."""
        key = thing if key is None else key
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.things)
            self.things.append(thing)
        return number

    def __getitem__(self, number: int) -> Any:
        return self.things[number]

    def __len__(self) -> int:
        return len(self.things)


class Objects(Pool):
    """Objects that change when they are called, kept as they are in every state; nobody changes one in place."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[Any, tuple[int, Any]] = {}
        self.calls = 0

    def keep(self, thing: Any) -> int:
        return self.number(thing, freeze(thing))

    def unchanged(self) -> bool:
        """Tell whether each is still as it was when it was met: no call changed the original of its copy."""
        return all(self._numbers.get(freeze(thing)) == number for number, thing in enumerate(self.things))

    def call(self, number: int, act: Callable[..., Any], *arguments: Any) -> tuple[int, Any]:
        """Return the number of the object after `act(object, *arguments)`, and what that returned."""
        key = (number, act, arguments)
        known = self._known.get(key)
        if known is None:
            self.calls += 1
            copy = clone(self.things[number])
            returned = act(copy, *arguments)
            known = self._known[key] = (self.keep(copy), returned)
        return known
