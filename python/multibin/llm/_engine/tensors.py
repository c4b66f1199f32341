"""Tensors and arrays as the lists that plain code expects."""

from __future__ import annotations

import numpy as np
import torch


def to_list(values: object) -> object:
    """Returns a tensor or array as a list, anything else as it is."""
    return values.tolist() if isinstance(values, np.ndarray | torch.Tensor) else values


def without_tensors(values: object) -> object:
    """Returns a tensor, or a list that holds some, as a list of numbers; anything else as it is.

    Tensors may have any dtype and device; numpy reads only some of them.
    """
    if isinstance(values, torch.Tensor):
        return values.tolist()
    if isinstance(values, list | tuple):
        return [value.tolist() if isinstance(value, torch.Tensor) else value for value in values]
    return values
