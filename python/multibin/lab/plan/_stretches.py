"""Stretches of a trace that could have been: its blocks of time, drawn and joined."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from multibin.lab.traces import Trace

__all__ = ["BLOCKS", "resampled", "thinned"]

BLOCKS = 8
"""Blocks of equal time that a stretch is joined from."""

TRIES = 100
"""Draws for a stretch with two requests or more, where most blocks are empty."""


def resampled(trace: Trace, rng: np.random.Generator) -> Trace:
    """Returns a stretch as long as the trace, joined from blocks of time that begin anywhere.

    This is the circular block bootstrap (Politis and Romano, 1992). Bursts and slow changes within
    a block stay as they are. The number of requests varies as it does from block to block.

    Args:
        trace: requests with times, which are not all equal.
        rng: draws the blocks.
    """
    assert trace.arrivals is not None
    span = float(trace.arrivals[-1])
    for _ in range(TRIES):
        stretch = _joined(trace, rng.uniform(0, span, BLOCKS), span / BLOCKS)
        if len(stretch) > 1 and stretch.arrivals is not None and stretch.arrivals[-1] > 0:
            return stretch
    return trace


def thinned(trace: Trace, requests: int) -> Trace:
    """Returns about as many requests: the first part of each block, all parts of equal time.

    The stretch has the rate of the trace.
    """
    assert trace.arrivals is not None
    if len(trace) <= requests:
        return trace
    span, share = float(trace.arrivals[-1]), requests / len(trace)
    starts = np.linspace(0.0, span, BLOCKS, endpoint=False)
    shorter = _joined(trace, starts, share * span / BLOCKS)
    enough = len(shorter) > 1 and shorter.arrivals is not None and shorter.arrivals[-1] > 0
    return shorter.to_rate(trace.rate) if enough else trace[:requests]


def _joined(trace: Trace, starts: NDArray[np.float64], seconds: float) -> Trace:
    """Returns the requests of windows of time, one after another; times go round in a circle."""
    assert trace.arrivals is not None
    times, count = trace.arrivals, len(trace)
    span = float(times[-1])
    # After the last request comes the first again, after a gap of the mean length.
    period = span * count / (count - 1)
    circle = np.concatenate([times, times + period])
    first = np.searchsorted(circle, starts, side="left")
    last = np.searchsorted(circle, starts + seconds, side="left")
    rows = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    offsets = np.arange(len(starts)) * seconds - starts
    joined = circle[rows] + np.repeat(offsets, last - first)
    # Rounding may put the first of a block a hair before the last of the one before.
    return trace.with_arrivals(None)[rows % count].with_arrivals(np.maximum.accumulate(joined))
