"""State of fixed size that recurrent and convolutional layers keep for each row."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedConfig
from transformers.cache_utils import DynamicCache

States: TypeAlias = dict[int, Any]
"""By the layer's index in the model: the cache layer of transformers that holds its state."""

Place: TypeAlias = tuple[str, Any]
"""Where a cache layer holds a tensor: an attribute, and the key if that is a dict, else None."""


def keeps_state(layer: Any) -> bool:
    """Returns whether a cache layer of transformers holds state of fixed size."""
    return hasattr(layer, "conv_states") and hasattr(layer, "recurrent_states")


def new_states(config: PreTrainedConfig) -> States:
    """Returns the state of rows of which nothing has been fed."""
    layers = enumerate(DynamicCache(config=config).layers)
    return {index: layer for index, layer in layers if keeps_state(layer)}


def joined(parts: Sequence[States], order: Sequence[int], device: torch.device) -> States:
    """Returns states of several rows as copies on `device`.

    Args:
        parts: the states of some rows each.
        order: the rows of the result, as indices into all rows of `parts`.
        device: where the result is.
    """
    rows = torch.tensor(order, device=device)
    return {index: _join([part[index] for part in parts], rows) for index in parts[0]}


def row_of(states: States, row: int, device: torch.device | str) -> States:
    """Returns a copy of the state of one row, on `device`."""
    return {index: _row(layer, row, device) for index, layer in states.items()}


def moved(states: States, device: torch.device | str) -> States:
    """Returns the same states on another device."""
    return {
        index: _with(layer, {place: t.to(device) for place, t in _tensors(layer).items()})
        for index, layer in states.items()
    }


def _join(layers: Sequence[Any], rows: Tensor) -> Any:
    parts = [_tensors(layer) for layer in layers]
    return _with(
        layers[0],
        {
            place: torch.cat([part[place].to(rows.device) for part in parts])[rows]
            for place in parts[0]
        },
    )


def _row(layer: Any, row: int, device: torch.device | str) -> Any:
    return _with(
        layer,
        {
            place: tensor[row : row + 1].to(device, copy=True)
            for place, tensor in _tensors(layer).items()
        },
    )


def _tensors(layer: Any) -> dict[Place, Tensor]:
    """Returns the tensors of a cache layer; the rows are on their first axis."""
    found: dict[Place, Tensor] = {}
    for name, value in vars(layer).items():
        parts = value.items() if isinstance(value, dict) else [(None, value)]
        found |= {(name, key): part for key, part in parts if isinstance(part, Tensor)}
    return found


def _with(layer: Any, tensors: Mapping[Place, Tensor]) -> Any:
    """Returns a copy of a cache layer with other tensors."""
    new = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, dict):
            setattr(new, name, dict(value))
    for (name, key), tensor in tensors.items():
        if key is None:
            setattr(new, name, tensor)
        else:
            getattr(new, name)[key] = tensor
    return new
