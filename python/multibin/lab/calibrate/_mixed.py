"""Draws batches of random lengths, and predicts their seconds by a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.costs import Costs
from multibin.lab.calibrate._bench import Mixed
from multibin.lab.traces import from_arrays

__all__ = ["draw", "predict", "predictions"]


def draw(count: int, rows: int, shortest: int, longest: int, seed: int) -> list[Mixed]:
    """Draws batches of up to ``rows`` rows.

    Every second one has a limit at half of its longest output. Rows, prompts and outputs are
    log-uniform: prompts from ``shortest`` to half of ``longest`` tokens, outputs up to a quarter.
    """
    rng = np.random.default_rng(seed)
    return [_draw(rng, rows, shortest, longest, bool(i % 2)) for i in range(count)]


def _draw(
    rng: np.random.Generator, max_rows: int, shortest: int, longest: int, limited: bool
) -> Mixed:
    rows = int(_log_uniform(rng, min(2, max_rows), max_rows, 1)[0])
    prompts = _log_uniform(rng, shortest, max(shortest, longest // 2), rows)
    outputs = _log_uniform(rng, 2, max(2, longest // 4), rows)
    limit = int(outputs.max()) // 2 if limited else None
    return Mixed(tuple(prompts.tolist()), tuple(outputs.tolist()), limit)


def _log_uniform(rng: np.random.Generator, low: int, high: int, n: int) -> NDArray[np.int64]:
    return np.exp(rng.uniform(np.log(low), np.log(high + 1), n)).astype(np.int64)


def predict(mixed: Mixed, costs: Costs) -> float:
    """Returns the simulated seconds of the batch, with the second one of its climbers."""
    rows, longest = len(mixed.prompts), max(mixed.outputs)
    trace = from_arrays(
        np.array(mixed.prompts), np.array(mixed.outputs), predicted=np.zeros(rows, np.int64)
    )
    edges = [0, longest + 1] if mixed.limit is None else [0, mixed.limit, longest + 1]
    scheduler = mb.SchedulerConfig(mb.Edges(edges), rows, fill="strict", overrun="climb")
    batches = mb.simulate(trace, scheduler=scheduler, costs=costs).batches
    return float((batches.finish - batches.start).sum())


def predictions(batches: Sequence[Mixed], costs: Costs) -> NDArray[np.float64]:
    """Returns the simulated seconds of each batch."""
    return np.array([predict(mixed, costs) for mixed in batches])
