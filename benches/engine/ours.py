"""The engine's modes on one workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
from benches.engine.workload import Workload
from numpy.typing import NDArray

import multibin

__all__ = ["Mode", "engine"]

Tokens = list[list[int]]
Mode = Callable[[Any, Workload], AbstractContextManager[Callable[[Workload], Tokens]]]
"""Prepares a model for a workload, and yields what generates its tokens."""

MOVE_COST = 2.0
"""Steps that a move to the next bin and a batch's fixed part cost, for `Edges.feedback`."""


def edges(sample: NDArray[np.int64], bins: int, batch_size: int, climbs: bool) -> multibin.Edges:
    """Returns bins for lengths of requests that do not run."""
    if climbs:
        return multibin.Edges.feedback(sample, bins, MOVE_COST)
    return multibin.Edges.optimal(sample, bins, batch_size)


def engine(*, predicted: bool, **options: Any) -> Mode:
    """Returns a mode of `LLM`; `predicted` says whether it is told the true lengths."""

    @contextmanager
    def mode(model: Any, workload: Workload) -> Iterator[Callable[[Workload], Tokens]]:
        llm = multibin.LLM(model, batch_size=workload.batch_size, **options)
        yield lambda work: run(llm, work, predicted)

    return mode


def run(llm: multibin.LLM, workload: Workload, predicted: bool) -> Tokens:
    """Generates all requests greedily, each to its true length."""
    params = [
        multibin.SamplingParams(max_tokens=n, temperature=0.0, ignore_eos=True)
        for n in workload.lengths.tolist()
    ]
    lengths = workload.lengths if predicted else None
    outputs = llm.generate(workload.prompts, params, lengths=lengths, use_tqdm=False)
    return [output.outputs[0].token_ids for output in outputs]
