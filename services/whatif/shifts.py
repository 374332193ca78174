"""When agents were there, from what they signed, or from what they answered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.whatif.records import AgentChange, Call, Change

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Attendance:
    """An agent's spans of attendance, apart and in order, breaks left out; and whether the log says so itself."""

    spans: tuple[Span, ...]
    signed: bool


def attendance(calls: Sequence[Call], changes: Sequence[AgentChange], window: Span) -> Attendance:
    """Return when an agent was there within `window`.

    `calls` are those that the agent answered in it, at least one; `changes` are the agent's own, in the order of time,
    also of before. Without a sign-in or sign-out the agent is taken to be there from the first answer to the end of the
    last call. Breaks are left out either way; the time of the agent's own calls never is.
    """
    worked = [(call.answered_at, call.released_at) for call in calls]
    signed = any(change.change in _SIGNS for change in changes)
    frame = window if signed else (min(start for start, _ in worked), max(end for _, end in worked))
    told = _Presence.before(changes, {call.queue for call in calls}).spans(changes, frame)
    return Attendance(tuple(merged([*clipped(told, frame), *worked])), signed)


_SIGNS = frozenset({Change.SIGNED_IN, Change.SIGNED_OUT})


@dataclass(slots=True)
class _Presence:
    """An agent's state as the changes tell it: there if signed in, and not on a break in all queues that they serve."""

    served: set[str]
    signed_in: set[str | None]  # None: without naming a queue
    on_break: set[str | None] = field(default_factory=set)

    @classmethod
    def before(cls, changes: Sequence[AgentChange], served: set[str]) -> "_Presence":
        """Return the state before the first change: signed in, unless the first that we hear of it is a sign-in."""
        first = next((change.change for change in changes if change.change in _SIGNS), None)
        return cls(served, set() if first is Change.SIGNED_IN else {None})

    @property
    def there(self) -> bool:
        away = None in self.on_break or self.served <= self.on_break
        return bool(self.signed_in) and not away

    def spans(self, changes: Iterable[AgentChange], frame: Span) -> Iterator[Span]:
        since = frame[0] if self.there else None
        for change in changes:
            self.take(change)
            if since is not None and not self.there:
                yield since, change.at
                since = None
            elif since is None and self.there:
                since = change.at
        if since is not None:
            yield since, frame[1]

    def take(self, change: AgentChange) -> None:
        queue = change.queue
        if change.change is Change.SIGNED_IN:
            self.signed_in.add(queue)
            _without(self.on_break, queue)
        elif change.change is Change.SIGNED_OUT:
            _without(self.signed_in, queue if queue in self.signed_in else None)
        elif change.change is Change.PAUSED:
            self.on_break.add(queue)
        else:
            _without(self.on_break, queue)
            self.on_break.discard(None)


def _without(queues: set[str | None], queue: str | None) -> None:
    if queue is None:
        queues.clear()
    else:
        queues.discard(queue)


def clipped(spans: Iterable[Span], frame: Span) -> Iterator[Span]:
    """Yield what of `spans` lies within `frame`."""
    for start, end in spans:
        inner = max(start, frame[0]), min(end, frame[1])
        if inner[0] < inner[1]:
            yield inner


def merged(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield the union of `spans` as spans apart, in order."""
    ordered = sorted(span for span in spans if span[0] < span[1])
    if not ordered:
        return
    start, end = ordered[0]
    for next_start, next_end in ordered[1:]:
        if next_start > end:
            yield start, end
            start, end = next_start, next_end
        else:
            end = max(end, next_end)
    yield start, end


def total_s(spans: Iterable[Span]) -> float:
    """Return the length of spans that lie apart, in seconds."""
    return sum((end - start).total_seconds() for start, end in spans)
