"""Batch times that are measured, and what a batcher makes of them: edges and batch sizes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from multibin._core import Edges
from multibin.batcher._job import Job
from multibin.batcher._lane import Lane
from multibin.batcher._options import Options
from multibin.costs import CostLearner, CostTable
from multibin.costs._report import report

__all__ = ["Learning"]

SAMPLE = 4096
"""The last lengths, to which edges are fitted."""
SPARSE = 8
"""Batches of which one is sampled, once the sample is full."""
PRIOR = CostTable.of_batches([1, 256], [0, 2**20], [[2**20, 2**21], [2**20, 2**20 + 2**28]])
"""Costs before they are known: those of a batch and of its padding, so that like lengths share."""
LEAST = 0.005
"""Seconds of batches between two fits: what takes less is not worth a fit."""
CHANGE = 0.05
"""The least change of a batch's seconds for which edges and batch sizes are fitted again."""
FIRST = 64
"""Lengths known at the first fit of edges; the next ones are after four times as many."""


class Learning:
    """Follows batch times and lengths, and sets edges, batch sizes and costs of the lanes."""

    def __init__(self, options: Options) -> None:
        self._options, self._costs = options, options.costs
        self._fits_edges = options.queues > 1 and options.edges is None
        self.table = options.costs if isinstance(options.costs, CostTable) else None
        self._learner = CostLearner(options.batch_size) if options.learns else None
        self._lengths: deque[int] = deque(maxlen=SAMPLE)
        self._seen = 0
        self._fit_at = FIRST
        self._settings: dict[str, Any] = {}
        self._version = 0
        self._tried: int | None = None
        self._lock = threading.Lock()
        self._applying = threading.Lock()
        self._measuring = threading.Lock()
        self._fitting = False
        self._ran = 0.0
        """Seconds of the batches since the last fit."""
        self.seconds = 0.0
        """Of all batches so far."""
        self.batches = 0
        self.rows = 0
        self.useful = 0
        """Their items' lengths, summed."""
        self.padded = 0
        """Rows × the longest length of each batch, summed."""
        first = PRIOR if self._learner is not None and options.length is not None else self.table
        if first is not None:
            self._set(costs=first)
        if self._learner is not None:
            self._try_rows(self._learner.rows_to_try)

    def measure(self, call: Callable[..., Any]) -> None:
        """Measures the batch times of a call on a grid (``costs="measure"``)."""
        if self._costs == "measure":
            # One worker measures, and the others wait for its table.
            with self._measuring:
                if self.table is None:
                    self._measure(call)

    def _measure(self, call: Callable[..., Any]) -> None:
        options = self._options
        assert options.make is not None
        sizes = [2**i for i in range(options.batch_size.bit_length())]
        rows = sorted({*sizes, options.batch_size})
        self.table = CostTable.measure(call, options.make, rows=rows)
        self._set(costs=self.table)

    def record(self, job: Job, seconds: float) -> None:
        """Notes a batch that ended without an error."""
        rows = job.rows
        with self._lock:
            due = self._count(len(rows), rows.longest, rows.useful, seconds)
            if self._costs is not None and self._is_sampled():
                self._lengths += rows.lengths
        if self._costs is None:
            self._observe(job.lane, rows.lengths)
        elif self._ran >= LEAST and (due or self._is_refit_due()):
            self._fit_soon()
        if self._learner is not None:
            self._try_rows(self._learner.rows_to_try)

    def _count(self, rows: int, longest: int, useful: int, seconds: float) -> bool:
        """Counts a batch; returns true if a fit is due."""
        self.batches += 1
        self.rows += rows
        self.seconds += seconds
        self._ran += seconds
        self.useful += useful
        self.padded += rows * longest
        self._seen += rows
        return self._learner is not None and self._learner.record(rows, longest, seconds, useful)

    def _is_refit_due(self) -> bool:
        """Returns true if many more lengths are known than at the last fit of edges."""
        return self._seen >= self._fit_at and self.table is not None

    def _is_sampled(self) -> bool:
        """Returns true if a batch's lengths are kept: of the first ones, then of one in eight."""
        return self._seen <= SAMPLE or self.batches % SPARSE == 0

    def _observe(self, lane: Lane, lengths: list[int]) -> None:
        if self._fits_edges and not self._options.climb:
            lane.scheduler.observe(lengths, lengths)

    def _fit_soon(self) -> None:
        """Fits on a thread of its own: the caller may be an event loop."""
        with self._lock:
            if self._fitting:
                return
            self._fitting, self._ran = True, 0.0
        threading.Thread(target=self._fit, name="multibin-fit", daemon=True).start()

    def _fit(self) -> None:
        try:
            learnt = self._learnt()
            if learnt is not None:
                self.table = learnt
                self._set(costs=learnt, **self._bins(learnt))
        finally:
            self._fitting = False

    def _learnt(self) -> CostTable | None:
        """Returns the table to use from now on; ``None``: what is in use is as good."""
        if self._learner is None:
            return self.table
        self._learner.fit()
        learnt = self._learner.table
        if learnt is None or self.table is None or self._seen >= self._fit_at:
            return learnt
        return learnt if self._differs(self.table, learnt) else None

    def _differs(self, before: CostTable, learnt: CostTable) -> bool:
        """Returns true if two tables differ at a usual length by more than ``CHANGE``."""
        lengths = np.quantile(np.array(self._lengths, np.float64), (0.1, 0.5, 0.9))
        sizes = {1, max(1, self._options.batch_size // 4), self._options.batch_size}
        return any(
            abs(learnt.seconds("prefill", rows, length) - seconds) > CHANGE * seconds
            for length in lengths
            for rows in sizes
            if (seconds := before.seconds("prefill", rows, length))
        )

    def _bins(self, table: CostTable) -> dict[str, Any]:
        """Returns edges, unless they stay, and batch sizes, of the least seconds an item."""
        options, lengths = self._options, list(self._lengths)
        if not lengths:
            return {}
        self._fit_at = max(self._fit_at, min(4 * self._seen, self._seen + SAMPLE))
        if not self._fits_edges:
            return {"batch_size": self._sizes(table, lengths)}
        edges, sizes = table.bins(lengths, options.queues, options.batch_size)
        return {"edges": edges, "batch_size": sizes + sizes[-1:] * (options.queues - edges.bins)}

    def _sizes(self, table: CostTable, lengths: list[int]) -> list[int]:
        """Returns the batch size of each bin of edges that stay."""
        options = self._options
        edges = options.edges or Edges([0, 1])
        held: list[list[int]] = [[] for _ in range(options.queues)]
        for length in lengths:
            held[edges.bin(length)].append(length)
        most = options.batch_size
        return [table.bins(bin_, 1, most)[1][0] if bin_ else most for bin_ in held]

    def _set(self, **settings: Any) -> None:
        with self._lock:
            self._settings = {**self._settings, **settings}
            self._version += 1

    def _try_rows(self, rows: int | None) -> None:
        """Sets how many rows the next batches may have, to learn what these take."""
        if rows != self._tried:
            with self._lock:
                self._tried = rows
                self._version += 1

    def apply(self, lane: Lane) -> None:
        """Brings the settings of a lane up to date."""
        if lane.version == self._version or lane.scheduler.closed:
            return
        # One worker after the other: the last settings are the latest.
        with self._applying:
            self._apply(lane)

    def _apply(self, lane: Lane) -> None:
        with self._lock:
            lane.version, settings = self._version, dict(self._settings)
            tried = self._tried
        if tried is not None:
            settings |= {"batch_size": tried, "costs": PRIOR}
        elif "batch_size" not in settings:
            settings["batch_size"] = self._options.batch_size
        lane.scheduler.reconfigure(**settings)

    @property
    def item_seconds(self) -> float | None:
        """Seconds that an item takes, on average so far."""
        return self.seconds / self.rows if self.rows else None

    def report(self) -> dict[str, Any]:
        """Returns what is believed of the costs, in words."""
        if self._learner is not None:
            return self._learner.report()
        if self.table is None or not self._lengths:
            return {}
        state = {"batches": self.batches, "batch_size": self._options.batch_size}
        return report(self.table, np.array(self._lengths, np.float64), state)
