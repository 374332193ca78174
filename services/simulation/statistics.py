"""Means with confidence intervals, and paired differences."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from statistics import NormalDist, fmean, stdev
from typing import Final

CONFIDENCE: Final = 0.95
# Student's t at 97.5 % for 1 to 10 degrees of freedom; beyond, the expansion below is right to 0.001.
_T: Final = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


@dataclass(frozen=True)
class Estimate:
    """A mean and half the width of its 95 % confidence interval; `half` is NaN of fewer than two values."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.mean + self.half

    def holds(self, value: float) -> bool:
        """Tell whether a value is within the interval."""
        return self.low <= value <= self.high


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of independent values and its interval by Student's t. Values that are NaN are left out."""
    known = [value for value in values if not isnan(value)]
    if len(known) < 2:  # noqa: PLR2004  no spread of one value
        return Estimate(known[0] if known else float("nan"), float("nan"))
    return Estimate(fmean(known), t_quantile(len(known) - 1) * stdev(known) / sqrt(len(known)))


def paired(values: Sequence[float], baseline: Sequence[float]) -> Estimate:
    """Return the mean difference of values of the same seeds, and its interval."""
    return estimate([value - before for value, before in zip(values, baseline, strict=True)])


def t_quantile(freedom: int) -> float:
    """Return the quantile of Student's t at 97.5 % (Abramowitz and Stegun, 26.7.5); `freedom` is 1 or more."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
