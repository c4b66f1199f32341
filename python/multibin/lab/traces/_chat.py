"""A workload with the lengths of chat, where there is no trace."""

from __future__ import annotations

from typing import SupportsIndex

import numpy as np

from multibin import _args
from multibin._args import Ints
from multibin.lab.traces._trace import Trace

__all__ = ["chat"]


def chat(n: SupportsIndex, seed: SupportsIndex) -> Trace:
    """Draws ``n`` requests with the shape of real chat, without arrivals.

    Output tokens are log-normal with median 32 and σ = 1, cut to 1 … 256. Prompt tokens are
    log-normal with median 24 and σ = 0.7, cut to 4 … 128.

    Raises:
        ValueError: n is below 1, or the seed is negative.

    >>> from multibin.lab.traces import chat
    >>> trace = chat(1000, seed=0)
    >>> len(trace), int(trace.output_tokens.max()) <= 256
    (1000, True)
    """
    rng, count = _args.generator(seed), _args.integer("n", n, 1)
    output = _log_normal(rng, count, median=32, sigma=1.0, low=1, high=256)
    prompt = _log_normal(rng, count, median=24, sigma=0.7, low=4, high=128)
    return Trace(prompt, output)


def _log_normal(
    rng: np.random.Generator, n: int, *, median: float, sigma: float, low: int, high: int
) -> Ints:
    draws = np.ceil(rng.lognormal(np.log(median), sigma, n))
    return np.clip(draws, low, high).astype(np.int64)
