"""The exact program over the whole queue, as Razor's Edge cuts it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from benches.known_lengths.cases import Case, Lengths
from benches.known_lengths.loop import Served
from numpy.typing import NDArray

Seconds: TypeAlias = NDArray[np.float64]


def cut(seconds: Seconds, lengths: Lengths) -> tuple[Seconds, list[int]]:
    """Divides sorted lengths into batches of the least total time.

    Returns the least time of the first 0, 1, … lengths, and the rows of the last batch of each.
    """
    most = len(seconds)
    by_length = np.ascontiguousarray(seconds[::-1].T)  # The most rows first.
    best, rows = np.zeros(len(lengths) + 1), [0] * (len(lengths) + 1)
    for end in range(1, len(lengths) + 1):
        count = min(most, end)
        sums = best[end - count : end] + by_length[lengths[end - 1], most - count :]
        first = int(sums.argmin())
        best[end], rows[end] = sums[first], count - first
    return best, rows


def limit(case: Case, sample: int = 100_000) -> float:
    """Returns the requests per second of the exact program with an endless backlog."""
    lengths = np.sort(case.draw(sample, seed=2_000))
    return sample / float(cut(case.seconds, lengths)[0][-1])


def parts(rows: list[int]) -> Iterator[slice]:
    """Yields the batches of a cut, from the longest down."""
    end = len(rows) - 1
    while end:
        yield slice(end - rows[end], end)
        end -= rows[end]


def minmax(case: Case, lengths: Lengths, users: int) -> Served:
    """Serves a closed loop: the batch of the largest wait + duration leaves (its MINMAX)."""
    arrival, start = np.zeros(len(lengths)), np.full(len(lengths), np.nan)
    queue, sent, now = np.arange(0), 0, 0.0
    while sent < len(lengths):
        new = np.arange(sent, min(sent + users - len(queue), len(lengths)))
        arrival[new], sent = now, sent + len(new)
        queue = np.concatenate([queue, new])
        queue = queue[np.argsort(lengths[queue], kind="stable")]
        best, rows = cut(case.seconds, lengths[queue])
        waits = now - arrival[queue]
        part = max(
            parts(rows), key=lambda part: waits[part].max() + best[part.stop] - best[part.start]
        )
        start[queue[part]] = now
        now += float(best[part.stop] - best[part.start])
        queue = np.delete(queue, part)
    return Served(arrival, start)
