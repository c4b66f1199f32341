"""Masks that hide from each row the positions that only longer rows have."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from transformers import PreTrainedModel

from multibin.llm._load.hf import takes_additive_mask


class MaskForm(Protocol):
    """A mask over [rows, width]: row i sees positions 0 … positions[i]."""

    def build(self, positions: Tensor, width: int) -> Tensor:
        """Returns a new mask for positions [rows, 1]."""
        ...

    def show(self, mask: Tensor, positions: Tensor) -> None:
        """Shows one more position to each row, in place."""
        ...


class AdditiveMask:
    """A mask [rows, 1, 1, width] of 0 and -inf, which attention adds to its scores as it is.

    Models that call `create_causal_mask` accept it as finished, so no layer and no step builds
    another mask.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def build(self, positions: Tensor, width: int) -> Tensor:
        """Returns a new mask for positions [rows, 1]."""
        hidden = torch.arange(width, device=positions.device) > positions
        mask = torch.zeros(hidden.shape, dtype=self._dtype, device=positions.device)
        return mask.masked_fill_(hidden, -torch.inf)[:, None, None]

    def show(self, mask: Tensor, positions: Tensor) -> None:
        """Shows one more position to each row, in place."""
        mask.scatter_(3, positions[:, :, None, None], 0.0)


class PaddingMask:
    """A mask [rows, width] of 1 and 0; the model makes from it what it needs.

    ALiBi and flash attention need this form.
    """

    def build(self, positions: Tensor, width: int) -> Tensor:
        """Returns a new mask for positions [rows, 1]."""
        return (torch.arange(width, device=positions.device) <= positions).long()

    def show(self, mask: Tensor, positions: Tensor) -> None:
        """Shows one more position to each row, in place."""
        mask.scatter_(1, positions, 1)


def mask_form(module: PreTrainedModel, dtype: torch.dtype) -> MaskForm:
    """Returns the form of mask that `module` takes; `dtype` is that of its keys and values."""
    return AdditiveMask(dtype) if takes_additive_mask(module) else PaddingMask()
