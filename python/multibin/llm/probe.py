"""A few tokens through a model at construction: what it caches, and that its rows are apart."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from multibin.llm.arena import Arena, Geometry, LayerShape
from multibin.llm.decode import Decode
from multibin.llm.models import Model, first_line, out_of_memory
from multibin.llm.prefill import Prefill

LENGTHS = (7, 3)
"""Tokens of the rows that are tried together."""


def try_out(model: Model) -> Arena:
    """An arena for `model`, after both tests below.

    Raises:
        ValueError: a test failed, or the model did.
    """
    try:
        arena = Arena(measure(model))
        verify(model, arena)
    except ValueError:
        raise
    except Exception as error:
        if out_of_memory(error):
            raise
        name = type(model.module).__name__
        message = f"model: {name} does not run: {first_line(error)}{_remedy(model)}"
        raise ValueError(message) from error
    return arena


def _remedy(model: Model) -> str:
    """Of what is known to fail: the grouped products of experts know no float64."""
    experts = getattr(model.module.config, "_experts_implementation", None)
    if model.module.dtype != torch.float64 or experts in (None, "eager"):
        return ""
    return '; with experts in float64, try model.set_experts_implementation("eager")'


def measure(model: Model) -> Geometry:
    """What `model` caches, seen in a plain transformers cache after one token.

    Raises:
        ValueError: layers that cache nothing, on several devices or in several dtypes.
    """
    name = type(model.module).__name__
    # Without a config, which may count an encoder's layers, it has as many layers as are used.
    cache = DynamicCache()
    ids = _ids(model, [_tokens(model, 1)])
    model.module(input_ids=ids, use_cache=True, **{model.cache_argument: cache})
    layers = [(layer.keys, layer.values) for layer in cache.layers]
    for index, (keys, _) in enumerate(layers or [(None, None)]):
        if keys is None:
            raise ValueError(f"model: {name} caches no keys and values in layer {index}")
    places = {(keys.device, keys.dtype) for keys, _ in layers}
    if len(places) > 1:
        raise ValueError(f"model: {name} caches on several devices or in several dtypes: {places}")
    device, dtype = places.pop()
    shapes = tuple(LayerShape(k.shape[1], k.shape[3], v.shape[3]) for k, v in layers)
    return Geometry(shapes, dtype, device)


def verify(model: Model, arena: Arena) -> None:
    """Decodes two rows of unlike length together and compares them with each alone.

    What no config tells is found here: a model that is not causal, takes positions from the
    length of its cache, or ignores the mask.

    Raises:
        ValueError: the rows disturb each other.
    """
    if model.context < max(LENGTHS):
        return
    rows = [_tokens(model, length) for length in LENGTHS]
    together = _together(model, arena, rows)
    for row, logits in zip(rows, together, strict=True):
        alone = model.module(input_ids=_ids(model, [row]), use_cache=False)[0][0, -1]
        if _unlike(logits, alone):
            raise ValueError(
                f"model: {type(model.module).__name__} computes a row differently beside a longer "
                "one: it does not keep one position and one mask a row"
            )


def _together(model: Model, arena: Arena, rows: Sequence[Sequence[int]]) -> Tensor:
    arena.reserve(len(rows), max(LENGTHS))
    Prefill(model, arena)([row[:-1] for row in rows], 0)
    decode = Decode(model, arena)
    decode.load([row[-1] for row in rows], [len(row) - 1 for row in rows], max(LENGTHS))
    return decode.logits()


def _unlike(logits: Tensor, alone: Tensor) -> bool:
    """Whether they differ by more than rounding; an error of positions is of the order of 1."""
    tolerance = 1e-2 if alone.dtype.itemsize >= 4 else 0.3
    logits, alone = logits.double(), alone.double()
    return bool((logits - alone).norm() > tolerance * (alone - alone.mean()).norm())


def _tokens(model: Model, length: int) -> list[int]:
    return [(3 + 7 * position) % model.vocabulary for position in range(length)]


def _ids(model: Model, rows: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor(rows, device=model.device)
