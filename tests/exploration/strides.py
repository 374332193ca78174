"""Strides: what one router does unnoticed, up to the first thing that anyone else can notice.

Others notice of a router only what lands on the log, what is under way to it, and its snapshots. All else (to read, to
fold, to decide, to claim, to be restored) changes nothing but the router itself; and since both logs and the snapshots
only grow, it can do the same a little later as well, with the same outcome. So nothing is lost if a router does its
private steps just before the next one that is noticed: each order of steps has one of that kind which leads to the same
states, and the walk needs to stop only where something was noticed. `test_exploration` holds the two ways of walking
against each other in a world that is small enough for both.

Within a stride, what is appended is made as early as it can be: not after a read that could as well come behind it.
That this is so is not assumed: both orders are tried on the real objects, and must give the same object and records.

A stride depends on its router, the log and what may still go wrong, and on nothing else: it is worked out once for all
states that agree in those.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.exploration.properties import Broken
from tests.exploration.state import Action, Router, State, with_router
from tests.exploration.world import World


@dataclass
class Stumbled(Exception):
    """A promise broke within a stride; `way` leads to where it did."""

    promise: str
    way: list[Action]


class Strides:
    """All strides of a world, each worked out once."""

    def __init__(self, world: World, check) -> None:
        """`check(state, who)` is called for each state within a stride; raises `Stumbled`."""
        self._world, self._check = world, check
        self._known: dict[tuple[State, int], list[State]] = {}
        self.within = 0

    def successors(self, state: State) -> Iterator[tuple[tuple[int, State], State]]:
        """Yield who strode (or NOBODY) to which end, and the state after it. Raises `Broken`, `Stumbled`."""
        for _, after in self._world.late(state):
            yield (NOBODY, after), after
        for who in (0, 1):
            for end in self._ends(self._alone(state, who), who):
                yield (who, end), self._joined(state, end, who)

    def way(self, state: State, who: int, wanted: State) -> list[Action]:
        """Return the steps of the stride that ended there."""
        if who == NOBODY:
            return [next(action for action, after in self._world.late(state) if after == wanted)]
        start = self._alone(state, who)
        came: dict[State, tuple[State, Action]] = {}
        for before, action, after in self._steps(start, who, came):
            if after == wanted and _noticed(before, after):
                return [*_back(came, before), action]
        raise AssertionError("no such stride")

    def _ends(self, start: State, who: int) -> list[State]:
        known = self._known.get((start, who))
        if known is None:
            came: dict[State, tuple[State, Action]] = {}
            ends = dict.fromkeys(after for before, _, after in self._steps(start, who, came) if _noticed(before, after))
            self.within += len(came)
            known = self._known[start, who] = list(ends)
        return known

    def _steps(self, start: State, who: int, came: dict) -> Iterator[tuple[State, Action, State]]:
        came[start] = (start, ())
        waiting = [start]
        sent: dict[State, dict[tuple[int, ...], int]] = {}
        while waiting:
            state = waiting.pop()
            try:
                self._check(state, who)
                sent[state] = {}
                for action, after in self._world.moves(state, who):
                    router = after.routers[who]
                    if router.unlanded and not state.routers[who].unlanded:
                        sent[state][router.unlanded] = router.process
                        if self._as_well_before(came[state], sent, router, who):
                            continue
                    yield state, action, after
                    if not _noticed(state, after) and after not in came:
                        came[after] = (state, action)
                        waiting.append(after)
            except Broken as broken:
                raise Stumbled(str(broken), [*_back(came, state), ("then", who, self._world.trying)]) from broken
            except Stumbled as alone:
                raise Stumbled(alone.promise, [*_back(came, state), *alone.way]) from alone

    def _as_well_before(self, came: tuple[State, Action], sent: dict, router: Router, who: int) -> bool:
        """Tell whether it could have sent the same before its last read, and read that afterwards."""
        before, (verb, *rest) = came[0], came[1] or ("",)
        if not verb.startswith("reads") or len(rest) > 2:
            return False
        sooner = sent[before].get(router.unlanded)
        if sooner is None:
            return False
        return bool(self._world.read(sooner, verb, rest[1], before.log, who) == router.process)

    def _alone(self, state: State, who: int) -> State:
        return with_router(state._replace(network=()), 1 - who, self._world.idle)

    def _joined(self, state: State, end: State, who: int) -> State:
        network = tuple(sorted(state.network + end.network)) if end.network else state.network
        return with_router(end._replace(network=network), 1 - who, state.routers[1 - who])


NOBODY = -1


def _noticed(before: State, after: State) -> bool:
    return after.log != before.log or after.network != before.network or after.snapshots != before.snapshots


def _back(came: dict, state: State) -> list[Action]:
    way: list[Action] = []
    while came[state][0] != state:
        state, action = came[state]
        way.append(action)
    return way[::-1]
