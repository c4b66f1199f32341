"""Claims about a gate alone that is fed with independent pairs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from benches.gate.model import SHAPES, Cell, Lab
from benches.gate.scale import Scale, each
from benches.gate.tables import Found, Target, claim, spread
from benches.gate.watched import WORTH
from numpy.typing import NDArray

import multibin as mb

__all__ = ["Feed", "noise", "readings"]

STEP = 100
"""Pairs between two questions to the gate."""
TRUE = 4
"""Windows of true pairs before the noise, and of noise before true pairs come again."""
NOTICED, BATCHES = 2_000, 8
"""Requests, or batches of each bin, within which a gate must notice; the larger one counts."""
PATIENCE = 4
"""Multiple of that limit after which the test gives up."""
LOOKS = 8
"""Windows whose readings are compared."""
NEAR = 0.05
"""How far from the true gain of 1 a reading may be."""


@dataclass
class Feed:
    """A gate, and the source of its pairs."""

    lab: Lab
    cell: Cell
    seed: int
    drawn: int = 0

    def __post_init__(self) -> None:
        self.edges = self.lab.edges(self.cell)
        self.gate = mb.Gate(self.edges, self.cell.size.batch_size)

    @property
    def limit(self) -> int:
        return max(NOTICED, BATCHES * self.cell.size.batch_size * self.edges.bins)

    def draw(self, error: float | None, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        self.drawn += 1
        what = (self.cell, self.seed, self.drawn)
        return self.lab.pairs(self.cell.shape, error, n, *what)

    def feed(self, error: float | None, windows: int) -> None:
        self.gate.observe(*self.draw(error, windows * self.gate.window))

    def until(self, error: float | None, is_open: bool, most: int) -> float:
        """Returns the number of pairs that it takes; infinite if more than ``most``."""
        predicted, actual = self.draw(error, most)
        for end in range(STEP, most + 1, STEP):
            self.gate.observe(predicted[end - STEP : end], actual[end - STEP : end])
            if self.gate.is_open == is_open:
                return float(end)
        return np.inf

    def read(self, error: float | None, windows: int) -> NDArray[np.float64]:
        """Returns the gains that the gate reads with a full window, a reading a look."""
        predicted, actual = self.draw(error, (windows + 1) * self.gate.window)
        step = max(self.gate.window // 16, self.gate.EVERY)
        said: list[float | None] = []
        for end in range(step, len(actual) + 1, step):
            self.gate.observe(predicted[end - step : end], actual[end - step : end])
            said.append(self.gate.gain)
        full = -(-self.gate.window // step)  # The look before may have had fewer pairs.
        return np.array([gain for gain in said[full:] if gain is not None])


@dataclass(frozen=True)
class Noticed:
    """The windows in which a gate noticed noise, and its end."""

    closed: float
    opened: float


def noise(scale: Scale) -> str:
    """Tests how soon a gate notices that true lengths turn to noise, and back."""
    cells = _cells(scale, 0.0)
    gains = each(cells, scale.lab.gain)
    worth = [cell for cell, gain in zip(cells, gains, strict=True) if gain >= WORTH]
    feeds = (Feed(scale.lab, *of) for of in product(worth, range(scale.seeds)))
    head = ["closed after, windows", "opens again after, windows: median", "worst"]
    target = Target(1.0, lambda share: f"{share:.2f}")
    return claim(["requests ÷ limit, lengths", "B"], target, each(feeds, _noise), head, _took)


def _noise(feed: Feed) -> Found[Noticed]:
    window, limit = feed.gate.window, feed.limit
    feed.feed(0.0, TRUE)
    closed = feed.until(None, False, PATIENCE * limit) if feed.gate.is_open else np.inf
    feed.feed(None, TRUE)
    opened = feed.until(0.0, True, PATIENCE * limit)
    where = f"{feed.cell.where}: {closed:,.0f} of {limit:,}"
    noticed = Noticed(closed / window, opened / window)
    return Found(feed.cell.row, where, closed / limit, noticed)


def _took(noticed: list[Noticed]) -> list[str]:
    opened = [one.opened for one in noticed]
    closed = spread([one.closed for one in noticed], 1)
    return [closed, f"{np.median(opened):.1f}", f"{max(opened):.1f}"]


def readings(scale: Scale) -> str:
    """Tests how far readings of useless predictions are from their true gain, 1."""
    feeds = (Feed(scale.lab, *of) for of in product(_cells(scale, None), range(scale.seeds)))
    head = ["mean reading", "least", "greatest"]
    target = Target(NEAR, lambda gain: f"{gain:.3f}")
    return claim(["distance from 1, lengths", "B"], target, each(feeds, _readings), head, _shown)


def _readings(feed: Feed) -> Found[NDArray[np.float64]]:
    gains = feed.read(None, LOOKS)
    return Found(feed.cell.row, feed.cell.where, float(np.abs(gains - 1).max()), gains)


def _shown(gains: list[NDArray[np.float64]]) -> list[str]:
    own = np.concatenate(gains)
    return [f"{own.mean():.3f}", f"{own.min():.3f}", f"{own.max():.3f}"]


def _cells(scale: Scale, error: float | None) -> list[Cell]:
    return [Cell(shape, size, error) for shape, size in product(SHAPES, scale.grid)]
