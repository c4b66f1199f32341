"""Claims about edges that are fitted to finished requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from benches.gate.model import SHAPES, Cell, Size
from benches.gate.run import ADAPTIVE, Play, Run, play
from benches.gate.scale import Scale, each
from benches.gate.tables import Found, Target, claim

import multibin as mb

__all__ = ["one_bin", "stationary"]

ERRORS = {"true lengths": 0.0, "σ .5": 0.5}
BETWEEN = (8, 512)
"""Least and largest batch size of stationary traffic."""
FEW = (8, 32, 128, 512)
BINS = 16
"""The most bins that useless predictions may get."""


def stationary(scale: Scale) -> Iterator[str]:
    """Tests that stationary traffic keeps the best edges."""
    sizes = [s for s in scale.chosen if BETWEEN[0] <= s.batch_size <= BETWEEN[1]]
    cells = [Cell(*what) for what in product(SHAPES, sizes, ERRORS.values())]
    runs = each(cells, lambda cell: play(scale.lab, cell, Play(adapt=ADAPTIVE), scale.longer))
    counts: dict[str, tuple[int, Callable[[Run], float]]] = {
        "edges swapped": (2, lambda run: len(run.bins)),
        "drifts": (0, lambda run: run.drifts),
    }
    for what, (limit, count) in counts.items():
        found = [
            Found((what, cell.shape), _where(cell), count(run), run)
            for cell, run in zip(cells, runs, strict=True)
        ]
        yield claim([f"in {scale.longer:,} requests", "lengths"], Target(limit, _number), found)


def one_bin(scale: Scale) -> str:
    """Tests that useless predictions get no second bin."""
    gates = {"with the gate": True, "without": False}
    sizes = [Size(b, BINS) for b in scale.few(FEW)]
    cells = [Cell(shape, size, None) for shape, size in product(SHAPES, sizes)]
    jobs = list(product(gates, cells))

    def most_bins(job: tuple[str, Cell]) -> float:
        how = Play(adapt=mb.Adapt(bins=BINS, gate=gates[job[0]]))
        run = play(scale.lab, job[1], how, scale.requests, mb.Edges([0, 1]))
        return max(run.bins, default=1)

    found = [
        Found((gate, cell.shape), cell.where, bins, None)
        for (gate, cell), bins in zip(jobs, each(jobs, most_bins), strict=True)
    ]
    head = [f"most bins in {scale.requests:,} requests", "lengths"]
    return claim(head, Target(1, _number), found)


def _where(cell: Cell) -> str:
    words = next(words for words, error in ERRORS.items() if error == cell.error)
    return f"{cell.where}, {words}"


def _number(value: float) -> str:
    return f"{value:,.0f}"
