"""Learns what batches cost from the batches that run anyway."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from math import inf
from threading import Lock
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin.costs._belief import Belief, believe
from multibin.costs._explore import Prices, again, first, next_tries, sizes
from multibin.costs._history import History
from multibin.costs._report import report, thinned
from multibin.costs._table import CostTable

__all__ = ["CostLearner"]

Floats = NDArray[np.float64]

PENDING = 1024
"""The most batches that wait for a fit."""

EVERY = 32
"""Batches between two fits, in the long run."""

FREE = 8
"""Fits that run however long they take."""

SHARE = 100
"""Seconds of batches between two fits, over those of a fit."""

CREDIT = 0.002
"""The share of the seconds of batches that tries may waste once the costs are known."""

DRIFT = 0.15
"""The least change of log seconds that counts as drift."""

FEW = 6
"""The least number of batches that show a drift."""


class CostLearner:
    """Learns the seconds of a batch by its rows and its longest row, from the batches that run.

    It fits a sum of non-negative terms (1, rows, longest, rows × longest, longest², rows ×
    longest²) to relative deviations. Where batches differ from the sum, it corrects the sum.
    Outliers and first batches weigh little. Once batches take longer or shorter than the table
    says, it forgets what was before, and tries other numbers of rows again.

    Any thread may call ``record``. One thread at a time fits; a call meanwhile changes nothing.

    Args:
        batch_size: the most rows of a batch.

    Raises:
        ValueError: ``batch_size`` is below 1.
        TypeError: it is no int.

    >>> from multibin.costs import CostLearner
    >>> learner = CostLearner(batch_size=4)
    >>> for rows in (1, 1, 2, 4) * 8:
    ...     if learner.record(rows, longest=10, seconds=0.01 + 0.02 * rows):
    ...         learner.fit()
    >>> round(learner.table.seconds("prefill", rows=3, tokens=10), 3)
    0.07
    """

    def __init__(self, batch_size: int, *, _clock: Callable[[], float] = perf_counter) -> None:
        self._batch_size = _args.integer("batch_size", batch_size, low=1)
        self._clock = _clock
        self._fitting = Lock()
        self._pending: deque[tuple[int, int, float]] = deque(maxlen=PENDING)
        self._useful = self._padded = 0
        self._ran = 0.0
        """Seconds of the batches since the last fit."""
        self._history = History()
        self._belief: Belief | None = None
        self._table: CostTable | None = None
        self._tries = first(self._batch_size)
        """Rows that the next batches should have, counted from the last fit."""
        self._asked = Counter(self._tries)
        self._due = len(self._tries)
        self._wait = 0.0
        """Seconds that batches must run before the next fit."""
        self._fits = 0
        self._credit = 0.0
        """Seconds that tries may waste."""
        self._usual: float | None = None
        """Seconds per row of the last batches that were no tries."""
        self._drifts = 0

    def record(self, rows: int, longest: int, seconds: float, useful: int = 0) -> bool:
        """Notes a batch, and returns true if ``fit`` is due.

        Args:
            rows: the rows of the batch.
            longest: the length of its longest row.
            seconds: the time that it took. A batch without rows or time is ignored.
            useful: the sum of its rows' lengths, for ``report``; 0 if it is unknown.

        >>> from multibin.costs import CostLearner
        >>> CostLearner(batch_size=32).record(8, longest=100, seconds=0.2)
        False
        """
        if rows < 1 or not 0.0 < seconds < inf:
            return False
        pending = self._pending
        pending.append((rows, longest, seconds))
        self._ran += seconds
        if useful:
            self._useful += useful
            self._padded += rows * longest
        return len(pending) >= self._due and self._ran >= self._wait

    @property
    def rows_to_try(self) -> int | None:
        """Returns how many rows the next batch should have, whatever the table says, or None.

        A batch has fewer if fewer requests wait. While the costs are unknown every batch is a try.
        Later tries are rare: they waste at most 0.2 % of the time.

        >>> from multibin.costs import CostLearner
        >>> CostLearner(batch_size=32).rows_to_try
        1
        """
        at, tries = len(self._pending), self._tries
        return tries[at] if at < len(tries) else None

    @property
    def table(self) -> CostTable | None:
        """Returns what is believed, or None while too little is known.

        Rows are 1 to ``batch_size``, thinned. Lengths go up to the longest that was seen.

        >>> from multibin.costs import CostLearner
        >>> CostLearner(batch_size=32).table is None
        True
        """
        return self._table

    def fit(self) -> None:
        """Fits the costs to the batches that were noted.

        Fits are due after counts that grow, and so that they take about 1 % of the time.

        >>> from multibin.costs import CostLearner
        >>> learner = CostLearner(batch_size=32)
        >>> learner.fit()
        >>> learner.table is None
        True
        """
        if not self._fitting.acquire(blocking=False):
            return
        try:
            began = self._clock()
            taken = self._taken()
            self._account(taken)
            self._learn(*taken)
            self._schedule(self._clock() - began)
        finally:
            self._fitting.release()

    def report(self) -> dict[str, Any]:
        """Returns what is believed, in words and in plain numbers that JSON takes.

        >>> from multibin.costs import CostLearner
        >>> CostLearner(batch_size=32).report()["says"]
        'after 0 batches the costs are not known yet'
        """
        useful = self._useful / self._padded if self._padded else None
        state = {
            "batches": self._history.batches + len(self._pending),
            "batch_size": self._batch_size,
            "drifts": self._drifts,
            "useful_share": useful,
        }
        return report(self._table, self._history.recent, state)

    def _taken(self) -> tuple[Floats, Floats, Floats]:
        """Takes the noted batches and returns their rows, longest and seconds."""
        taken = [self._pending.popleft() for _ in range(len(self._pending))]
        rows, longest, seconds = np.array(taken, dtype=np.float64).reshape(-1, 3).T
        return rows, longest, seconds

    def _account(self, taken: tuple[Floats, Floats, Floats]) -> None:
        """Notes what a row usually takes, and what the tries wasted."""
        rows, _, seconds = taken
        tried = min(len(self._tries), len(rows))
        if tried < len(rows):
            each = float(seconds[tried:].sum() / rows[tried:].sum())
            self._usual = each if self._usual is None else (self._usual + each) / 2
        if self._usual is not None and len(self._tries) == 1:
            waste = float(seconds[:tried].sum() - rows[:tried].sum() * self._usual)
            self._credit -= max(0.0, waste)
        self._credit += CREDIT * self._ran

    def _learn(self, rows: Floats, longest: Floats, seconds: Floats) -> None:
        self._notice_drift(rows, longest, seconds)
        self._history.add(rows, longest, seconds)
        if not len(self._history.rows):
            return
        self._belief = believe(self._history)
        if self._known():
            self._table = self._tabulated(self._belief)

    def _known(self) -> bool:
        """Returns true once batches of several numbers of rows ran."""
        return len(self._history.seen) >= min(3, len(sizes(self._batch_size)))

    def _notice_drift(self, rows: Floats, longest: Floats, seconds: Floats) -> None:
        """Forgets if the batches take other times than is believed, by more than noise explains."""
        if self._table is None or self._belief is None or len(rows) < FEW:
            return
        off = float(np.median(np.log(seconds / self._belief.seconds(rows, longest))))
        # A median has 1.25 times the standard error of a mean.
        if abs(off) > max(DRIFT, 4 * 1.25 * self._belief.width / np.sqrt(len(rows))):
            self._history.drift(float(np.exp(off)))
            self._asked.clear()
            self._drifts += 1

    def _tabulated(self, belief: Belief) -> CostTable:
        rows, lengths = thinned(1, self._batch_size), self._lengths()
        return CostTable.of_batches(rows, lengths, belief.grid(rows, lengths))

    def _lengths(self) -> list[int]:
        longest = self._history.longest
        return thinned(max(int(longest.min()), 1), max(int(longest.max()), 1))

    def _schedule(self, took: float) -> None:
        """Chooses the next tries and when the next fit is due."""
        self._fits += 1
        self._ran = 0.0
        self._wait = 0.0 if self._fits <= FREE else SHARE * took
        tries = self._next_tries()
        self._asked.update(tries)
        self._due = len(tries) if len(tries) > 1 else min(EVERY, max(8, self._history.batches // 2))
        self._tries = tries

    def _next_tries(self) -> list[int]:
        if self._belief is None:
            return []
        prices = self._prices(self._belief)
        tries = next_tries(self._history, prices, self._asked)
        if not tries:
            tries = again(self._history, prices, self._credit)
        return tries

    def _prices(self, belief: Belief) -> Prices:
        rows = sizes(self._batch_size)
        count = np.array(rows, float)
        # The longest of n rows of mixed lengths.
        longest = np.quantile(self._history.recent, count / (count + 1))
        each = belief.seconds(count, longest) / count
        best = float(each.min())
        return Prices(rows, each, best if self._usual is None else min(self._usual, best))
