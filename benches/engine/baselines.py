"""transformers with forced lengths: `generate`, and its continuous batching."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from benches.engine.workload import Workload
from numpy.typing import NDArray
from torch import Tensor
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.utils import logging

__all__ = ["arrival_order", "continuous_batching", "quiet", "sorted_by_length"]

Tokens = list[list[int]]
PAGE = 256
"""Positions of a page of transformers' cache: its default."""
PASS = 2048
"""The most positions of a pass of continuous batching. Its mask has this many rows."""
PATIENCE = 60.0
"""Seconds without a result after which continuous batching has failed."""


class Lengths(StoppingCriteria):  # type: ignore[misc]  # transformers ships no types.
    """Ends each row at its own number of tokens."""

    def __init__(self, width: int, lengths: Tensor) -> None:
        self.ends = lengths + width

    def __call__(self, input_ids: Tensor, *_: Any, **__: Any) -> Tensor:
        return self.ends <= input_ids.shape[1]


def padded(prompts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Returns the prompts, padded on the left with 0, and their mask."""
    width = max(map(len, prompts))
    ids = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt in prompts])
    starts = torch.tensor([width - len(prompt) for prompt in prompts])
    return ids, (torch.arange(width) >= starts[:, None]).long()


def generate(model: Any, workload: Workload) -> Tokens:
    """Generates for one batch; it runs until its longest row ends."""
    ids, mask = (tensor.to(model.device) for tensor in padded(workload.prompts))
    width, longest = ids.shape[1], int(workload.lengths.max())
    criteria = Lengths(width, torch.from_numpy(workload.lengths).to(model.device))
    config = GenerationConfig(
        do_sample=False, max_new_tokens=longest, eos_token_id=None, pad_token_id=0
    )
    output = model.generate(
        ids,
        attention_mask=mask,
        generation_config=config,
        stopping_criteria=StoppingCriteriaList([criteria]),
    )
    rows = output[:, width:].tolist()
    return [row[:n] for row, n in zip(rows, workload.lengths.tolist(), strict=True)]


def in_batches(model: Any, workload: Workload, order: NDArray[np.int64]) -> Tokens:
    """Generates for batches of rows in this order, one batch after another."""
    tokens: Tokens = [[] for _ in order]
    for start in range(0, len(order), workload.batch_size):
        rows = order[start : start + workload.batch_size]
        for row, generated in zip(rows, generate(model, workload.take(rows)), strict=True):
            tokens[row] = generated
    return tokens


@contextmanager
def arrival_order(model: Any, _: Workload) -> Iterator[Callable[[Workload], Tokens]]:
    """Yields `generate` over batches in order of arrival."""
    yield lambda work: in_batches(model, work, np.arange(len(work)))


@contextmanager
def sorted_by_length(model: Any, _: Workload) -> Iterator[Callable[[Workload], Tokens]]:
    """Yields `generate` over batches of the requests sorted by true length."""
    yield lambda work: in_batches(model, work, np.argsort(work.lengths, kind="stable"))


@contextmanager
def quiet() -> Iterator[None]:
    """Leaves out what transformers logs below an error: it repeats itself with each call."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def continuous_batching(model: Any, workload: Workload) -> Iterator[Callable[[Workload], Tokens]]:
    """Yields transformers' continuous batching, with at most `batch_size` rows a pass.

    Its cache has room for that many of the longest request. Without flash-attention it computes
    with `paged|sdpa`.
    """
    pages = workload.batch_size * (math.ceil(workload.positions / PAGE) + 1)
    batching = ContinuousBatchingConfig(
        num_blocks=pages, max_batch_tokens=PASS, max_requests_per_batch=workload.batch_size
    )
    config = GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0)
    attention = model.config._attn_implementation
    try:
        with (
            # Its thread ends at once if it starts in inference mode.
            torch.no_grad(),
            model.continuous_batching_context_manager(
                config, continuous_batching_config=batching
            ) as manager,
        ):
            yield lambda work: collect(manager, work)
    finally:
        if model.config._attn_implementation != attention:
            model.set_attn_implementation(attention)


def collect(manager: Any, workload: Workload) -> Tokens:
    """Adds all requests and returns their tokens, in order of arrival."""
    keys: dict[str, int] = {}
    for row, (prompt, n) in enumerate(
        zip(workload.prompts, workload.lengths.tolist(), strict=True)
    ):
        keys[manager.add_request(prompt, max_new_tokens=n, eos_token_id=-1)] = row
    tokens: Tokens = [[] for _ in keys]
    for _ in workload.prompts:
        result = manager.get_result(timeout=PATIENCE)
        if result is None or result.error is not None:
            raise RuntimeError(f"continuous batching of transformers failed: {result}")
        tokens[keys[result.request_id]] = list(result.generated_tokens)
    return tokens
