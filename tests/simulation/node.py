"""A router process: it reads, folds, decides and appends, and may be stopped between any two of these.

It does what `services.routing.worker` does, cut into smaller pieces: what was decided may reach the log late, in part
or never; a deposed owner may go on for a while; a restored one starts from any snapshot or from the beginning.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Any

from router.ownership import Lineage, Role
from router.partition import Partition
from schemas.decisions import Claim, Heartbeat, Step
from tests.simulation.logs import Clock, Logs

Snapshot = tuple[Lineage, int, int, str]  # lineage, intake_next, decisions_next, the image's JSON text

SILENCE_S = 4.0
BEAT_S = 1.5


def restored(name: str, snapshot: Snapshot | None) -> tuple[Partition, int, int]:
    """Return a partition as a snapshot has it, or an empty one, and where to read both logs from."""
    if snapshot is None:
        return Partition(name), 0, 0
    lineage, intake_next, decisions_next, text = snapshot
    copy = Lineage(lineage.epoch, lineage.seq)
    partition = Partition.restore(name, json.loads(text), lineage=copy, intake_next=intake_next)
    return partition, intake_next, decisions_next


class Node:
    """One router process, of which two compete for the partition."""

    def __init__(
        self,
        name: str,
        random: Random,
        clock: Clock,
        logs: Logs,
        snapshots: list[Snapshot],
        at_rest: Callable[..., None],
    ) -> None:
        self.name, self._random, self._clock, self._logs = name, random, clock, logs
        self._snapshots, self._at_rest = snapshots, at_rest
        self._lives = 0
        self._skew = random.uniform(-0.5, 0.5)
        self._awake = False
        self._slow_until = 0.0
        self.alive = False
        self.calm = False
        logs.watchers.append(self.wake)

    # ---- life

    def kill(self) -> None:
        self.alive = False
        self._lives += 1

    def start(self, *, claim: bool) -> None:
        """Restore from a snapshot or the whole log, and follow; with `claim` become the owner."""
        self._lives += 1
        self.alive, self._superseded, self._in_doubt = True, False, False
        self._unsent: list[Any] = []
        name = f"{self.name}.{self._lives}"
        chosen = self._random.choice(self._snapshots) if self._snapshots and self._random.random() < 0.8 else None
        self.partition, self._intake_next, self._decisions_next = restored(name, chosen)
        if claim:
            self._unsent.append(self.partition.claim())
        self.wake()
        self._tick(self._lives)

    def _tick(self, life: int) -> None:
        """Once a second an owner shows that it is there, and the other looks whether it is."""
        if not self.alive or life != self._lives:
            return
        silent_s = self._clock.second - self._logs.appended_at
        if not self._unsent and not self._in_doubt:
            if self.partition.owning and silent_s > BEAT_S:
                self._unsent.append(self.partition.heartbeat(self._clock.now(self._skew)))
            elif not self.partition.owning and silent_s > SILENCE_S:
                self._unsent.append(self.partition.claim())
            elif not self.calm and self._random.random() < 0.015 and self._may_claim_anew():
                self._unsent.append(self.partition.claim())  # it prefers this partition, or claims anew
        if not self.calm and self._random.random() < 0.03:
            self._slow_until = self._clock.second + self._random.uniform(0.5, 6)  # `intake` reaches it late
        self.wake()
        self._clock.later(1 + self._random.uniform(0, 0.3), lambda: self._tick(life))

    def claim(self) -> None:
        """Claim now, if it may: as when both think that they should."""
        if self.alive and not self._in_doubt and not self._unsent and self._may_claim_anew():
            self._unsent.append(self.partition.claim())
            self.wake()

    def _may_claim_anew(self) -> bool:
        return not self.partition.owning or self.partition.ownership.read_back

    def wake(self, delay: float | None = None) -> None:
        if self.alive and not self._awake:
            self._awake = True
            self._clock.later(self._random.uniform(0, 0.05) if delay is None else delay, self._turn)

    # ---- one turn

    def _turn(self) -> None:
        self._awake = False
        if not self.alive:
            return
        if self._in_doubt:
            self.start(claim=not self._superseded)
            return
        if self._unsent:
            self._send()
        else:
            self._read(everything=False)
            if self.partition.owning and not self._in_doubt:
                self._decide()
        self._plan()

    def _plan(self) -> None:
        """See to it that the next turn comes: at once if there is something to do, else at the deadline."""
        if self._unsent and not self.calm and self._random.random() < 0.02:
            self.wake(self._random.uniform(0.1, 8))  # paused, with decisions in hand
        elif self._unsent or self._in_doubt:
            self.wake(0.001)
        elif self._behind():
            self.wake(max(0.001, self._slow_until - self._clock.second))
        deadline = self.partition.next_deadline()
        if deadline is not None and self.partition.owning and not self._awake:
            wait = (deadline - self._clock.now(self._skew)).total_seconds()
            if wait < 1:
                self.wake(max(wait, 0.001))

    def _behind(self) -> bool:
        return self._intake_next < len(self._logs.intake) or self._decisions_next < len(self._logs.decisions)

    def _read(self, *, everything: bool) -> None:
        while self._behind() and not self._in_doubt:
            slow = not everything and self._clock.second < self._slow_until
            intake_left = self._intake_next < len(self._logs.intake) and not slow
            if slow and self._decisions_next >= len(self._logs.decisions):
                return
            decisions_left = self._decisions_next < len(self._logs.decisions)
            if intake_left and (not decisions_left or self._random.random() < 0.5):
                self._intake_next += 1
                self.partition.fact(self._intake_next - 1, self._logs.intake[self._intake_next - 1])
            else:
                self._take_decision()
            if not everything and self._random.random() < 0.1:
                return

    def read_to_the_end(self) -> None:
        self._read(everything=True)

    def _take_decision(self) -> None:
        offset = self._decisions_next
        self._decisions_next += 1
        record = self._logs.decisions[offset]
        was_owning = self.partition.owning
        self.partition.record(offset, record)
        if self.partition.spent:
            self._in_doubt, self._superseded = True, was_owning and isinstance(record, Claim)

    def _decide(self) -> None:
        now = self._clock.now(self._skew)
        if self.partition.due(now):
            self._read(everything=True)
        if self._in_doubt or not self.partition.owning:
            return
        self._unsent = list(self.partition.decide(now))
        again = [decision for step in self.partition.decide(now) for decision in step.decisions]
        assert again == [], "to decide twice gives nothing"
        if not self._unsent and not self._behind() and self.partition.ownership.read_back:
            self._keep_house(now)

    def _keep_house(self, now: Any) -> None:
        self._at_rest(now)
        if self._random.random() < 0.1:
            self._unsent = list(self.partition.close(now))
        if not self._unsent and self.partition.closed and self._random.random() < 0.3:
            lineage = self.partition.ownership.lineage
            text = json.dumps(self.partition.image())
            self._snapshots.append((Lineage(lineage.epoch, lineage.seq), self._intake_next, self._decisions_next, text))

    def _send(self) -> None:
        """Append what is in hand: one by one, so that the end may come in between; now and then the bus is unclear."""
        while self._unsent:
            record = self._unsent.pop(0)
            if not self.calm and self._random.random() < 0.01:
                self._doubt(record)
                return
            self._logs.append(record)
            if not self.calm and self._random.random() < 0.05:
                return

    def _doubt(self, record: Claim | Heartbeat | Step) -> None:
        """The bus did not answer in time: the record is there, or is not, or will be later."""
        outcome = self._random.random()
        if outcome < 0.4:
            self._logs.append(record)
        elif outcome < 0.7:
            self._clock.later(self._random.uniform(0, 5), lambda: self._logs.append(record))
        self._unsent.clear()
        self.partition.ownership.doubt()
        self._in_doubt, self._superseded = True, False

    @property
    def owning(self) -> bool:
        return self.alive and self.partition.ownership.role is Role.OWNING
