"""The requests: lengths, predictions, edges, and their true gain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import product
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.traces import lengths, predictions

__all__ = ["CHOSEN", "SHAPES", "Cell", "Lab", "Lengths", "Size", "grid"]

Lengths = NDArray[np.int64]

SAMPLE = 20_000
"""Pairs that edges are fitted to, drawn apart from those that are played."""
JUDGES = 1_000_000
"""Pairs that the true gain is computed from."""
ERRORS = np.geomspace(8.0, 0.05, 16)
"""Values of σ between which the search finds one with a given gain."""
ROUGH = 200_000
"""Pairs that the gain of each of these σ is computed from."""
KEPT = 16
"""Samples of judges that are kept; each has 16 MB or less."""

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
"""Sizes of the claims that are not tested with all."""


@dataclass(frozen=True)
class Cell:
    """One setting: lengths, predictions and bins."""

    shape: str
    size: Size
    error: float | None
    """σ of the predictions: true length × exp(σ·Z). None: useless, lengths of other requests."""

    @property
    def where(self) -> str:
        return f"B = {self.size.batch_size}, {self.size.bins} bins"

    @property
    def row(self) -> tuple[str, str]:
        """Returns the row of a table that the cell is in."""
        return self.shape, str(self.size.batch_size)

    def with_error(self, error: float | None) -> Cell:
        return replace(self, error=error)


def grid(
    batch_sizes: tuple[int, ...] = BATCH_SIZES, bins: tuple[int, ...] = BINS
) -> Iterator[Size]:
    return (Size(*pair) for pair in product(batch_sizes, bins))


def seed_of(*what: object) -> int:
    """Returns a seed for each thing that is drawn, so that none repeats the draws of another."""
    return crc32(repr(what).encode())


class Lab:
    """Draws requests, fits edges and computes true gains. All draws follow from ``seed``."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.edges = cache(self._edges)
        self.gain = cache(self._gain)
        self.longest = cache(self._longest)
        self._curve = cache(self._gains)
        self._judges = lru_cache(KEPT)(self._draw_judges)

    def pairs(
        self, shape: str, error: float | None, n: int, *what: object
    ) -> tuple[Lengths, Lengths]:
        """Returns predicted and actual lengths; ``what`` names the draw."""
        first, second = (seed_of(self.seed, shape, *what, part) for part in ("actual", "other"))
        actual = SHAPES[shape](n, first)
        if error is None:
            return SHAPES[shape](n, second), actual
        return predictions.log_normal(actual, error, second), actual

    def _draw_judges(self, shape: str, error: float | None, n: int) -> tuple[Lengths, Lengths]:
        """Returns pairs, sorted by their actual lengths."""
        predicted, actual = self.pairs(shape, error, n, "judges")
        order = np.argsort(actual, kind="stable")
        return predicted[order], actual[order]

    def _edges(self, cell: Cell) -> mb.Edges:
        """Returns the best edges for pairs, or for the predictions alone if these are useless."""
        predicted, actual = self.pairs(cell.shape, cell.error, SAMPLE, "sample")
        known = None if cell.error is None else actual
        return mb.Edges.optimal(predicted, cell.size.bins, cell.size.batch_size, actual=known)

    def _longest(self, shape: str, batch_size: int) -> float:
        """Returns E[longest of B] in steps."""
        return _longest_of(self._judges(shape, 0.0, JUDGES)[1], batch_size)

    def _gain(self, cell: Cell, n: int = JUDGES) -> float:
        """Returns E[longest of B] ÷ Σ mass · E[longest of B | bin] of many fresh pairs."""
        predicted, actual = self._judges(cell.shape, cell.error, n)
        inner = self.edges(cell).bounds[1:-1].astype(np.int64)
        bins = np.searchsorted(inner, predicted, side="right").astype(np.uint16)
        ends = np.cumsum(np.bincount(bins))[:-1]
        members = np.split(actual[np.argsort(bins, kind="stable")], ends)
        steps = [len(own) * _longest_of(own, cell.size.batch_size) for own in members if len(own)]
        return _longest_of(actual, cell.size.batch_size) * len(actual) / sum(steps)

    def error_of(self, cell: Cell, gain: float) -> float | None:
        """Returns the σ with about this gain, or None if true lengths have less."""
        if self.gain(cell.with_error(0.0)) < gain:
            return None
        return float(np.exp(np.interp(gain, self._curve(cell), np.log(ERRORS))))

    def _gains(self, cell: Cell) -> NDArray[np.float64]:
        """Returns the gains with the ``ERRORS``, from the least to the greatest."""
        cells = (cell.with_error(float(error)) for error in ERRORS)
        return np.maximum.accumulate([self._gain(each, ROUGH) for each in cells])


def _longest_of(ordered: Lengths, rows: int) -> float:
    """Returns E[longest of ``rows``] of sorted lengths: Σ vᵢ [(i/n)ᴮ − ((i−1)/n)ᴮ], i = 1 … n."""
    shorter = (np.arange(len(ordered) + 1) / len(ordered)) ** rows
    return float(np.diff(shorter) @ ordered)
