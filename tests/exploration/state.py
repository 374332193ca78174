"""A state of the world, the rules that it goes by, and what may still happen in it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from router.ownership import Lineage

NOWHERE = -1
BEFORE = 2  # who wrote what stands on the log before the walk begins


class Budget(NamedTuple):
    """How much may still go wrong, or be done, in one run: what makes the world finite."""

    claims: int = 2
    failures: int = 0  # an append that is not answered, or a process that ends: restored in both cases
    copies: int = 0
    snapshots: int = 0
    beats: int = 0


class Router(NamedTuple):
    """One router: its partition (a number), its places in both logs, and its append that is under way."""

    process: int
    decisions_next: int
    intake_next: int
    life: int = 0
    unlanded: tuple[int, ...] = ()  # the last field: it tells who the router is, and the others do not


class State(NamedTuple):
    """The world."""

    log: int
    routers: tuple[Router, Router]
    network: tuple[int, ...]  # records that were given up, and copies: each may land at any time, once, or never
    snapshots: tuple[int, ...]
    left: Budget


class Snapshot(NamedTuple):
    """What a router is restored from."""

    epoch: int
    seq: int
    intake_next: int
    decisions_next: int
    image: int  # number of the image; NOWHERE: none, it begins from nothing


@dataclass(frozen=True)
class Rules:
    """Which rules the routers and readers follow; the broken variants change one each."""

    lineage: type[Lineage] = Lineage
    acknowledged_is_claimed: bool = False
    doubts: bool = True
    closes: bool = True
    mix_in: type | None = None


Action = tuple[Any, ...]


def with_router(state: State, who: int, router: Router) -> State:
    """Return the state with one router changed."""
    log, (one, other), network, snapshots, left = state
    return State(log, (router, other) if who == 0 else (one, router), network, snapshots, left)
