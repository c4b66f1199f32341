"""Forward passes over the prompts of new rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any

import torch
from torch import Tensor, nn

from multibin.kernels import pad
from multibin.llm._engine.cache_view import PrefillView
from multibin.llm._engine.kv_cache import KVCache
from multibin.llm._load.hf import output_head
from multibin.llm._load.models import Model

PREFILL_TOKENS = 16384
"""The most positions of a pass over several prompts, padding included; bounds its activations."""


class Prefill:
    """Runs prompts and caches their keys and values.

    Prompts are padded on the right, so each row's keys begin at position 0 of its slot. Causal
    attention then hides the padding from real tokens without a mask.
    """

    def __init__(self, model: Model, cache: KVCache) -> None:
        self._model = model
        self._cache = cache
        self._view = PrefillView(cache.layout)
        hook_head(model.module)

    def __call__(self, prompts: Sequence[Sequence[int]], start: int) -> Tensor:
        """Returns the logits behind each prompt's last token, [rows, vocab].

        The keys and values go to the slots from `start` on.
        """
        lengths = torch.tensor([len(prompt) for prompt in prompts])
        width = int(lengths.max())
        self._view.views = self._cache.views(start, len(prompts), width)
        self._view.width = width
        last = (lengths - 1).to(self._model.device)
        ids = self._padded(prompts, lengths, width)
        with last_positions(last, ids.shape):
            logits = self._model.prefill(ids, self._view)
        return select_last(logits, last)[:, 0]

    def _padded(self, prompts: Sequence[Sequence[int]], lengths: Tensor, width: int) -> Tensor:
        tokens = torch.tensor([token for prompt in prompts for token in prompt])
        offsets = nn.functional.pad(lengths.cumsum(0), (1, 0))
        device = self._model.device
        return pad(tokens.to(device), offsets.to(device), width, side="right")


def prefill_groups(lengths: Sequence[int]) -> Iterator[range]:
    """Cuts rows, sorted by length downwards, into passes of at most `PREFILL_TOKENS` positions."""
    start = 0
    while start < len(lengths):
        rows = max(1, PREFILL_TOKENS // lengths[start])
        yield range(start, min(start + rows, len(lengths)))
        start += rows


_PASS = local()
"""State of the pass that runs in this thread.

`last` is the position of each row to project, `shape` the shape of the ids.
"""


def hook_head(module: Any) -> None:
    """Registers on the output embeddings the hook that `last_positions` needs, once a model.

    The hook stays there, and acts only in a thread inside `last_positions`. So the model can run in
    other threads, and engines can share it.
    """
    head = output_head(module)
    if head is not None and _keep_last not in head._forward_pre_hooks.values():
        head.register_forward_pre_hook(_keep_last)


@contextmanager
def last_positions(last: Tensor, shape: torch.Size) -> Iterator[None]:
    """Makes the model project only one position a row, `last` [rows], to the vocabulary.

    The cut is at the input of the output embeddings, so what a model does to its logits stays. A
    model whose states there have another shape than [*shape, dim] projects all positions.
    """
    _PASS.last, _PASS.shape = last, shape
    try:
        yield
    finally:
        del _PASS.last, _PASS.shape


def _keep_last(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    last = getattr(_PASS, "last", None)
    if last is None or not inputs or inputs[0].dim() != 3 or inputs[0].shape[:2] != _PASS.shape:
        return None
    return (select_last(inputs[0], last), *inputs[1:])


def select_last(states: Tensor, last: Tensor) -> Tensor:
    """Returns the position `last` of each row of [rows, width, dim], as [rows, 1, dim].

    States of width 1 are returned as they are.
    """
    if states.shape[1] == 1:
        return states
    return states[torch.arange(states.shape[0], device=states.device), last].unsqueeze(1)
