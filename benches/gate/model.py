"""Which requests come: lengths, predictions, edges, and what these are truly worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin import theory
from multibin.traces import lengths, predictions

__all__ = ["CHOSEN", "SHAPES", "Cell", "Lab", "Lengths", "Size", "grid"]

Lengths = NDArray[np.int64]

SAMPLE = 20_000
"""Pairs that edges are fitted to, drawn apart from those that are played."""
JUDGES = 1_000_000
"""Pairs that the true gain is computed from."""
ROUGH = 200_000
"""Pairs that each step of the search for an error computes a gain from."""
WIDEST = 4.0
"""The greatest σ of that search."""
HALVINGS = 9

BATCH_SIZES = (2, 8, 32, 128, 512, 1024)
BINS = (2, 4, 16, 64, 256)


def _log_normal(n: int, seed: int) -> Lengths:
    return lengths.log_normal(n, 100.0, 1.0, seed)


def _uniform(n: int, seed: int) -> Lengths:
    return lengths.uniform(n, 1, 1000, seed)


def _bimodal(n: int, seed: int) -> Lengths:
    return lengths.bimodal(n, 20.0, 400.0, 0.3, seed, sigma=0.3)


SHAPES: dict[str, Callable[[int, int], Lengths]] = {
    "log-normal": _log_normal,
    "uniform": _uniform,
    "bimodal": _bimodal,
}


@dataclass(frozen=True)
class Size:
    """A batch size and the most bins."""

    batch_size: int
    bins: int


CHOSEN = tuple(
    Size(*pair)
    for pair in (
        *((2, 2), (32, 2), (1024, 2), (256, 4), (8, 16)),
        *((32, 16), (32, 64), (512, 16), (512, 64)),
    )
)
"""Sizes of the claims that are not tried with all."""


@dataclass(frozen=True)
class Cell:
    """One setting: lengths, predictions and bins."""

    shape: str
    size: Size
    error: float | None
    """σ of the predictions: true length × exp(σ·Z). None: useless, the lengths of other requests."""

    @property
    def where(self) -> str:
        return f"{self.size.bins} bins"

    def with_error(self, error: float | None) -> Cell:
        return replace(self, error=error)


def grid(batch_sizes: tuple[int, ...] = BATCH_SIZES, bins: tuple[int, ...] = BINS) -> Iterator[Size]:
    return (Size(*pair) for pair in product(batch_sizes, bins))


def seed_of(*what: object) -> int:
    """One for each thing that is drawn, so that none repeats another's draws."""
    return crc32(repr(what).encode())


class Lab:
    """Draws requests, fits edges and computes true gains. All draws follow from ``seed``."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.edges = cache(self._edges)
        self.gain = cache(self._gain)
        self.longest = cache(self._longest)
        self._judges = cache(self.pairs)

    def pairs(self, shape: str, error: float | None, n: int, *what: object) -> tuple[Lengths, Lengths]:
        """Predicted and actual lengths; ``what`` names the draw."""
        first, second = (seed_of(self.seed, shape, *what, part) for part in ("actual", "other"))
        actual = SHAPES[shape](n, first)
        if error is None:
            return SHAPES[shape](n, second), actual
        return predictions.log_normal(actual, error, second), actual

    def _edges(self, cell: Cell) -> mb.Edges:
        """The best for the predictions, fitted to pairs; to predictions alone if they are useless."""
        predicted, actual = self.pairs(cell.shape, cell.error, SAMPLE, "sample")
        known = None if cell.error is None else actual
        return mb.Edges.optimal(predicted, cell.size.bins, cell.size.batch_size, actual=known)

    def _longest(self, shape: str, batch_size: int) -> float:
        """E[longest of B], steps."""
        return float(theory.expected_max(self._judges(shape, 0.0, JUDGES, "judges")[1], batch_size))

    def _gain(self, cell: Cell) -> float:
        """The true one, E[longest of B] ÷ Σ mass · E[longest of B | bin], of many fresh pairs."""
        return self._worth(cell, *self._judges(cell.shape, cell.error, JUDGES, "judges"))

    def _worth(self, cell: Cell, predicted: Lengths, actual: Lengths) -> float:
        rows = cell.size.batch_size
        binned = theory.per_bin(actual, self.edges(cell), rows, predicted).batch_time
        return float(theory.expected_max(actual, rows)) / binned

    def error_of(self, cell: Cell, gain: float) -> float | None:
        """The σ with which predictions have this gain; None if true lengths have less."""
        if self._rough(cell.with_error(0.0)) < gain:
            return None
        low, high = 0.0, WIDEST
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            more = self._rough(cell.with_error(middle)) > gain
            low, high = (middle, high) if more else (low, middle)
        return (low + high) / 2

    def _rough(self, cell: Cell) -> float:
        return self._worth(cell, *self.pairs(cell.shape, cell.error, ROUGH, "rough"))
