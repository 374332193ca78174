"""Exact formulas for queues, to check the simulation against.

In all of them calls arrive as a Poisson process of rate `arrivals` per second, `agents` serve at rate `service` per
second each, and whoever waits gives up at rate `patience` per second (one over the mean patience). Times in seconds.

Sources: Erlang (1917) for B and C; Palm (1957), Garnett, Mandelbaum and Reiman, M&SOM 4(3), 2002, for A; Cobham,
Operations Research 2(1), 1954, for priority. With abandonment, the classes 1..k together wait only while all agents are
busy, and their queue is then a birth-death chain of its own; the differences over k are the classes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

_NEGLIGIBLE: Final = 1e-14


@dataclass(frozen=True)
class Queue:
    """How a queue does in the long run: P(wait > 0), P(give up), E[wait] over all callers, E[how many wait]."""

    p_wait: float
    p_abandon: float
    wait_s: float
    waiting: float


def erlang_b(load: float, agents: int) -> float:
    """Return the share of calls blocked if nobody can wait. `load` is arrivals / service, in erlangs."""
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = load * blocked / (number + load * blocked)
    return blocked


def erlang_c(arrivals: float, service: float, agents: int) -> Queue:
    """Return the M/M/n queue in which nobody gives up. Raises `ValueError` unless arrivals < agents * service."""
    load = arrivals / service
    if load >= agents:
        raise ValueError("the queue grows without end: arrivals >= agents * service")
    blocked = erlang_b(load, agents)
    p_wait = agents * blocked / (agents - load * (1 - blocked))
    wait_s = p_wait / (agents * service - arrivals)
    return Queue(p_wait, 0.0, wait_s, arrivals * wait_s)


def erlang_a(arrivals: float, service: float, agents: int, patience: float) -> Queue:
    """Return the M/M/n+M queue; stable at any load. `patience` > 0."""
    idle_or_busy = _chain(agents, lambda number: arrivals / (number * service))  # 0..agents in the system
    queue = _tail(lambda number: arrivals / (agents * service + number * patience))
    total = sum(idle_or_busy) + idle_or_busy[-1] * sum(queue[1:])
    p_wait = idle_or_busy[-1] * sum(queue) / total
    waiting = idle_or_busy[-1] * sum(number * weight for number, weight in enumerate(queue)) / total
    return Queue(p_wait, patience * waiting / arrivals, waiting / arrivals, waiting)


def priority(arrivals: Sequence[float], service: float, agents: int) -> list[Queue]:
    """Return each class, the first served first and nobody interrupted, in which nobody gives up."""
    everybody = erlang_c(sum(arrivals), service, agents)
    loads = [0.0, *(rate / (agents * service) for rate in accumulate(arrivals))]
    waits = [everybody.p_wait / (agents * service) / ((1 - ahead) * (1 - upto)) for ahead, upto in pairwise(loads)]
    return [Queue(everybody.p_wait, 0.0, wait, rate * wait) for rate, wait in zip(arrivals, waits, strict=True)]


def priority_with_abandonment(arrivals: Sequence[float], service: float, agents: int, patience: float) -> list[Queue]:
    """Return each class, the first served first and nobody interrupted, with one `patience` for all."""
    everybody = erlang_a(sum(arrivals), service, agents, patience)
    upto = [0.0, *(_waiting_while_busy(rate, service, agents, patience) for rate in accumulate(arrivals))]
    queues = [everybody.p_wait * (longer - shorter) for shorter, longer in pairwise(upto)]
    return [
        Queue(everybody.p_wait, patience * waiting / rate, waiting / rate, waiting)
        for rate, waiting in zip(arrivals, queues, strict=True)
    ]


def _waiting_while_busy(arrivals: float, service: float, agents: int, patience: float) -> float:
    """Return how many wait on average while all agents are busy, of classes that arrive at this rate together."""
    queue = _tail(lambda number: arrivals / (agents * service + number * patience))
    return sum(number * weight for number, weight in enumerate(queue)) / sum(queue)


def _chain(length: int, ratio: Callable[[int], float]) -> list[float]:
    """Return the weights 0..length of a birth-death chain; `ratio(k)` is births at k - 1 over deaths at k."""
    return list(accumulate(range(1, length + 1), lambda weight, number: weight * ratio(number), initial=1.0))


def _tail(ratio: Callable[[int], float]) -> list[float]:
    """Return the weights 0, 1, ... of a chain without end whose ratios fall below one, as far as they count."""
    weights = [1.0]
    while weights[-1] > _NEGLIGIBLE * max(weights):
        weights.append(weights[-1] * ratio(len(weights)))
    return weights
