"""Contestants by name, and what one run of one of them measures."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch
from benches.engine.baselines import arrival_order, continuous_batching, quiet, sorted_by_length
from benches.engine.clock import Clock
from benches.engine.ours import Mode, Tokens, edges, engine
from benches.engine.workload import Workload
from numpy.typing import NDArray

__all__ = [
    "BASELINES",
    "BATCH_BY_BATCH",
    "NAMES",
    "OURS",
    "Run",
    "agreement",
    "contestants",
    "measure",
]

OURS = ("continuous-true", "multibin-true", "climb", "continuous", "fifo")
BASELINES = ("generate-sorted", "generate", "generate_batch")
NAMES = (*OURS, *BASELINES)

BATCH_BY_BATCH = ("generate", "fifo")
"""Contestants for which a part of the requests is enough: what arrives later changes nothing."""


def contestants(sample: NDArray[np.int64], bins: int, batch_size: int) -> Mapping[str, Mode]:
    """Returns all contestants; the edges fit `sample`, lengths of requests that do not run."""
    optimal, feedback = (edges(sample, bins, batch_size, climbs) for climbs in (False, True))
    return {
        "continuous-true": engine(predicted=True, scheduling="continuous"),
        "multibin-true": engine(
            predicted=True, scheduling="multibin", edges=optimal, overrun="finish"
        ),
        "climb": engine(predicted=False, scheduling="multibin", edges=feedback, overrun="climb"),
        "continuous": engine(predicted=False, scheduling="continuous"),
        "fifo": engine(predicted=False, scheduling="fifo"),
        "generate-sorted": sorted_by_length,
        "generate": arrival_order,
        "generate_batch": continuous_batching,
    }


@dataclass(frozen=True)
class Run:
    """One contestant's run of one workload."""

    seconds: float
    tokens: Tokens
    clock: Clock

    @property
    def figures(self) -> dict[str, float]:
        """Returns what a table shows, by name."""
        count = sum(map(len, self.tokens))
        own = self.seconds - self.clock.seconds
        return {
            "tokens": count,
            "seconds": self.seconds,
            "tokens/s": count / self.seconds,
            "steps": self.clock.steps,
            "passes": self.clock.passes,
            "own share": own / self.seconds,
            "own µs/pass": 1e6 * own / max(self.clock.passes, 1),
        }


def measure(mode: Mode, model: Any, workload: Workload) -> Run:
    """Prepares a contestant, warms it up, and times one run.

    Raises:
        RuntimeError: a request got another number of tokens than it has to.
    """
    release(model)
    with quiet(), mode(model, workload) as generate:
        generate(workload.warm_up())
        clock = Clock()
        with clock.on(model):
            began = perf_counter()
            tokens = generate(workload)
            if model.device.type == "cuda":
                torch.cuda.synchronize(model.device)
            seconds = perf_counter() - began
    del generate
    release(model)
    got = [len(row) for row in tokens]
    if got != workload.lengths.tolist():
        raise RuntimeError(f"lengths must be {workload.lengths.tolist()}, got {got}")
    return Run(seconds, tokens, clock)


def release(model: Any) -> None:
    """Gives back what the contestant before has kept, such as its KV cache."""
    gc.collect()
    if model.device.type == "cuda":
        torch.cuda.empty_cache()


def agreement(ours: Tokens, theirs: Tokens) -> float:
    """Returns the share of tokens before the first in which a row differs.

    >>> agreement([[1, 2], [3, 4]], [[1, 2], [3, 5]])
    0.75
    """
    same = sum(_common(one, other) for one, other in zip(ours, theirs, strict=True))
    return same / sum(map(len, theirs))


def _common(one: list[int], other: list[int]) -> int:
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
