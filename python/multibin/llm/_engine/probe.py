"""Runs a few tokens through a model at construction: what it caches, and whether rows are apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from traceback import walk_tb
from typing import NamedTuple

import torch
from torch import Tensor

from multibin.llm._engine.arena import Arena
from multibin.llm._engine.decode import MaskedDecode, OwnDecode
from multibin.llm._engine.layout import CacheLayout, LayerShape
from multibin.llm._engine.prompts import Chunk, PackedPrompts, PaddedPrompts
from multibin.llm._engine.size_classes import SizeClasses, aligned
from multibin.llm._engine.space import Slot
from multibin.llm._load import hf
from multibin.llm._load.failures import first_line, is_out_of_memory
from multibin.llm._load.models import Model

LENGTHS = (7, 3)
"""Tokens of the rows that run together; at most the context."""


class Trial(NamedTuple):
    """A model with the form that passed, and what it caches."""

    model: Model
    layout: CacheLayout


class UnfitError(ValueError):
    """A model that the engine cannot run; the message names it."""


def try_out(model: Model) -> Trial:
    """Tries the forms in which `model` may be called, and returns the first that passes both tests.

    Each is tried with the engine's attention first, where the layers call one, then with a mask.

    Raises:
        ValueError: none passed; the message is that of the first form with a mask.
    """
    failures: list[UnfitError] = []
    # The cache has the model's own dtype, also if later calls run under autocast.
    with torch.autocast(model.device.type, enabled=False):
        for form in hf.forms(model.module):
            for expands in (False, True):
                if found := _with_attention(replace(model, form=form), expands, failures):
                    return found
        if model.keeps_state:
            raise failures[0]
        failures.clear()
        for form in hf.forms(model.module):
            for copied in (False, True):
                try:
                    return _tried(replace(model, form=form, copied=copied))
                except UnfitError as error:
                    failures.append(error)
    raise failures[0]


def _with_attention(model: Model, expands: bool, failures: list[UnfitError]) -> Trial | None:
    """Returns the model with the engine's attention, None where a layer does not fit it."""
    if not hf.takes_attention(model.module) and not model.keeps_state:
        return None
    try:
        with hf.attention_installed(model.module):
            return _tried(model.with_attention(expands=expands))
    except UnfitError as error:
        failures.append(error)
        return None


def _tried(model: Model) -> Trial:
    try:
        layout = measure(model)
        verify(model, layout)
    except UnfitError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise UnfitError(f"{_name(model)} does not run: {_said(error)}{_remedy(model)}") from error
    return Trial(model, layout)


def _name(model: Model) -> str:
    return f"model: {type(model.module).__name__}"


def _said(error: Exception) -> str:
    """Returns the first line of an error, or where it was raised if it has no message."""
    if str(error):
        return first_line(error)
    *_, (frame, _) = walk_tb(error.__traceback__)
    return f"{type(error).__name__} in {frame.f_code.co_qualname}"


def _remedy(model: Model) -> str:
    """Returns advice for a known failure: grouped products of experts lack float64."""
    if model.module.dtype != torch.float64 or not hf.groups_experts(model.module):
        return ""
    return '; with experts in float64, try model.set_experts_implementation("eager")'


def measure(model: Model) -> CacheLayout:
    """Returns what `model` caches, seen in a plain transformers cache after two tokens.

    Raises:
        UnfitError: nothing is cached, or on several devices or in several dtypes; or the output is
            not one row of logits a token.
    """
    recorder = hf.Recorder(model.module.config if model.keeps_state else None)
    tokens = _tokens(model, min(2, model.context))
    logits = model.prefill(_ids(model, [tokens]), recorder.cache)
    layers = recorder.layers()
    if not layers and not model.keeps_state:
        raise UnfitError(f"{_name(model)} caches no keys and values in layer 0")
    if logits.dim() != 3 or logits.shape[0] != 1:
        raise UnfitError(f"{_name(model)} gives {list(logits.shape)} for tokens, not their logits")
    if logits.shape[1] != len(tokens):
        raise UnfitError(f"{_name(model)} gives the logits of the last position alone")
    if not layers:
        # A row has a slot all the same, of one number a position.
        return CacheLayout((LayerShape(1, 1, 1),), (0,), model.module.dtype, model.device)
    kinds = {(keys.device, keys.dtype) for keys, _ in layers.values()}
    if len(kinds) > 1:
        shown = ", ".join(sorted(f"{device} {dtype}" for device, dtype in kinds))
        raise UnfitError(f"{_name(model)} caches on several devices or in several dtypes: {shown}")
    device, dtype = kinds.pop()
    shapes = tuple(LayerShape(k.shape[1], k.shape[3], v.shape[3]) for k, v in layers.values())
    return CacheLayout(shapes, tuple(layers), dtype, device)


def verify(model: Model, layout: CacheLayout) -> None:
    """Runs two rows of unlike length together, and compares them with each alone.

    It compares the logits behind their prompts and behind one decoded token. This finds what no
    config says: a model that is not causal, takes positions from the length of its cache, or
    ignores the mask.

    Raises:
        UnfitError: the rows disturb each other.
    """
    rows = [_tokens(model, min(length, model.context)) for length in LENGTHS]
    if min(map(len, rows)) < 2:
        return
    prompts = [row[:-1] for row in rows]
    together = _together(model, layout, rows, prompts)
    for row, logits in zip(prompts + rows, together, strict=True):
        if _unlike(logits, hf.next_logits(model.module, _ids(model, [row]))):
            raise UnfitError(
                f"{_name(model)} computes a row differently beside a longer one: {_why(model)}"
            )


def _why(model: Model) -> str:
    """Returns the reason for which rows of a model disturb each other."""
    ids = _ids(model, [_tokens(model, 2)])
    one, two = (hf.logits_alone(model.module, part)[0] for part in (ids[:, :1], ids))
    if _unlike(two[0], one[0]):
        return "it is not causal, as later tokens change earlier ones"
    return "it does not keep one position and one mask a row"


def _together(
    model: Model,
    layout: CacheLayout,
    rows: Sequence[Sequence[int]],
    prompts: Sequence[Sequence[int]],
) -> Tensor:
    """Returns the logits behind the prompts, then those behind the rows, [2 · rows, vocab]."""
    capacity = aligned(max(map(len, rows)))
    arena = Arena(layout, len(rows) * capacity, SizeClasses((capacity,)))
    slots = [Slot(row * capacity, capacity) for row in range(len(rows))]
    prefill = PackedPrompts(model, arena) if model.attends else PaddedPrompts(model, arena)
    decode = OwnDecode(model, arena) if model.attends else MaskedDecode(model, arena)
    pairs = zip(slots, prompts, strict=True)
    chunks = [Chunk(slot.start, 0, prompt) for slot, prompt in pairs]
    states: list[hf.States] = []
    if isinstance(prefill, PackedPrompts) and model.keeps_state:
        logits = []
        for chunk in chunks:
            logits.append(prefill([chunk]))
            states.append(prefill.states)
        prefilled = torch.cat(logits)
    else:
        prefilled = prefill(chunks)
    decode.load(slots, [len(row) - 1 for row in rows], [row[-1] for row in rows])
    if isinstance(decode, OwnDecode) and states:
        decode.hold(hf.joined(states, range(len(states)), layout.device))
    return torch.cat([prefilled, decode.logits()])


def _unlike(logits: Tensor, alone: Tensor) -> bool:
    """Returns whether logits differ by more than rounding.

    An error of positions makes a relative difference of about 1.
    """
    tolerance = 1e-2 if alone.dtype.itemsize >= 4 else 0.3
    logits, alone = logits.double(), alone.double()
    return bool((logits - alone).norm() > tolerance * (alone - alone.mean()).norm())


def _tokens(model: Model, length: int) -> list[int]:
    return [(3 + 7 * position) % model.vocabulary for position in range(length)]


def _ids(model: Model, rows: Sequence[Sequence[int]]) -> Tensor:
    return torch.tensor(rows, device=model.device)
