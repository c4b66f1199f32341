"""Measures a model: the grid, the length that stands for unlike rows, and a validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Never, TypeVar

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import multibin as mb
from multibin.costs._table import COUNTS, GRIDS, Counts
from multibin.lab.calibrate._bench import Bench, Cell, Mixed
from multibin.lab.calibrate._machine import about
from multibin.lab.calibrate._mixed import draw, predictions
from multibin.lab.calibrate._settings import Settings, grid_tokens
from multibin.llm._load.load_by_name import load_by_name, threads
from multibin.llm._load.models import Model

__all__ = ["Calibration", "Validation", "calibrate"]

Floats = NDArray[np.float64]
T = TypeVar("T")

CHOOSING, VALIDATING = 6, 8
"""Numbers of mixed batches that choose ``counts``, and of others that validate."""


@dataclass(frozen=True, eq=False)
class Validation:
    """Batches that were not used for the table. Element i of each field belongs to batch i."""

    batches: Sequence[Mixed]
    engine: Floats
    """Seconds that the engine took."""
    table: Floats
    """Seconds by the table."""
    linear: Floats
    """Seconds by the linear model nearest to it."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """The table that was measured, and how well it predicts."""

    settings: Settings
    table: mb.CostTable
    deviations: dict[Counts, float]
    """For each ``counts``: mean |log ratio| of the table's seconds to those of mixed batches."""
    linear: mb.CostModel
    linear_worst: float
    """The linear model's largest relative deviation from a point of the table."""
    validation: Validation


def calibrate(settings: Settings) -> Calibration:
    """Measures a model.

    Raises:
        ValueError: the model cannot be used, or tokens exceed its context.

    >>> from multibin.lab.calibrate import Settings, calibrate
    >>> calibrate(Settings(tokens=(10**6,)))
    Traceback (most recent call last):
    ValueError: tokens[0] must be at most ..., got 1000000
    """
    small = settings.model is None and settings.width == 1
    with threads(settings.threads, small):
        model, name = load_by_name(
            settings.model, settings.width, device=settings.device, dtype=settings.dtype
        )
        tokens = grid_tokens(settings, model.context)
        return _measured(settings, model, about(model, name), tokens)


def _measured(
    settings: Settings, model: Model, about: dict[str, str], tokens: tuple[int, ...]
) -> Calibration:
    bench = Bench(model)
    sizes = (max(settings.rows), min(tokens), max(tokens))
    choosing, validating = draw(CHOOSING, *sizes, seed=1), draw(VALIDATING, *sizes, seed=2)
    points = [(rows, count) for rows in settings.rows for count in tokens]
    mixed = [*choosing, *validating]
    # The largest first: the KV cache keeps its size from then on.
    bench.cell(*points[-1])
    cells, seconds = [], []
    runs = (settings.repeats + 1) * (len(points) + len(mixed))
    with tqdm(total=runs, desc="calibrate", unit="batch", leave=False, disable=None) as bar:
        # Repeat by repeat, so that a disturbance of the machine falls on one run of each.
        for _ in range(settings.repeats + 1):
            cells.append([_counted(bar, bench.cell(*point)) for point in points])
            seconds.append([_counted(bar, bench.seconds(one)) for one in mixed])
    # The first repeat warms up.
    table = _table(settings.rows, tokens, cells[1:], about)
    taken = np.median(np.array(seconds[1:]), axis=0)
    return _judged(settings, table, (choosing, validating), taken)


def _counted(bar: tqdm[Never], result: T) -> T:
    bar.update()
    return result


def _table(
    rows: Sequence[int],
    tokens: Sequence[int],
    cells: Sequence[Sequence[Cell]],
    about: dict[str, str],
) -> mb.CostTable:
    """Returns the table of the medians of the repeats."""

    def grid(name: str) -> Floats:
        seconds = np.array([[getattr(cell, name) for cell in repeat] for repeat in cells])
        medians: Floats = np.median(seconds, axis=0)
        return medians.reshape(len(rows), len(tokens))

    step, prefill, move = (grid(name) for name in GRIDS)
    return mb.CostTable(
        np.array(rows), np.array(tokens), step, prefill, move, completes="row", about=about
    )


def _judged(
    settings: Settings,
    table: mb.CostTable,
    batches: tuple[list[Mixed], list[Mixed]],
    taken: Floats,
) -> Calibration:
    """Chooses ``counts`` by the first batches, and validates with the others."""
    choosing, validating = batches
    tables = {counts: replace(table, counts=counts) for counts in COUNTS}
    deviations = {
        counts: deviation(predictions(choosing, one), taken[: len(choosing)])
        for counts, one in tables.items()
    }
    chosen = tables[min(COUNTS, key=lambda counts: deviations[counts])]
    linear, worst = chosen.linear()
    validation = Validation(
        validating,
        taken[len(choosing) :],
        predictions(validating, chosen),
        predictions(validating, linear),
    )
    return Calibration(settings, chosen, deviations, linear, worst, validation)


def deviation(predicted: Floats, taken: Floats) -> float:
    """Returns the mean of |log ratio|."""
    return float(np.abs(np.log(predicted / taken)).mean())
