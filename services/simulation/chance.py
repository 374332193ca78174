"""Chance without an order: each random quantity is a function of the seed and of what it is for.

A generator that is drawn from as a simulation goes gives a caller other luck as soon as a policy serves anybody else
first. Here the n-th caller's patience is the same number under every policy (common random numbers), so that
differences between policies are differences of policies.
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from hashlib import blake2b
from math import exp, log
from statistics import NormalDist
from typing import Final, TypeVar

ThingT = TypeVar("ThingT")

_NORMAL: Final = NormalDist()
_STEPS: Final = 2**52


def uniform(*what_for: object) -> float:
    """Return a number strictly between 0 and 1 that depends on `what_for` alone."""
    digest = blake2b(repr(what_for).encode(), digest_size=8).digest()
    return ((int.from_bytes(digest) >> 12) + 0.5) / _STEPS


def exponential(mean: float, *what_for: object) -> float:
    """Return an exponential time with this mean."""
    return -mean * log(uniform(*what_for))


def lognormal(mean: float, spread: float, *what_for: object) -> float:
    """Return a lognormal time with this mean; `spread` is the standard deviation of its logarithm."""
    return mean * exp(spread * _NORMAL.inv_cdf(uniform(*what_for)) - spread * spread / 2)


def between(quantiles: Sequence[float], *what_for: object) -> float:
    """Return a number from a distribution given by equidistant quantiles, the extremes included."""
    place = uniform(*what_for) * (len(quantiles) - 1)
    below = int(place)
    return quantiles[below] + (place - below) * (quantiles[below + 1] - quantiles[below])


def pick(things: Sequence[ThingT], shares: Sequence[float], *what_for: object) -> ThingT:
    """Return one of the things, each by its share; the shares need not add up to one."""
    upto = [sum(shares[: index + 1]) for index in range(len(shares))]
    return things[min(bisect_right(upto, uniform(*what_for) * upto[-1]), len(things) - 1)]


def stream(*what_for: object) -> random.Random:
    """Return a generator for quantities that nothing but themselves comes between, such as a day's arrivals."""
    return random.Random(repr(what_for))  # noqa: S311  a simulation, no secret
