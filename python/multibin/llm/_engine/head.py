"""Projects only the positions whose logits are needed to the vocabulary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from typing import Any

from torch import Tensor, nn

from multibin.llm._load.hf import output_head

_PASS = local()
"""State of the pass that runs in this thread.

`wanted` are the positions to project, in the flattened ids, and `shape` is the shape of the ids.
"""


def hook_head(module: Any) -> None:
    """Registers on the output embeddings the hook that `projecting` needs, once a model.

    The hook stays there, and acts only in a thread inside `projecting`. So the model can run in
    other threads, and engines can share it.
    """
    head = output_head(module)
    if head is not None and _keep_wanted not in head._forward_pre_hooks.values():
        head.register_forward_pre_hook(_keep_wanted)


@contextmanager
def projecting(wanted: Tensor, ids: Tensor) -> Iterator[None]:
    """Makes the model project only some positions of `ids` [rows, width] to the vocabulary.

    The cut is at the input of the output embeddings, so what a model does to its logits stays. A
    model whose states there have another shape than [rows, width, dim] projects all positions.

    Args:
        wanted: indices into the flattened ids, [wanted].
        ids: what the model is fed.
    """
    _PASS.wanted, _PASS.shape = wanted, ids.shape
    try:
        yield
    finally:
        _PASS.wanted = None


def _keep_wanted(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
    wanted = getattr(_PASS, "wanted", None)
    if wanted is None or not inputs or inputs[0].dim() != 3 or inputs[0].shape[:2] != _PASS.shape:
        return None
    return (inputs[0].flatten(0, 1)[wanted][None], *inputs[1:])


def projected(logits: Tensor, wanted: Tensor, ids: Tensor) -> Tensor:
    """Returns the logits of the wanted positions, [wanted, vocab], cut or not by the hook."""
    if logits.shape[:2] == (1, len(wanted)) and ids.numel() != len(wanted):
        return logits[0]
    return logits.flatten(0, 1)[wanted]
