"""One thing that is wrong with a tenant's document."""

from typing import NamedTuple

Loc = tuple[int | str, ...]  # where in a document: keys and indexes


class Finding(NamedTuple):
    """Where it is, what is wrong, and what to do about it."""

    at: Loc
    problem: str
    remedy: str
