"""Which numbers of rows a learner tries, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multibin.costs._history import History

__all__ = ["Prices", "again", "first", "next_tries", "sizes"]

Floats = NDArray[np.float64]

MUCH = 1.5
"""Of seconds per row, over those of the best number of rows: from here on a try hurts."""

TRIES = 3
"""Batches of a number of rows before it is known."""

ASKED = 6
"""Times that a number of rows is asked for: too few requests may wait for it."""

SURE = 8
"""Numbers of rows up to this one are tried once even if they seem to hurt."""

MANY = 16
"""Numbers of rows above this one need a try less."""

ROUND = 64
"""The most rows of the tries between two fits, unless one try has more."""

STALE = 128
"""Batches after which a number of rows may be tried again."""


@dataclass(frozen=True, eq=False)
class Prices:
    """What a try of each number of rows costs, if the rows are of mixed lengths."""

    rows: tuple[int, ...]
    each: Floats
    """Seconds per row in a try of so many rows."""
    usual: float
    """Seconds per row in the batches that are no tries, or of the best number of rows."""

    def ratio(self, at: int) -> float:
        """Returns the seconds per row over the usual ones."""
        return float(self.each[at] / self.usual)

    def loss(self, at: int) -> float:
        """Returns the seconds that a try wastes."""
        return max(0.0, float(self.rows[at] * (self.each[at] - self.usual)))


def sizes(batch_size: int) -> tuple[int, ...]:
    """Returns doublings from 1, and ``batch_size``."""
    return (*(1 << i for i in range(32) if 1 << i < batch_size), batch_size)


def first(batch_size: int) -> list[int]:
    """Returns the first tries: two to warm up, then small ones, as they say how the cost grows."""
    return [min(rows, batch_size) for rows in (1, 1, 2, 4, 8, 1, 4, 2, 1, 8)]


def next_tries(history: History, prices: Prices, asked: Mapping[int, int]) -> list[int]:
    """Returns the tries that are missing before the costs count as known, small ones first.

    ``asked`` says how often each number of rows was asked for.
    """
    missing = [
        (i, min(_missing(history, prices, i), ASKED - asked.get(rows, 0)))
        for i, rows in enumerate(prices.rows)
    ]
    tries: list[int] = []
    for turn in range(TRIES):
        tries += [prices.rows[i] for i, count in missing if count > turn]
    while len(tries) > 1 and sum(tries) > ROUND:
        tries.pop()
    return tries


def again(history: History, prices: Prices, credit: float) -> list[int]:
    """Returns a try of what was not tried for long and wastes at most ``credit`` seconds."""
    ages = [history.age(rows) for rows in prices.rows]
    can = [i for i, age in enumerate(ages) if age > STALE and prices.loss(i) <= credit]
    if not can:
        return []
    chosen = max(can, key=lambda i: (min(ages[i], 1e9), -i))
    return [prices.rows[chosen]]


def _missing(history: History, prices: Prices, at: int) -> int:
    rows = prices.rows[at]
    if prices.ratio(at) < MUCH:
        return (TRIES if rows <= MANY else TRIES - 1) - history.tries(rows)
    return 1 - history.tries(rows) if rows <= SURE else 0
