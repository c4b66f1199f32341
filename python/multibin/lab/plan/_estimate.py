"""A figure with the interval in which the figure of another stretch of the load would lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Estimate", "estimate", "plain", "ratio"]

NORMAL = 1.6449
"""The 95 % quantile of the normal distribution: 5 % lie beyond either end of the interval."""

FLOOR = 0.005
"""Half the least width of an interval, relative: models and clocks are not better than that."""

FREEDOM = 7
"""Degrees of freedom at most: replicates are joined from eight blocks of time."""

FEWEST = 4
"""Replicates that an interval needs at least."""

UNKNOWN = 10.0
"""An end of an interval ÷ the figure from which on the figure is unknown."""

WIDE = 0.5
"""Half a width, relative, above which both ends are given."""


@dataclass(frozen=True)
class Estimate:
    """A figure, and its 90 % interval, None where there are too few replicates.

    >>> from multibin.lab.plan import Estimate
    >>> str(Estimate(12.3456, 11.87, 12.84)), str(Estimate(1234.5, 980.0, 1500.0))
    ('12.3 ±5%', '1,200 ±22%')
    >>> str(Estimate(12.3456, 5.1, 31.0)), str(Estimate(12.3456))
    ('12 [5, 31]', '12.35')
    >>> str(Estimate(12.3456, 0.001, 150000.0))
    '10 [?]'
    """

    value: float
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        """Returns the figure with the digits that its interval allows."""
        half = self.half_width
        if not half or self.low is None or self.high is None:
            return plain(self.value)
        if self.unknown:
            return f"{_rounded(self.value, _decimals(2 * self.value))} [?]"
        if half > WIDE:
            value, low, high = (
                _rounded(each, _decimals(each / 2)) for each in (self.value, self.low, self.high)
            )
            return f"{value} [{low}, {high}]"
        value = _rounded(self.value, _decimals(half * self.value))
        percent = 100 * half
        return f"{value} ±{percent:.1f}%" if percent < 0.95 else f"{value} ±{_up(percent)}%"

    @property
    def half_width(self) -> float | None:
        """Returns the larger distance of an end from the value, relative to the value."""
        if self.low is None or self.high is None or self.value <= 0:
            return None
        return max(self.high - self.value, self.value - self.low) / self.value

    @property
    def unknown(self) -> bool:
        """Returns whether another stretch may show a figure of another order of magnitude."""
        return self.high is not None and self.high > UNKNOWN * self.value > 0

    @property
    def data(self) -> dict[str, Any]:
        """Returns the figure and its interval for ``json.dumps``; None where one does not exist."""
        interval = None if self.low is None else [self.low, self.high]
        return {"value": self.value if np.isfinite(self.value) else None, "interval": interval}

    def at_most(self, limit: float) -> Estimate:
        """Returns the estimate with an interval that ends at a limit which nothing exceeds."""
        if self.low is None or self.high is None:
            return self
        return Estimate(self.value, min(self.low, limit), min(self.high, limit))

    def scaled(self, factor: float) -> Estimate:
        """Returns the estimate in another unit: all of it times ``factor``, above 0."""
        if self.low is None or self.high is None:
            return Estimate(self.value * factor)
        return Estimate(self.value * factor, self.low * factor, self.high * factor)


def plain(value: float) -> str:
    """Returns a number with four digits or all before the point, and - for one that is unknown.

    >>> from multibin.lab.plan._estimate import plain
    >>> plain(20789.4), plain(0.0123456), plain(float("nan"))
    ('20,789', '0.01235', '-')
    """
    if not np.isfinite(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def estimate(value: float, replicates: Sequence[float]) -> Estimate:
    """Returns the interval for another stretch, from the figures of resampled ones.

    Replicates that all equal ``value`` leave no width: it is a limit, such as a batch size. On a
    logarithmic scale the half width is t · √2 · s. s is the root mean square distance of the
    replicates from ``value``: the error of a figure of one stretch. √2: the other stretch has an
    error of its own. t is Student's 95 % quantile with as many degrees of freedom as replicates,
    less one, and ``FREEDOM`` at most.

    Args:
        value: the figure of the stretch that was played.
        replicates: the figures of resampled stretches. Those that are not above 0 and finite do
            not count.

    >>> from multibin.lab.plan import estimate
    >>> str(estimate(10.0, [9.0, 10.0, 11.0, 10.5, 9.5, 10.0]))
    '10 ±21%'
    >>> str(estimate(10.0, [9.0, 11.0]))
    '10'
    """
    found = np.array([each for each in replicates if np.isfinite(each) and each > 0])
    if not (np.isfinite(value) and value > 0) or len(found) < FEWEST:
        return Estimate(value)
    spread = float(np.sqrt(np.mean(np.log(found / value) ** 2)))
    if spread == 0:
        return Estimate(value, value, value)
    half = max(_student(min(len(found) - 1, FREEDOM)) * np.sqrt(2) * spread, FLOOR)
    return Estimate(value, float(value * np.exp(-half)), float(value * np.exp(half)))


def ratio(over: float, under: float, pairs: Sequence[tuple[float, float]]) -> Estimate:
    """Returns the estimate of a ratio of two figures, from their pairs on the same stretches.

    >>> from multibin.lab.plan import ratio
    >>> str(ratio(20.0, 10.0, [(18.0, 9.0), (22.0, 11.0), (21.0, 10.0), (19.0, 10.0)]))
    '2.0 ±13%'
    """
    known = [(one, two) for one, two in pairs if two > 0]
    return estimate(over / under, [one / two for one, two in known])


def _student(freedom: int) -> float:
    """Returns the 95 % quantile of Student's distribution (Abramowitz and Stegun, 26.7.5)."""
    z = NORMAL
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _up(percent: float) -> int:
    """Returns a percentage, rounded up, except where only the rounding of floats is above it."""
    return int(np.ceil(percent - 1e-6))


def _decimals(width: float) -> int:
    """Returns the decimals to which a figure is known that may be off by ``width``."""
    if not np.isfinite(width) or width <= 0:
        return 3
    exponent = int(np.floor(np.log10(width)))
    leading = width / 10.0**exponent
    return -exponent + (1 if leading < 2 else 0)


def _rounded(value: float, decimals: int) -> str:
    return f"{round(value, decimals):,.{max(decimals, 0)}f}"
