"""The published tables of batch times, and the lengths of requests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import multibin as mb

DATA = Path(__file__).parents[3] / "shared" / "data"
TABLES = ("bge_m3", "jina")
BINS, SAMPLE = 32, 20_000

Lengths = NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A table of batch times and a distribution of lengths."""

    table: str
    log_normal: bool
    seconds: NDArray[np.float64]
    """Shape ``[rows, lengths from 0 on]``."""

    @property
    def name(self) -> str:
        return f"{self.table} {'log-normal' if self.log_normal else 'uniform'}"

    @property
    def longest(self) -> int:
        return self.seconds.shape[1] - 1

    def draw(self, n: int, seed: int) -> Lengths:
        """Draws lengths: log-normal ones have median ``longest / 8`` and sigma 1."""
        rng = np.random.default_rng(seed)
        if not self.log_normal:
            return rng.integers(1, self.longest + 1, n)
        lengths = rng.lognormal(np.log(self.longest / 8), 1.0, n)
        return np.clip(np.rint(lengths), 1, self.longest).astype(np.int64)

    def costs(self) -> mb.CostTable:
        rows, lengths = (np.arange(size) for size in self.seconds.shape)
        return mb.CostTable.of_batches(rows + 1, lengths, self.seconds)

    def config(self) -> mb.SchedulerConfig:
        """Returns a scheduler with edges and sizes of the table, for a sample of other lengths."""
        costs = self.costs()
        edges, sizes = costs.bins(self.draw(SAMPLE, seed=1_000), BINS, len(self.seconds))
        return mb.SchedulerConfig(edges, sizes, costs=costs)


def cases(folder: Path = DATA) -> list[Case]:
    """Returns the four cases; none where the tables are missing."""
    files = {name: folder / f"razors_edge_{name}.json" for name in TABLES}
    if not all(file.exists() for file in files.values()):
        return []
    tables = {name: np.array(json.loads(file.read_text())) / 1e9 for name, file in files.items()}
    return [
        Case(name, log_normal, table)
        for name, table in tables.items()
        for log_normal in (False, True)
    ]
