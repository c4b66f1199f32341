"""Distributions of service times, and their integrals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin._args import Floats, floats, non_negatives, positives, require, scalar, sentence

__all__ = ["Distribution"]

STEPS = np.exp2(np.arange(-100.0, 1000.0))
"""Distances from the lower end at which an integral is first cut: any unit, any tail."""

PRECISION = 1e-12
"""Error of an integral per panel, relative to the integral."""

SLACK = 1e-9
"""What rounding may add to a survival function, above 1 or above the value before it."""


@dataclass(frozen=True)
class Distribution:
    """Continuous service times on ``[lo, hi)``; ``hi`` may be infinite.

    ``survival`` maps an array of times to S(x) = P(l > x) of the same shape. It replaces the
    distribution function F, as a maximum depends on the upper tail, where 1 − F has no digits left.
    A frozen distribution ``d`` of ``scipy.stats`` is ``Distribution(d.sf, *d.support())``.

    Raises:
        ValueError: ``lo`` is negative or infinite, ``hi`` is not above ``lo``, or ``survival``
            leaves [0, 1] or rises.

    >>> from multibin.lab.theory import Distribution
    >>> triangle = Distribution(lambda x: (1 - x) ** 2, lo=0.0, hi=1.0)
    >>> round(triangle.expected_max(1, 0.0, 1.0), 9)
    0.333333333
    """

    survival: Callable[[Floats], Any]
    lo: float = 0.0
    hi: float = np.inf

    def __post_init__(self) -> None:
        lo, hi = non_negatives("lo", self.lo), floats("hi", self.hi)
        require("hi", hi, hi > lo, f"above lo = {self.lo:g}")
        s = self.sf(_cuts(self.lo, self.hi))
        _require_everywhere(s[1:], np.diff(s) <= SLACK, "at most the value before it")

    @classmethod
    def uniform(cls, lo: float, hi: float) -> Distribution:
        """Returns the uniform distribution on ``[lo, hi)``; ``hi`` must be finite.

        >>> from multibin.lab.theory import Distribution
        >>> Distribution.uniform(1, 3).quantile(0.5).round(6).tolist()
        2.0
        """
        positives("hi", hi)
        return cls(lambda x: (hi - x) / (hi - lo), lo, hi)

    @classmethod
    def exponential(cls, mean: float) -> Distribution:
        """Returns the exponential distribution of a mean 1/μ above 0.

        >>> from multibin.lab.theory import Distribution
        >>> round(float(Distribution.exponential(10).sf(10)), 4)
        0.3679
        """
        scale = scalar("mean", positives("mean", mean))
        return cls(lambda x: np.exp(-x / scale))

    @classmethod
    def quantiles(cls, values: ArrayLike) -> Distribution:
        """Returns the distribution with these quantiles, shape ``[n]``, n ≥ 2.

        Their probabilities are equally spaced from 0 to 1; between them it is linear.

        Raises:
            ValueError: the quantiles do not increase strictly, or are negative or infinite.

        >>> from multibin.lab.theory import Distribution
        >>> round(Distribution.quantiles([0, 1, 5]).mass(0, 1), 9)
        0.5
        """
        points = non_negatives("values", values)
        if points.ndim != 1 or points.size < 2:
            raise ValueError(f"values must have shape [n] with n >= 2, got {points.shape}")
        rising = np.concatenate([[True], np.diff(points) > 0])
        require("values", points, rising, "above the quantile before it")
        survivors = np.linspace(1.0, 0.0, points.size)
        return cls(lambda x: np.interp(x, points, survivors), *map(float, points[[0, -1]]))

    def sf(self, x: ArrayLike) -> Floats:
        """Returns S(x) = P(l > x), of the shape of ``x``: 1 below ``lo``, 0 from ``hi`` on.

        Raises:
            ValueError: ``survival`` returns a value outside [0, 1].

        >>> from multibin.lab.theory import Distribution
        >>> Distribution.uniform(0, 4).sf([-1, 1, 9]).tolist()
        [1.0, 0.75, 0.0]
        """
        x = floats("x", x)
        with np.errstate(over="ignore", under="ignore"):  # Far out S is 0 anyway.
            inside = self.survival(np.clip(x, self.lo, min(self.hi, np.finfo(float).max)))
        s = np.where(x < self.lo, 1.0, np.where(x >= self.hi, 0.0, inside))
        _require_everywhere(s, (s >= -SLACK) & (s <= 1 + SLACK), "between 0 and 1")
        return s.clip(0.0, 1.0)

    def quantile(self, p: ArrayLike) -> Floats:
        """Returns the time below which the fraction ``p`` lies, of the shape of ``p``.

        Equal-mass bins are ``quantile(np.linspace(0, 1, k + 1))``. A bisection finds all digits.

        Raises:
            ValueError: ``p`` is outside [0, 1].

        >>> from multibin.lab.theory import Distribution
        >>> Distribution.uniform(0, 4).quantile([0, 0.25, 1]).round(6).tolist()
        [0.0, 1.0, 4.0]
        """
        p = floats("p", p)
        require("p", p, (p >= 0) & (p <= 1), "between 0 and 1")
        cuts = _cuts(self.lo, self.hi)
        bracket = np.searchsorted(-self.sf(cuts), p - 1.0).clip(1, cuts.size - 1)
        below, above = cuts[bracket - 1], cuts[bracket]
        for _ in range(64):
            middle = below + (above - below) / 2
            reached = self.sf(middle) <= 1.0 - p
            below, above = np.where(reached, below, middle), np.where(reached, middle, above)
        return np.where(p == 0, self.lo, np.where(p == 1, self.hi, above))

    def mass(self, lo: float, hi: float) -> float:
        """Returns P(lo ≤ l < hi).

        >>> from multibin.lab.theory import Distribution
        >>> Distribution.uniform(0, 4).mass(1, 2)
        0.25
        """
        below = 1.0 if lo <= self.lo else float(self.sf(lo))
        return below - float(self.sf(hi))

    def expected_max(self, batch_size: int, lo: float, hi: float) -> float:
        """Returns E[max of B | lo ≤ l < hi] = a + ∫ₐᵇ (1 − F(x)ᴮ) dx (*derived*).

        The bin meets the support in [a, b), and F is the distribution function within the bin. The
        paper's hi − ∫ Fᴮ needs a finite hi. The relative error is below 10⁻⁹ for a bin with mass.

        Raises:
            ValueError: no times lie in the bin, or the mean is infinite.

        >>> from multibin.lab.theory import Distribution
        >>> round(Distribution.uniform(0, 3).expected_max(2, 0, 3), 9)
        2.0
        """
        lo, hi = max(lo, self.lo), min(hi, self.hi)
        mass = self.mass(lo, hi)
        if not mass > 0:
            raise ValueError(f"no times lie in [{lo:g}, {hi:g})")
        beyond = float(self.sf(hi))

        def exceeded(x: Floats) -> Floats:
            s = ((self.sf(x) - beyond) / mass).clip(0.0, 1.0)
            with np.errstate(divide="ignore"):  # log 0 = −∞ is right here.
                return np.asarray(-np.expm1(batch_size * np.log1p(-s)))

        noise = 8 * batch_size * np.finfo(float).eps / mass
        return lo + _integral(exceeded, _cuts(lo, hi), noise)


def _require_everywhere(values: Floats, good: NDArray[np.bool_], rule: str) -> None:
    """Raises a ``ValueError`` for the first value of the survival function that is not good."""
    if not good.all():
        raise ValueError(sentence("survival", rule, float(values[~good].flat[0])))


def _cuts(lo: float, hi: float) -> Floats:
    """Returns times from ``lo`` to ``hi`` in doubling steps, to the largest floats if infinite."""
    last = [hi] if np.isfinite(hi) else []
    return np.unique(np.concatenate([[lo], np.minimum(lo + STEPS, hi), last]))


def _rules() -> tuple[Floats, Floats, Floats]:
    """Returns nodes in [0, 1], with both ends, and the weights of two Gauss rules on them."""
    (rough_x, rough_w), (fine_x, fine_w) = map(np.polynomial.legendre.leggauss, (7, 12))
    nodes = np.concatenate([[-1.0], rough_x, fine_x, [1.0]])
    rough = np.concatenate([[0.0], rough_w, np.zeros(13)])
    fine = np.concatenate([np.zeros(8), fine_w, [0.0]])
    order = np.argsort(nodes)
    return (nodes[order] + 1) / 2, rough[order] / 2, fine[order] / 2


NODES, ROUGH, FINE = _rules()


def _integral(f: Callable[[Floats], Floats], cuts: Floats, noise: float) -> float:
    """Returns ∫ f over the panels between ``cuts``.

    f falls from at most 1 to 0, up to rounding ``noise``. A panel is halved until two rules agree
    on it. As f falls, the error is at most the largest step between nodes times the width, so that
    no jump hides between them.
    """
    tolerance, left, right = _worth(f(cuts), cuts)
    total = 0.0
    while left.size:
        width, middle = right - left, left + (right - left) / 2
        y = f(left[:, None] + width[:, None] * NODES)
        rough, fine = y @ ROUGH * width, y @ FINE * width
        jump, small = np.abs(np.diff(y)).max(axis=1), tolerance + noise * width
        halve = ((np.abs(rough - fine) > small) | (jump > 0.25)) & (width * jump > small)
        halve &= (left < middle) & (middle < right)
        total += float(fine[~halve].sum())
        left, right = (
            np.concatenate([left[halve], middle[halve]]),
            np.concatenate([middle[halve], right[halve]]),
        )
    return total


def _worth(y: Floats, cuts: Floats) -> tuple[float, Floats, Floats]:
    """Returns the tolerance per panel, and the ends of the panels that can matter."""
    width = np.diff(cuts)
    tolerance = PRECISION * float(width @ y[1:])
    matters = width * y[:-1] > tolerance / 100
    if matters[-1] and cuts[-1] >= STEPS[-1]:
        raise ValueError("the mean of times is infinite, or too near to it")
    return tolerance, cuts[:-1][matters], cuts[1:][matters]
