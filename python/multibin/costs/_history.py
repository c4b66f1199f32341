"""The batches that a learner remembers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["History"]

Floats = NDArray[np.float64]

PER_CELL = 32
"""Batches that are kept of each cell: rows within √2 and lengths within 2 of each other."""

FIRST = 0.1
"""Weight of the first batch of its number of rows, which may warm up."""

WARM_UP = 2
"""Batches that warm up."""

OLD, KEPT = 0.25, 4
"""A drift multiplies the weight of the batches before it, and leaves so many of each cell."""

RECENT = 256
"""Batches that say what lengths are usual."""


@dataclass(eq=False)
class History:
    """The last batches of each cell. Element i of each array belongs to batch i."""

    rows: Floats = field(default_factory=lambda: np.empty(0))
    longest: Floats = field(default_factory=lambda: np.empty(0))
    seconds: Floats = field(default_factory=lambda: np.empty(0))
    weight: Floats = field(default_factory=lambda: np.empty(0))
    number: Floats = field(default_factory=lambda: np.empty(0))
    """When the batch ran, counted in batches."""
    recent: Floats = field(default_factory=lambda: np.empty(0))
    """The longest rows of the last batches."""
    batches: int = 0
    """All batches that were ever added."""
    seen: set[int] = field(default_factory=set)
    """The classes of rows that were added."""

    def add(self, rows: Floats, longest: Floats, seconds: Floats) -> None:
        """Adds batches, and forgets the oldest of full cells."""
        number = np.arange(self.batches, self.batches + len(rows), dtype=np.float64)
        self.rows = np.concatenate([self.rows, rows])
        self.longest = np.concatenate([self.longest, longest])
        self.seconds = np.concatenate([self.seconds, seconds])
        self.weight = np.concatenate([self.weight, self._weights(rows)])
        self.number = np.concatenate([self.number, number])
        self.recent = np.concatenate([self.recent, longest])[-RECENT:]
        self.batches += len(rows)
        self._keep(_newest(self._cells(), PER_CELL))

    def drift(self, ratio: float) -> None:
        """Notes that batches now take ``ratio`` times as long: what is known counts less."""
        self.seconds = self.seconds * ratio
        self.weight = self.weight * OLD
        self._keep(_newest(self._cells(), KEPT) & (self.weight >= FIRST * OLD))

    def tries(self, rows: int) -> int:
        """Returns how many batches of about this many rows count fully."""
        return int((self._about(rows) & (self.weight >= 1.0)).sum())

    def age(self, rows: int) -> float:
        """Returns how many batches ago one had about this many rows."""
        numbers = self.number[self._about(rows)]
        return float(self.batches - numbers.max()) if len(numbers) else np.inf

    def _about(self, rows: int) -> NDArray[np.bool_]:
        near: NDArray[np.bool_] = (self.rows > rows / 1.4) & (self.rows < rows * 1.4)
        return near

    def _weights(self, rows: Floats) -> Floats:
        weights = np.ones(len(rows))
        for i, kind in enumerate(_classes(rows).tolist()):
            if kind not in self.seen or self.batches + i < WARM_UP:
                weights[i] = FIRST
            self.seen.add(kind)
        return weights

    def _cells(self) -> NDArray[np.int64]:
        lengths = np.floor(np.log2(np.maximum(self.longest, 1.0))).astype(np.int64)
        return _classes(self.rows) * 64 + lengths

    def _keep(self, kept: NDArray[np.bool_]) -> None:
        for name in ("rows", "longest", "seconds", "weight", "number"):
            setattr(self, name, getattr(self, name)[kept])


def _classes(rows: Floats) -> NDArray[np.int64]:
    return np.floor(2 * np.log2(rows) + 1e-9).astype(np.int64)


def _newest(cells: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Returns which elements are among the last ``count`` of their cell."""
    order = np.argsort(cells, kind="stable")
    ends = np.searchsorted(cells[order], cells[order], side="right")
    kept = np.empty(len(cells), bool)
    kept[order] = ends - np.arange(len(cells)) <= count
    return kept
