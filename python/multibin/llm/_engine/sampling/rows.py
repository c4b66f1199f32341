"""What the sampler reads of a request, and some rows of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from multibin.llm._params import SamplingParams


class Sampled(Protocol):
    """What the sampler reads of a request."""

    error: BaseException | None
    """The first error of a callable of its own; the sampler sets it."""

    @property
    def params(self) -> SamplingParams: ...
    @property
    def seed(self) -> int: ...
    @property
    def tokens(self) -> Sequence[int]: ...
    @property
    def prompt_tokens(self) -> Sequence[int]: ...
    @property
    def stop_ids(self) -> frozenset[int]:
        """Returns the tokens that `min_tokens` holds back."""
        ...

    @property
    def bad_word_ids(self) -> Sequence[Sequence[int]]:
        """Returns the token ids of each of its bad words."""
        ...


class Form(NamedTuple):
    """What all logits of a batch have in common."""

    vocabulary: int
    """Logits of a row."""
    dtype: torch.dtype
    """That in which they are processed."""
    device: torch.device


class Rows:
    """Some rows of a batch, in their order."""

    def __init__(self, numbers: Sequence[int], total: int, device: torch.device) -> None:
        self.numbers = numbers
        self._index: Tensor | None = None
        if len(numbers) < total:
            self._index = sent(numbers, torch.int64, device)

    def of(self, values: Tensor) -> Tensor:
        """Returns these rows of `values`; all rows are `values` itself."""
        return values if self._index is None else values.index_select(0, self._index)

    def put(self, values: Tensor, changed: Tensor) -> None:
        """Writes what became of these rows into `values`."""
        if self._index is None:
            values.copy_(changed)
        else:
            values.index_copy_(0, self._index, changed)


def sent(values: Any, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Returns numbers, lists of them or an array as a tensor, without waiting for the device."""
    tensor = torch.as_tensor(values, dtype=dtype)
    # From other memory the copy would wait for all that the device has to do.
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


def column(values: Sequence[float], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Returns one number a row, [rows, 1]."""
    return sent(values, dtype, device)[:, None]


def flat_index(entries: Sequence[tuple[int, int]], form: Form) -> Tensor:
    """Returns the positions of pairs (row, token) in flattened logits."""
    positions = [row * form.vocabulary + token for row, token in entries]
    return sent(positions, torch.int64, form.device)
