"""Chooses the capacities of slots: fixed, geometric, or the best for what rows cache.

`weights[n]` is how many row-steps have n positions cached, shape `[longest + 1]`. A row takes one
step for each token that it generates. Its first one has its prompt cached, each later one a
position more.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from multibin._args import Floats, integer, non_negatives, positive, sentence, tokens, vector

ALIGNMENT = 8
"""Divides every capacity."""

MOST = 16
"""The most size classes."""

FIRST_FIT, LAST_FIT = 256, 2048
"""Finished requests before the first fit, and between the later ones."""

LEAST_GAIN = 0.99
"""Positions of new classes over those of the old ones, at most."""

SHARE, POINTS = 0.01, 64
"""The weight given to lengths not seen yet, as a share of all, and the points that share it."""

CANDIDATES = 4096
"""Capacities that a fit chooses from, at most."""

HEAVIEST, ROUNDING = 1e6, 1e-9
"""The weight of a request at which all are scaled down; what counts as 0 beside the largest."""


class SizeClasses:
    """Holds the capacities that slots may have, in increasing order.

    Args:
        capacities: 1 to 16 multiples of 8 that increase.

    Raises:
        ValueError: they are none, too many, no such multiples, or do not increase.
        TypeError: one is no int.
    """

    def __init__(self, capacities: Sequence[int]) -> None:
        self.capacities = tuple(integer("capacities", one, 1) for one in capacities)
        if not 1 <= len(self.capacities) <= MOST:
            raise ValueError(sentence("capacities", f"1 to {MOST} numbers", self.capacities))
        if any(one % ALIGNMENT for one in self.capacities):
            raise ValueError(sentence("capacities", f"multiples of {ALIGNMENT}", self.capacities))
        if any(b <= a for a, b in zip(self.capacities, self.capacities[1:], strict=False)):
            raise ValueError(sentence("capacities", "increasing", self.capacities))

    def __repr__(self) -> str:
        return f"SizeClasses({self.capacities})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SizeClasses) and self.capacities == other.capacities

    def __hash__(self) -> int:
        return hash(self.capacities)

    def __len__(self) -> int:
        return len(self.capacities)

    @property
    def longest(self) -> int:
        """Returns the largest capacity."""
        return self.capacities[-1]

    def fit(self, positions: int) -> int:
        """Returns the smallest capacity that holds `positions`.

        Raises:
            ValueError: no capacity does.
        """
        at = bisect_left(self.capacities, positions)
        if at == len(self.capacities):
            raise ValueError(sentence("positions", f"at most {self.longest}", positions))
        return self.capacities[at]

    def next(self, capacity: int) -> int:
        """Returns the smallest capacity above `capacity`.

        Raises:
            ValueError: `capacity` is the largest.
        """
        at = bisect_left(self.capacities, capacity + 1)
        if at == len(self.capacities):
            raise ValueError(sentence("capacity", f"below {self.longest}", capacity))
        return self.capacities[at]


def aligned(positions: int) -> int:
    """Returns `positions` rounded up to a multiple of 8, at least 8."""
    return max(-(-positions // ALIGNMENT), 1) * ALIGNMENT


def geometric(shortest: int, longest: int, classes: int = MOST) -> SizeClasses:
    """Returns at most `classes` capacities from `shortest` to `longest` by equal factors.

    Both ends are rounded up to multiples of 8.

    Raises:
        ValueError: `shortest` is below 1 or above `longest`, or `classes` is not 1 to 16.
    """
    integer("shortest", shortest, 1)
    integer("longest", longest, shortest)
    if integer("classes", classes, 1, MOST) == 1:
        return SizeClasses((aligned(longest),))
    raw = np.geomspace(aligned(shortest), aligned(longest), classes).round(6)
    return SizeClasses(sorted({aligned(int(np.ceil(one))) for one in raw}))


def optimal(weights: ArrayLike, classes: int = MOST, longest: int | None = None) -> SizeClasses:
    """Returns the capacities that minimise the sum of weights[n] · capacity(n), exactly.

    Args:
        weights: row-steps with n positions cached, shape `[n]`.
        classes: the most capacities, 1 to 16.
        longest: what the largest capacity must hold; the last position of `weights` by default.

    Raises:
        ValueError: `classes` is out of range, `weights` has a negative number or none, or reaches
            beyond `longest`.
    """
    integer("classes", classes, 1, MOST)
    units = _units(weights, longest)
    counted = np.flatnonzero(units[:-1]) + 1
    ends = [0, *counted.tolist(), len(units)]
    sums = np.concatenate([[0.0], np.cumsum(units)])[ends].tolist()
    return SizeClasses([ALIGNMENT * ends[at] for at in _cuts(ends, sums, classes)])


def weights_of(prompts: ArrayLike, outputs: ArrayLike) -> Floats:
    """Returns the row-steps by cached positions of rows that run from start to end.

    Args:
        prompts: tokens of each prompt, shape `[rows]`.
        outputs: tokens that each row generates, shape `[rows]`.
    """
    starts, lengths = tokens("prompts", prompts, 0), tokens("outputs", outputs, 0)
    if starts.shape != lengths.shape:
        raise ValueError(f"outputs must have shape {starts.shape}, got {lengths.shape}")
    stops = starts + lengths
    size = int(stops.max(initial=0)) + 1
    changes = np.bincount(starts, minlength=size) - np.bincount(stops, minlength=size)
    weights: Floats = np.cumsum(changes)[: max(size - 1, 1)].astype(np.float64)
    return weights


def of_edges(
    edges: ArrayLike, prompts: ArrayLike, classes: int = MOST, longest: int | None = None
) -> SizeClasses:
    """Returns the best capacities for rows of which each bin of output lengths gets as many.

    Args:
        edges: the bounds of the bins, in tokens, shape `[bins + 1]`.
        prompts: tokens of the prompts that are expected, shape `[n]`.
        classes: the most capacities, 1 to 16.
        longest: what the largest capacity must hold; the longest prompt and output by default.
    """
    bounds = non_negatives("edges", vector("edges", edges))
    starts = tokens("prompts", prompts, 0)
    steps = np.arange(int(np.ceil(bounds[-1])))
    surviving = np.interp(steps, bounds, np.linspace(1, 0, len(bounds)))
    weights = np.convolve(np.bincount(starts), surviving)
    # A row ends where the context does.
    return optimal(weights if longest is None else weights[: longest + 1], classes, longest)


def allocated(weights: ArrayLike, classes: SizeClasses) -> float:
    """Returns the positions that row-steps allocate: the sum of weights[n] · capacity(n).

    Raises:
        ValueError: a row-step caches more than the largest capacity.
    """
    row_steps = non_negatives("weights", vector("weights", weights))
    at = np.searchsorted(classes.capacities, np.arange(len(row_steps)))
    if row_steps[at == len(classes)].any():
        classes.fit(int(np.flatnonzero(row_steps)[-1]))
    return float(row_steps @ np.array([*classes.capacities, 0])[at])


class Traffic:
    """Counts the row-steps of finished requests, and fits classes to them.

    Older requests weigh less. A small share of the weight lies at equal factors up to `longest`.
    So a row that is longer than all before it finds a class near its length.

    Args:
        longest: the most positions that a row may cache.
        half_life: finished requests after which a request weighs half.
    """

    def __init__(self, longest: int, half_life: float = 2000) -> None:
        self.longest = integer("longest", longest, 1)
        self.requests = 0
        self._growth = 2 ** (1 / positive("half_life", half_life))
        self._changes: Floats = np.zeros(longest + 2)
        self._weight = 1.0
        self._due = FIRST_FIT

    def observe(self, prompt: int, output: int) -> None:
        """Counts a finished request: the tokens of its prompt and those that it generated."""
        self._weight *= self._growth
        if self._weight > HEAVIEST:
            self._changes /= self._weight
            self._weight = 1.0
        self._changes[min(prompt, self.longest + 1)] += self._weight
        self._changes[min(prompt + output, self.longest + 1)] -= self._weight
        self.requests += 1

    def weights(self) -> Floats:
        """Returns the row-steps by cached positions, shape `[longest + 1]`."""
        sums: Floats = np.cumsum(self._changes[:-1]) / self._weight
        # A sum that is 0 may be off by rounding.
        sums[sums < ROUNDING * sums.max()] = 0
        return sums

    def classes(self, classes: int = MOST) -> SizeClasses:
        """Returns the best capacities for what was counted; the largest holds `longest`.

        They are chosen from at most 4,096, so that a fit of a long context takes no seconds.
        """
        weights = self.weights()
        places = np.geomspace(1, self.longest, POINTS).astype(np.int64)
        np.add.at(weights, places, SHARE / POINTS * max(weights.sum(), 1))
        step = aligned(-(-self.longest // CANDIDATES))
        ends = np.minimum(-(-np.arange(len(weights)) // step) * step, self.longest)
        return optimal(np.bincount(ends, weights), classes, self.longest)

    def refit(self, current: SizeClasses) -> SizeClasses | None:
        """Returns better classes if a fit is due and gains 1 % of the positions, else None.

        Fits are due after 256, 512, 1,024 and 2,048 requests, and then after 2,048 more.
        """
        if self.requests < self._due:
            return None
        self._due += min(self._due, LAST_FIT)
        found, weights = self.classes(), self.weights()
        gains = allocated(weights, found) <= LEAST_GAIN * allocated(weights, current)
        return found if gains else None


def _units(weights: ArrayLike, longest: int | None) -> Floats:
    """Returns weights by capacity: element u is of the positions that 8 · (u + 1) just holds."""
    row_steps = non_negatives("weights", vector("weights", weights))
    if not row_steps.size:
        raise ValueError("weights must have at least one number, got none")
    last = int(np.flatnonzero(row_steps)[-1]) if row_steps.any() else 0
    most = integer("longest", len(row_steps) - 1 if longest is None else longest, last)
    units: Floats = np.zeros(aligned(most) // ALIGNMENT)
    places = np.maximum(-(-np.arange(last + 1) // ALIGNMENT), 1) - 1
    np.add.at(units, places, row_steps[: last + 1])
    return units


def _cuts(ends: list[int], sums: list[float], classes: int) -> list[int]:
    """Returns the indices of `ends` at which capacities lie, by dynamic programming.

    Each layer adds one class: cost[j] = min over i < j of cost[i] + ends[j] · (sums[j] − sums[i]).
    For each i this is a line in ends[j], so the lower hull of the lines gives the minimum.
    """
    costs = [end * total for end, total in zip(ends, sums, strict=True)]
    choices: list[list[int]] = []
    for _ in range(1, min(classes, len(ends) - 1)):
        best = _lower_hull(costs, sums, ends)
        costs = [
            min(cost, costs[i] + end * (total - sums[i]))
            for cost, i, end, total in zip(costs, best, ends, sums, strict=True)
        ]
        choices.append(best)
    at, found = len(ends) - 1, [len(ends) - 1]
    for best in reversed(choices):
        at = best[at]
        if at == 0:
            break
        found.append(at)
    return found[::-1]


def _lower_hull(costs: list[float], sums: list[float], ends: list[int]) -> list[int]:
    """Returns for each j the i ≤ j whose line costs[i] − sums[i] · x is lowest at ends[j].

    Slopes −sums[i] fall as i grows, and ends grow, so both ends of the hull only advance.
    """
    hull: list[int] = []
    front, best = 0, []
    for j, x in enumerate(ends):
        while len(hull) - front >= 2 and _hidden(costs, sums, hull[-2], hull[-1], j):
            hull.pop()
        hull.append(j)
        while len(hull) - front >= 2 and _value(costs, sums, hull[front + 1], x) <= _value(
            costs, sums, hull[front], x
        ):
            front += 1
        best.append(hull[front])
    return best


def _value(costs: list[float], sums: list[float], i: int, x: int) -> float:
    return costs[i] - sums[i] * x


def _hidden(costs: list[float], sums: list[float], a: int, b: int, c: int) -> bool:
    """Returns true if line b is nowhere below both a, of a larger slope, and c, of a smaller."""
    left = (costs[b] - costs[a]) * (sums[c] - sums[b])
    right = (costs[c] - costs[b]) * (sums[b] - sums[a])
    return left >= right
