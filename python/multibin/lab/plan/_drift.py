"""Says where two stretches of requests differ by more than the draw of their blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from multibin.lab.traces import Trace

__all__ = ["Difference", "differences", "halves"]

BLOCKS = 10
"""Blocks of equal time of each stretch."""

LEAST_CHANGE = 0.1
"""Differences below this share of the smaller value are not told."""

CERTAIN = 1.5
"""Standard errors of the difference, estimated from the blocks, above which one is told."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A mean that differs between two stretches.

    >>> from multibin.lab.plan import Difference
    >>> str(Difference("output tokens", 200.0, 300.0))
    'output tokens 200, then 300'
    """

    name: str
    """"requests/s", "prompt tokens" or "output tokens"."""
    first: float
    second: float

    def __str__(self) -> str:
        """Returns the difference in a few words."""
        one, two = (
            f"{each:,.0f}" if each >= 100 else f"{each:.3g}" for each in (self.first, self.second)
        )
        return f"{self.name} {one}, then {two}"


def halves(trace: Trace) -> tuple[Trace, Trace]:
    """Returns the requests of the first and of the second half of the trace's time."""
    middle = float(cast(Floats, trace.arrivals)[-1]) / 2
    return trace.cut(stop=middle), trace.cut(middle)


def differences(first: Trace, second: Trace) -> list[Difference]:
    """Returns the means that differ: load, prompt tokens, output tokens.

    The error of a mean is that of the means of ten blocks of time (Welch's statistic). So bursts
    and slow changes within a stretch count as noise.

    >>> import numpy as np
    >>> from multibin.lab.plan import differences
    >>> from multibin.lab.traces import arrivals, chat
    >>> one, two = (
    ...     chat(4000, seed=s).with_arrivals(arrivals.poisson(4000, rate=r, seed=s))
    ...     for s, r in ((0, 2.0), (1, 3.0))
    ... )
    >>> [each.name for each in differences(one, two)]
    ['requests/s']
    """
    found = []
    for name, one, two in zip(NAMES, _means(first), _means(second), strict=True):
        if min(len(one), len(two)) < 2:
            continue
        a, b = float(np.mean(one)), float(np.mean(two))
        error = np.sqrt(np.var(one, ddof=1) / len(one) + np.var(two, ddof=1) / len(two))
        small = min(abs(a), abs(b))
        if abs(a - b) > CERTAIN * error and abs(a - b) > LEAST_CHANGE * small:
            found.append(Difference(name, a, b))
    return found


NAMES = ("requests/s", "prompt tokens", "output tokens")


def _means(trace: Trace) -> tuple[Floats, Floats, Floats]:
    """Returns the requests per second of each block, and the mean tokens where it has some."""
    times = cast(Floats, trace.arrivals)
    width = max(float(times[-1]), 1e-9) / BLOCKS
    block = np.minimum((times / width).astype(np.int64), BLOCKS - 1)
    counts = np.bincount(block, minlength=BLOCKS)
    some = counts > 0
    prompts = np.bincount(block, trace.prompt_tokens, BLOCKS)[some] / counts[some]
    outputs = np.bincount(block, trace.output_tokens, BLOCKS)[some] / counts[some]
    return counts / width, prompts, outputs
