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
from time import perf_counter, process_time, thread_time

import numpy as np

import multibin as mb

ROWS, BATCH = 32_000, 32
EDGES = mb.Edges.uniform(0, 1024, 16)
KEYS = np.arange(ROWS, dtype=np.uint64)
LENGTHS = np.random.default_rng(0).integers(0, 1024, ROWS, dtype=np.uint32)


def submitting(scheduler: mb.Scheduler) -> None:
    """Submits requests one by one."""
    for key, length in enumerate(LENGTHS.tolist()):
        scheduler.submit(key, length)


def serving(scheduler: mb.Scheduler) -> None:
    """Serves requests, from ``submit_many`` to ``done``."""
    worker = scheduler.worker()
    for start in range(0, ROWS, BATCH):
        scheduler.submit_many(KEYS[start : start + BATCH], LENGTHS[start : start + BATCH])
        with worker.next_batch(0) as batch:
            batch.observe(batch.lengths)


def run(figure: Callable[[mb.Scheduler], None], path: Path | None) -> tuple[float, float, float]:
    """Returns seconds a request: of the clock, of the caller's CPU, of the CPU of all threads."""
    scheduler = mb.Scheduler(EDGES, BATCH, record=path)
    wall, caller, everything = perf_counter(), thread_time(), process_time()
    figure(scheduler)
    wall, caller = perf_counter() - wall, thread_time() - caller
    if (recording := scheduler.recording) is not None:
        recording.close()
        if recording.dropped:
            raise RuntimeError(f"{recording.dropped} records were dropped")
    return wall / ROWS, caller / ROWS, (process_time() - everything) / ROWS


def pairs(figure: Callable[[mb.Scheduler], None], count: int) -> None:
    """Prints the rates of a figure, their ratio, and what a request costs more."""
    seconds = np.zeros((count, 2, 3))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "requests.jsonl")
        for i in range(count):
            # Which of the two is first alternates.
            for records in (i % 2, 1 - i % 2):
                seconds[i, records] = run(figure, path if records else None)
    low, middle, high = np.quantile(seconds[:, 0, 0] / seconds[:, 1, 0], [0.25, 0.5, 0.75])
    without, with_one = 1 / np.median(seconds[:, :, 0], axis=0)
    _, caller, everything = 1e9 * np.median(seconds[:, 1] - seconds[:, 0], axis=0)
    print(
        f"{figure.__name__:>10}: {without:10,.0f} /s without, {with_one:10,.0f} /s with, "
        f"ratio {middle:.3f} ({low:.3f} to {high:.3f}); "
        f"a request costs its caller {caller:.0f} ns more, all threads {everything:.0f} ns"
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
