"""The walk: every state that can be reached, each once, nearest first; and from each, that it ends well.

A state that was met before with at least as much left to go wrong is not followed again: whatever could come of it was
or will be seen from there. (So states are counted without what is left.)

**In the end an undisturbed owner decides.** From every state either router is left alone: no append fails, the other
stands still. It must come to own, to have decided every fact, and to hold what a reader of both logs has folded who
begins anywhere. What it does then is one path, and paths meet; each is followed once.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pydantic import BaseModel

from router.ownership import Role
from tests.exploration.pools import freeze
from tests.exploration.properties import Broken, require, said
from tests.exploration.state import Action, Budget, State, with_router
from tests.exploration.strides import Strides, Stumbled
from tests.exploration.world import World

ALONE_STEPS_MAX = 300
LEFT_ALONE = Budget(claims=9, failures=0, copies=0, snapshots=0, beats=0)


@dataclass(frozen=True)
class Explored:
    """What a walk has seen."""

    states: int
    transitions: int
    within: int
    logs: frozenset[tuple[str, ...]]
    processes: int
    calls: int
    ends: int
    complete: bool

    def __str__(self) -> str:
        return (
            f"{self.states:,} states{'' if self.complete else ' and more'}, {self.transitions:,} transitions, "
            f"{self.within:,} states within strides, {len(self.logs):,} contents of the log, "
            f"{self.processes:,} states of a router in {self.calls:,} calls, {self.ends:,} states left alone"
        )


class Found(AssertionError):
    """A promise is broken; `steps` is a shortest way there."""

    def __init__(self, promise: str, steps: list[str]) -> None:
        super().__init__("\n".join([promise, *(f"{number:>3}. {step}" for number, step in enumerate(steps, 1))]))
        self.promise, self.steps = promise, steps


class Walk:
    """A search of one world."""

    def __init__(self, world: World, left: Budget, *, by_strides: bool = True) -> None:
        """Without strides every single step is a state of its own."""
        self.world = world
        self._strides = Strides(world, self._left_alone)
        self._by_strides = by_strides
        self._seen: dict[tuple, list[Budget]] = {}
        self._states: list[State] = []
        self._parents: list[int] = []
        self._well: set[tuple] = set()
        self._transitions = 0
        self._to_follow: deque[int] = deque()
        self._meet(world.canonical(world.first(left))[0], -1)

    def run(self, *, states_max: int | None = None) -> Explored:
        """Follow everything, or until so many states were met. Raises `Found`."""
        while self._to_follow and (states_max is None or len(self._seen) < states_max):
            number = self._to_follow.popleft()
            try:
                for _, after in self._successors(self._states[number]):
                    self._transitions += 1
                    self._meet(self.world.canonical(after)[0], number)
            except (Broken, Stumbled) as broken:
                raise self._found(number, broken) from broken
        return self._explored()

    def _successors(self, state: State) -> Iterator[tuple[tuple, State]]:
        if self._by_strides:
            yield from self._strides.successors(state)
        else:
            for who in (0, 1):
                self._left_alone(state, who)
            yield from self.world.successors(state)

    def _meet(self, state: State, parent: int) -> None:
        core, left = tuple(state[:-1]), state.left
        known = self._seen.setdefault(core, [])
        if any(all(mine <= theirs for mine, theirs in zip(left, other, strict=True)) for other in known):
            return
        known.append(left)
        self._to_follow.append(len(self._states))
        self._states.append(state)
        self._parents.append(parent)

    def _explored(self) -> Explored:
        world = self.world
        return Explored(
            states=len(self._seen),
            transitions=self._transitions,
            within=self._strides.within,
            logs=frozenset(min(world.texts(state[0])) for state in self._seen),
            processes=len(world.objects),
            calls=world.objects.calls,
            ends=len(self._well),
            complete=not self._to_follow,
        )

    # ---- left alone

    def _left_alone(self, state: State, who: int) -> None:
        """Let one router go on alone; it must end well. Raises `Stumbled`.

        One that has something under way, or to read, comes next to a state that is met by the walk as well, and does
        so until it rests: it is let go from there.
        """
        if state.routers[who].unlanded or self._behind(state, who) or self._alone_key(state, who) in self._well:
            return
        state = with_router(state._replace(network=(), left=LEFT_ALONE), 1 - who, self.world.idle)
        path, way = [], [("is left alone", who)]
        try:
            while (key := self._alone_key(state, who)) not in self._well:
                path.append(key)
                require(len(path) < ALONE_STEPS_MAX, "left alone, a router goes on and on")
                following = self._next_alone(state, who)
                if following is None:
                    self._check_end(state, who)
                    break
                action, state = following
                way.append(action)
        except Broken as broken:
            raise Stumbled(str(broken), [*way, ("then", who, self.world.trying)]) from broken
        self._well.update(path)

    @staticmethod
    def _alone_key(state: State, who: int) -> tuple:
        return who, state.log, state.routers[who], state.snapshots

    def _next_alone(self, state: State, who: int) -> tuple[Action, State] | None:
        """Return what comes next: what is under way, what can be read, what can be decided, then a claim."""
        router = state.routers[who]
        if router.unlanded or self._behind(state, who) or self.world.has_left(router.process):
            return next(self.world.moves(state, who))
        if not self.world.objects[router.process].owning:
            return self.world.claims(state, who)
        decided = ((action, after) for action, after in self.world.decides(state, who) if after.routers[who].unlanded)
        return next(decided, None)

    def _behind(self, state: State, who: int) -> bool:
        router = state.routers[who]
        unread = len(self.world.history(state.log).entries) - router.decisions_next
        return unread > 0 or router.intake_next < len(self.world.scenario.intake)

    def _check_end(self, state: State, who: int) -> None:
        router, world = state.routers[who], self.world
        partition = world.objects[router.process]
        require(partition.ownership.role is Role.OWNING and partition.owning, "left alone, a router does not own")
        settled = world.history(state.log).settled
        require(world.scenario.finished(settled), f"left alone, an owner has decided only {', '.join(settled)}")
        mine = freeze(partition.image()["cells"])
        for start in state.snapshots:
            folded = world.folded(state.log, router.decisions_next, router.intake_next, start)
            require(folded == mine, "who follows the log has folded something else than its owner")

    # ---- the way to a state

    def _found(self, number: int, broken: Broken | Stumbled) -> Found:
        numbers = [number]
        while self._parents[numbers[-1]] >= 0:
            numbers.append(self._parents[numbers[-1]])
        states = [self._states[number] for number in reversed(numbers)]
        steps, mirrored = [], False
        for state, wanted in pairwise(states):
            actions, mirror = self._actions(state, wanted)
            steps += [tell(self.world, action, mirrored=mirrored) for action in actions]
            mirrored ^= mirror
        if isinstance(broken, Stumbled):
            steps += [tell(self.world, action, mirrored=mirrored) for action in broken.way]
            return Found(broken.promise, steps)
        return Found(str(broken), steps)

    def _actions(self, state: State, wanted: State) -> tuple[list[Action], bool]:
        for action, after in self._successors(state):
            canonical, mirror = self.world.canonical(after)
            if canonical == wanted:
                return (self._strides.way(state, *action) if self._by_strides else [action]), mirror
        raise AssertionError("a state has a way to it")


def tell(world: World, action: Action, *, mirrored: bool) -> str:
    """Say in words what happened."""
    verb, *rest = action
    if verb == "lands late":
        return f"{said(world.entries[rest[0]].record)} lands late, at {len(world.history(rest[1]).entries) - 1}"
    name = "ab"[rest[0] ^ mirrored]
    if verb.startswith("lands"):
        landed = verb.replace("lands", f"lands at {len(world.history(rest[2]).entries) - 1}")
        return f"{name}: {said(world.entries[rest[1]].record)} {landed}"
    return " ".join(
        [f"{name}: {verb}", *(said(entry) if isinstance(entry, BaseModel) else str(entry) for entry in rest[1:])]
    )
