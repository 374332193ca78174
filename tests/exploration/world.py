"""A small world: two routers, one partition, an unreliable way to its log. What can happen next, in every order.

The routers are real `Partition` objects, driven as `services.routing.worker` drives them: while an append is under way
a router does nothing else; an append without an answer, and a state that is spent, end in a restored partition under a
new name. Everything that the worker does when it is time for it (claim, decide, beat, snapshot) may happen here at any
time when the worker could, so that no timing is left out; a router that is paused is one that does not move while
everything else does. What is appended

* lands late: at any time before it is acknowledged, or long after it was given up;
* is lost: it was given up and never lands, as a whole or in part and in any order;
* is doubled: a copy lands as well, at any later time;
* is acknowledged late, or landed and is never acknowledged.

Between two routers nothing but their names differs, and names are only compared. So a router sees its own claims under
"me" and the other's under "other", and two states that differ by which router is which are one state.
"""

from collections.abc import Iterator
from typing import Any

from router.ownership import Lineage, Role
from router.partition import Partition
from schemas.decisions import Claim, Step
from schemas.errors import Defect
from tests.exploration.pools import Objects, Pool, freeze
from tests.exploration.properties import Broken, Entry, History, check_reader_from_here, extended, require, said
from tests.exploration.scenarios import Scenario
from tests.exploration.state import (
    BEFORE,
    NOWHERE,
    Action,
    Budget,
    Router,
    Rules,
    Snapshot,
    State,
    with_router,
)


class World:
    """All that can happen from a state; and everything that was ever met, numbered."""

    def __init__(self, scenario: Scenario, rules: Rules | None = None) -> None:
        self.scenario, self.rules = scenario, rules or Rules()
        mixed = (self.rules.mix_in, scenario.partition) if self.rules.mix_in else (scenario.partition,)
        self.partition: type[Partition] = type("Explored", mixed, {})
        self.objects = Objects()
        self.entries, self.histories, self.images, self.snapshots = Pool(), Pool(), Pool(), Pool()
        self.trying = ""
        """What was being tried last: the step at which a promise broke."""
        self._next: dict[tuple[int, int], int] = {}
        self._swapped_logs: dict[int, int] = {}
        self._starts: dict[tuple[int, int], int] = {}
        self._fresh: set[int] = set()
        self._folds: dict[tuple[int, int, int, int], Any] = {}
        self.histories.number(History())
        self.snapshots.number(Snapshot(NOWHERE, 0, 0, 0, NOWHERE))

    def first(self, left: Budget) -> State:
        log = self._begin() if self.scenario.begun else 0
        base = len(self.snapshots) - 1
        self.idle = self._started(base, 0)
        """A router that has done nothing yet."""
        routers = (self.idle, self.idle)
        return State(log, routers, (), (base,), left)

    def _begin(self) -> int:
        """Let an earlier process decide the first facts and write a snapshot."""
        partition = self.partition("before")
        log = self._appended(0, partition.claim(), BEFORE, "before#1")
        partition.record(0, self.record(log, 0))
        for offset in range(self.scenario.begun):
            partition.fact(offset, self.scenario.intake[offset])
        for step in partition.decide(self.scenario.moments[0]):
            log = self._appended(log, step, BEFORE, "before#1")
            partition.record(len(self.history(log).entries) - 1, step)
        require(partition.closed, "what was decided before the walk is read back")
        end = len(self.history(log).entries)
        lineage, image = partition.ownership.lineage, partition.image()
        number = self.images.number(image, freeze(image))
        self.snapshots.number(Snapshot(lineage.epoch, lineage.seq, self.scenario.begun, end, number))
        return log

    # ---- the log

    def history(self, log: int) -> History:
        return self.histories[log]

    def entry(self, log: int, offset: int) -> Entry:
        return self.entries[self.history(log).entries[offset]]

    def record(self, log: int, offset: int) -> Any:
        return self.entry(log, offset).record

    def texts(self, log: int) -> list[tuple[str, ...]]:
        """Return the log and its mirror image as texts."""
        logs = (self.history(log), self.history(self._swapped_log(log)))
        return [tuple(str(self.entries[number].key) for number in each.entries) for each in logs]

    def _entered(self, record: Any, writer: int, token: str) -> int:
        entry = Entry(record, writer, token)
        return self.entries.number(entry, entry.key)

    def _appended(self, log: int, record: Any, writer: int, token: str) -> int:
        return self.append(log, self._entered(record, writer, token))

    def append(self, log: int, entry: int) -> int:
        """Return the log with one more record; a log that is new is checked."""
        known = self._next.get((log, entry))
        if known is None:
            before = self.history(log)
            self.trying = f"{said(self.entries[entry].record)} lands at {len(before.entries)}"
            history = extended(before, entry, self.entries[entry], self.rules, self.scenario)
            known = self.histories.number(history, history.entries)
            self._next[log, entry] = known
            if self.rules.lineage is Lineage:
                check_reader_from_here(tuple(self.entries[number].record for number in history.entries), history)
        return known

    # ---- symmetry

    def canonical(self, state: State) -> tuple[State, bool]:
        """Return the one that stands for a state and its mirror image, and whether it is the mirror image."""
        one, other = state.routers
        if one[:-1] < other[:-1]:
            return state, False
        mirrored = state._replace(
            log=self._swapped_log(state.log),
            routers=(self._swapped_router(other), self._swapped_router(one)),
            network=self._swapped(state.network),
        )
        return (mirrored, True) if one[:-1] > other[:-1] or mirrored < state else (state, False)

    def _swapped_router(self, router: Router) -> Router:
        unlanded = tuple(self._swapped_entry(entry) for entry in router.unlanded)
        return router._replace(unlanded=unlanded) if router.unlanded else router

    def _swapped_entry(self, number: int) -> int:
        entry = self.entries[number]
        writer = entry.writer if entry.writer == BEFORE else 1 - entry.writer
        return self._entered(entry.record, writer, entry.token)

    def _swapped(self, network: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(self._swapped_entry(entry) for entry in network))

    def _swapped_log(self, log: int) -> int:
        known = self._swapped_logs.get(log)
        if known is None:
            known = 0
            for entry in self.history(log).entries:
                known = self.append(known, self._swapped_entry(entry))
            self._swapped_logs[log] = known
        return known

    # ---- what can happen

    def successors(self, state: State) -> Iterator[tuple[Action, State]]:
        """Yield all that can happen next, each with what comes of it. Raises `Broken`."""
        yield from self.late(state)
        for who in (0, 1):
            yield from self.moves(state, who)

    def late(self, state: State) -> Iterator[tuple[Action, State]]:
        """Yield what comes of each record that was under way, should it land now."""
        for entry in dict.fromkeys(state.network):
            rest = list(state.network)
            rest.remove(entry)
            log = self.append(state.log, entry)
            yield ("lands late", entry, log), state._replace(log=log, network=tuple(rest))

    def moves(self, state: State, who: int) -> Iterator[tuple[Action, State]]:
        """Yield what one router can do or suffer."""
        router = state.routers[who]
        if router.unlanded:
            yield from self._lands(state, who)
        elif self.has_left(router.process):
            yield from self._restored(state, who, ("ends, and is started again", who))
        else:
            yield from self._reads(state, who)
            yield from self._acts(state, who)
        if state.left.failures and (router.unlanded or router.process not in self._fresh):
            left = state.left._replace(failures=state.left.failures - 1)
            failed = state._replace(left=left, network=tuple(sorted(state.network + router.unlanded)))
            if router.unlanded and not self.rules.doubts:
                yield ("goes on without an answer", who), with_router(failed, who, router._replace(unlanded=()))
                return
            yield from self._restored(failed, who, ("is not answered" if router.unlanded else "crashes", who))

    def _lands(self, state: State, who: int) -> Iterator[tuple[Action, State]]:
        """Yield what comes of the next record under way reaching the log; with the last one the append is answered."""
        router = state.routers[who]
        entry, *rest = router.unlanded
        log = self.append(state.log, entry)
        process = router.process
        if self.rules.acknowledged_is_claimed and self.role(process) is Role.CLAIMING:
            process, _ = self.objects.call(process, _believe, len(self.history(state.log).entries))
        landed = with_router(state._replace(log=log), who, router._replace(process=process, unlanded=tuple(rest)))
        yield ("lands", who, entry, log), landed
        if state.left.copies:
            left = state.left._replace(copies=state.left.copies - 1)
            network = tuple(sorted((*state.network, entry)))
            yield ("lands, and a copy is under way", who, entry, log), landed._replace(left=left, network=network)

    def _reads(self, state: State, who: int) -> Iterator[tuple[Action, State]]:
        router = state.routers[who]
        at = router.decisions_next
        if at < len(self.history(state.log).entries):
            process = self.read(router.process, "reads record", at, state.log, who)
            read = Router(process, at + 1, router.intake_next, router.life)
            yield from self._if_spent(with_router(state, who, read), who, ("reads record", who, at))
        if router.intake_next < len(self.scenario.intake):
            process = self.read(router.process, "reads fact", router.intake_next, state.log, who)
            read = Router(process, at, router.intake_next + 1, router.life)
            yield from self._if_spent(with_router(state, who, read), who, ("reads fact", who, router.intake_next))

    def read(self, process: int, verb: str, offset: int, log: int, who: int) -> int:
        """Return what becomes of a process that reads a fact or a record."""
        if verb == "reads fact":
            return self.objects.call(process, self._take_fact, offset)[0]
        number = self.history(log).entries[offset]
        return self.objects.call(process, self._take_record, offset, number, self.entries[number].writer == who)[0]

    def _if_spent(self, state: State, who: int, action: Action) -> Iterator[tuple[Action, State]]:
        if self.objects[state.routers[who].process].spent:
            yield from self._restored(state, who, (*action, "and starts anew"))
        else:
            yield action, state

    def _acts(self, state: State, who: int) -> Iterator[tuple[Action, State]]:
        """Yield what its worker may do between two fetches."""
        router, left = state.routers[who], state.left
        partition = self.objects[router.process]
        if partition.owning:
            yield from self.decides(state, who)
            at_rest = partition.closed if self.rules.closes else True
            if left.snapshots and at_rest and self.image(partition) is not None:
                snapshots = tuple(sorted({*state.snapshots, self._saved(state, router)}))
                left_then = left._replace(snapshots=left.snapshots - 1)
                yield ("writes a snapshot", who), state._replace(left=left_then, snapshots=snapshots)
            if left.beats:
                yield from self._beats(state, who)
        if left.claims and (partition.closed if partition.owning else True):
            yield self.claims(state, who)

    def claims(self, state: State, who: int) -> tuple[Action, State]:
        """Return what comes of a claim."""
        process, claim = self.objects.call(state.routers[who].process, _claim)
        claimed = state._replace(left=state.left._replace(claims=state.left.claims - 1))
        return ("claims", who), self._sends(claimed, who, process, (claim,))

    def _beats(self, state: State, who: int) -> Iterator[tuple[Action, State]]:
        beaten = state._replace(left=state.left._replace(beats=state.left.beats - 1))
        for leaving in (False, True):
            process, beat = self.objects.call(state.routers[who].process, self._beat, leaving)
            yield ("sends", who, "its last beat" if leaving else "a beat"), self._sends(beaten, who, process, (beat,))

    def decides(self, state: State, who: int) -> Iterator[tuple[Action, State]]:
        """Yield what comes of a decision, at each moment that its clock may show."""
        router = state.routers[who]
        for moment in range(len(self.scenario.moments)):
            self.trying = "it decides"
            process, steps = self.objects.call(router.process, self._decide, moment, router.intake_next)
            if steps:
                yield ("decides", who, *steps), self._sends(state, who, process, steps)
            elif process != router.process:
                decided = with_router(state, who, router._replace(process=process))
                yield ("decides nothing", who), decided

    def _sends(self, state: State, who: int, process: int, records: tuple[Any, ...]) -> State:
        token = self.objects[process].ownership._token
        entries = tuple(self._entered(record, who, token) for record in records)
        router = state.routers[who]._replace(process=process, unlanded=entries)
        return with_router(state, who, router)

    # ---- restoring

    def _restored(self, state: State, who: int, action: Action) -> Iterator[tuple[Action, State]]:
        for snapshot in state.snapshots:
            yield (
                (*action, "from", snapshot),
                with_router(state, who, self._started(snapshot, state.routers[who].life + 1)),
            )

    def _started(self, number: int, life: int) -> Router:
        snapshot: Snapshot = self.snapshots[number]
        known = self._starts.get((number, life))
        if known is None:
            known = self._starts[number, life] = self.objects.keep(self.restore(snapshot, f"me.{life}"))
            self._fresh.add(known)
        return Router(known, snapshot.decisions_next, snapshot.intake_next, life=life)

    def restore(self, snapshot: Snapshot, name: str) -> Partition:
        lineage = self.rules.lineage(snapshot.epoch, snapshot.seq)
        if snapshot.image == NOWHERE:
            return self.partition(name, lineage=lineage)
        image = self.images[snapshot.image]
        return self.partition.restore(name, image, lineage=lineage, intake_next=snapshot.intake_next)

    def _saved(self, state: State, router: Router) -> int:
        partition = self.objects[router.process]
        image = partition.image()
        lineage = partition.ownership.lineage
        number = self.images.number(image, freeze(image))
        folded = self.folded(state.log, router.decisions_next, router.intake_next)
        self.trying = "a snapshot is written"
        require(folded == freeze(image["cells"]), "a snapshot is what a reader of the log has folded")
        snapshot = Snapshot(lineage.epoch, lineage.seq, router.intake_next, router.decisions_next, number)
        return self.snapshots.number(snapshot)

    @staticmethod
    def image(partition: Partition) -> Any:
        """Return its image; None at a moment when it has none."""
        try:
            return partition.image()
        except Exception:  # noqa: BLE001  a fact that was rejected and not recorded yet
            return None

    def folded(self, log: int, decisions_next: int, intake_next: int, start: int = 0) -> Any:
        """Return what someone has folded who follows both logs from a snapshot, and then decides next."""
        key = (log, decisions_next, intake_next, start)
        if key not in self._folds:
            snapshot: Snapshot = self.snapshots[start]
            follower = self.restore(snapshot, "follower")
            for offset in range(snapshot.decisions_next, decisions_next):
                follower.record(offset, self.record(log, offset))
            for offset in range(snapshot.intake_next, intake_next):
                follower.fact(offset, self.scenario.intake[offset])
            follower.record(decisions_next, follower.claim())
            image = self.image(follower)
            self._folds[key] = None if image is None else freeze(image["cells"])
        return self._folds[key]

    # ---- calls of the real objects

    def has_left(self, process: int) -> bool:
        """Tell whether its owner sent its last beat: from then on it claims nothing, and its process ends."""
        partition = self.objects[process]
        return bool(partition._leading and partition.ownership.role is Role.FOLLOWING)

    def role(self, process: int) -> Role:
        role: Role = self.objects[process].ownership.role
        return role

    def _take_fact(self, partition: Partition, offset: int) -> None:
        partition.fact(offset, self.scenario.intake[offset])

    def _take_record(self, partition: Partition, offset: int, entry: int, mine: bool) -> None:
        record = self.entries[entry].record
        if isinstance(record, Claim) and not mine:
            record = record.model_copy(update={"owner": f"other:{record.owner}"})
        self.trying = f"{said(record)} is read at {offset}"
        try:
            partition.record(offset, record)
        except (AssertionError, Defect, LookupError) as error:
            raise Broken(f"a step cannot be folded: {error}") from error

    def _decide(self, partition: Partition, moment: int, intake_next: int) -> tuple[Step, ...]:
        now = self.scenario.moments[moment]
        steps = tuple(partition.decide(now))
        require(not list(partition.decide(now)), "to decide twice gives nothing")
        self.scenario.timely(steps, intake_next)
        return steps

    def _beat(self, partition: Partition, leaving: bool) -> Any:
        return partition.heartbeat(self.scenario.moments[0], leaving=leaving)


def _claim(partition: Partition) -> Claim:
    return partition.claim()


def _believe(partition: Partition, offset: int) -> None:
    """Take the acknowledged claim for granted, before it was read: what a broken variant does."""
    partition.ownership.lineage.epoch, partition.ownership.lineage.seq = offset, 0
    partition.ownership.role = Role.OWNING
    partition.believed = offset  # type: ignore[attr-defined]
    partition._advance()
