"""A closed loop of callers on a virtual clock. The costs of batches are known, or learnt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from multibin.costs import CostLearner, CostTable

Floats: TypeAlias = NDArray[np.float64]
Seconds: TypeAlias = Callable[[Floats, Floats], Floats]
"""Seconds of batches by rows and longest length."""

CALLERS, BATCH_SIZE = 64, 32
SHORTEST, LONGEST = 8, 256

ROWS = np.arange(1.0, BATCH_SIZE + 1)
LENGTHS = np.arange(LONGEST + 1.0)


def learner() -> CostLearner:
    """Returns a learner whose fits are due by counts alone."""
    return CostLearner(BATCH_SIZE, _clock=lambda: 0.0)


def all_seconds(seconds: Seconds) -> Floats:
    """Returns the seconds of each batch; shape ``[rows, lengths]``."""
    rows = np.broadcast_to(ROWS[:, None], (BATCH_SIZE, LONGEST + 1))
    return seconds(rows, np.broadcast_to(LENGTHS[None, :], rows.shape))


def believed(table: CostTable) -> Floats:
    """Returns the seconds of each batch by a table; shape ``[rows, lengths]``."""
    by_length = np.array([np.interp(LENGTHS, table.tokens, line) for line in table.prefill])
    return np.array([np.interp(ROWS, table.rows, column) for column in by_length.T]).T


def best_batch(lengths: NDArray[np.int64], seconds: Floats) -> NDArray[np.int64]:
    """Returns which requests leave with the oldest, the first one, if all leave in least time."""
    order = np.argsort(lengths, kind="stable")
    least, start = np.zeros(len(order) + 1), np.zeros(len(order) + 1, int)
    for end in range(1, len(order) + 1):
        most = min(BATCH_SIZE, end)
        totals = least[end - most : end][::-1] + seconds[:most, lengths[order[end - 1]]]
        start[end] = end - 1 - int(totals.argmin())
        least[end] = totals.min()
    oldest, end = int(np.flatnonzero(order == 0)[0]), len(order)
    while start[end] > oldest:
        end = start[end]
    return order[start[end] : end]


@dataclass
class Loop:
    """Callers that wait, and what their batches took."""

    truth: Seconds
    seed: int
    learner: CostLearner | None = None
    """None: the batches are cut by the truth."""
    noise: float = 0.1
    """The standard deviation of the log of what the learner sees."""
    done: list[int] = field(default_factory=list)
    """Requests of each batch."""
    took: list[float] = field(default_factory=list)
    """Seconds of each batch, without noise."""

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.waiting = self._draw(CALLERS)
        self._table: CostTable | None = None
        self._seconds = all_seconds(self.truth)

    def run(self, requests: int) -> None:
        """Serves at least so many requests more."""
        until = sum(self.done) + requests
        while sum(self.done) < until:
            chosen = self._chosen()
            rows, longest = len(chosen), int(self.waiting[chosen].max())
            seconds = float(self.truth(np.array([rows]), np.array([longest]))[0])
            self.done.append(rows)
            self.took.append(seconds)
            self._record(rows, longest, seconds)
            rest = np.delete(self.waiting, chosen)
            self.waiting = np.concatenate([rest, self._draw(rows)])

    def rate(self, after: int) -> float:
        """Returns the requests per second, without the first ``after`` requests."""
        counted = np.cumsum(self.done) > after
        return float(np.array(self.done)[counted].sum() / np.array(self.took)[counted].sum())

    def _chosen(self) -> NDArray[np.int64]:
        if self.learner is None:
            return best_batch(self.waiting, self._seconds)
        tries, table = self.learner.rows_to_try, self.learner.table
        if tries is not None or table is None:
            return np.arange(tries or BATCH_SIZE)
        if table is not self._table:
            self._table, self._seconds = table, believed(table)
        return best_batch(self.waiting, self._seconds)

    def _record(self, rows: int, longest: int, seconds: float) -> None:
        """Tells the learner; one batch in a hundred is held up."""
        held_up = 20.0 if self.rng.random() < 0.01 else 1.0
        seen = seconds * held_up * float(np.exp(self.rng.normal(0.0, self.noise)))
        if self.learner is not None and self.learner.record(rows, longest, seen):
            self.learner.fit()

    def _draw(self, n: int) -> NDArray[np.int64]:
        drawn = np.exp(self.rng.normal(np.log(40.0), 1.0, n))
        return np.clip(drawn, SHORTEST, LONGEST).astype(np.int64)
