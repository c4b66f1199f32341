"""The model that a command runs: one by name, or the built-in one; and torch's threads for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from multibin.llm.models import Model, check_device, load
from multibin.llm.tiny import tiny_model

__all__ = ["named", "threads"]


def named(
    name: str | None, width: int = 1, *, device: str | None = None, dtype: str | None = None
) -> tuple[Model, str]:
    """The model and what to call it; without a name the built-in one, `width` times as wide.

    On `device`, or on CUDA if there is one. Raises ``ValueError`` as `load` does.
    """
    if name is not None:
        return load(name, device=device, dtype=dtype), name
    place = check_device(device) or torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = tiny_model(width)
    config = module.config
    words = f"Llama of hidden size {config.hidden_size}, {config.num_hidden_layers} layers"
    return load(module, device=place, dtype=dtype), f"built-in {words}, random weights"


@contextmanager
def threads(count: int | None, small: bool) -> Iterator[None]:
    """So many threads of torch inside; None: torch's own number, or 1 for a small model.

    Small matrices gain nothing from a second thread, and lose much where its core is busy.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(count or (1 if small else before))
    try:
        yield
    finally:
        torch.set_num_threads(before)
