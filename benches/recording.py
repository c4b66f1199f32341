"""Prints what a recording costs a scheduler: rates with one and without, in alternating pairs.

``python -m benches.recording`` runs 31 pairs of each figure: submitting alone, and the whole way of
a request (``submit_many``, ``next_batch``, ``observe``, ``done``) in batches of 32. A ratio is the
median of the pairs' ratios, with their quartiles.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

import multibin as mb

ROWS, BATCH = 32_000, 32
EDGES = mb.Edges.uniform(0, 1024, 16)
KEYS = np.arange(ROWS, dtype=np.uint64)
LENGTHS = np.random.default_rng(0).integers(0, 1024, ROWS, dtype=np.uint32)


def submitting(scheduler: mb.Scheduler) -> float:
    """Returns requests a second of ``submit``, one by one."""
    lengths = LENGTHS.tolist()
    began = perf_counter()
    for key, length in enumerate(lengths):
        scheduler.submit(key, length)
    return ROWS / (perf_counter() - began)


def serving(scheduler: mb.Scheduler) -> float:
    """Returns requests a second from ``submit_many`` to ``done``."""
    worker = scheduler.worker()
    began = perf_counter()
    for start in range(0, ROWS, BATCH):
        scheduler.submit_many(KEYS[start : start + BATCH], LENGTHS[start : start + BATCH])
        with worker.next_batch(0) as batch:
            batch.observe(batch.lengths)
    return ROWS / (perf_counter() - began)


def rate(figure: Callable[[mb.Scheduler], float], path: Path | None) -> tuple[float, int]:
    """Returns the rate of one run, and how many records it dropped."""
    scheduler = mb.Scheduler(EDGES, BATCH, record=path)
    found = figure(scheduler)
    recording = scheduler.recording
    if recording is None:
        return found, 0
    recording.close()
    return found, recording.dropped


def pairs(figure: Callable[[mb.Scheduler], float], count: int) -> None:
    """Prints the rates and the ratio of a figure."""
    rates, dropped = np.zeros((count, 2)), 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "requests.jsonl")
        for i in range(count):
            # Which of the two is first alternates.
            for records in (i % 2, 1 - i % 2):
                rates[i, records], lost = rate(figure, path if records else None)
                dropped += lost
    low, middle, high = np.quantile(rates[:, 1] / rates[:, 0], [0.25, 0.5, 0.75])
    without, with_one = np.median(rates, axis=0)
    print(
        f"{figure.__name__:>10}: {without:12,.0f} /s without, {with_one:12,.0f} /s with, "
        f"ratio {middle:.3f} ({low:.3f} to {high:.3f}), {dropped} records dropped"
    )


def main() -> None:
    """Runs the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=31)
    count = parser.parse_args().pairs
    for figure in (submitting, serving):
        pairs(figure, count)


if __name__ == "__main__":
    main()
