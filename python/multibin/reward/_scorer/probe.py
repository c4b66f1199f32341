"""Tries out at construction how a model can run: packed, padded, or one sequence at a time."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import NamedTuple

import torch
from torch import Tensor, nn

from multibin.llm._engine.attention import attention
from multibin.llm._load import hf
from multibin.llm._load.failures import is_out_of_memory
from multibin.llm._load.models import Model
from multibin.reward._formats import Encoded
from multibin.reward._scorer.packed import Packed
from multibin.reward._scorer.padded import Padded
from multibin.reward._scorer.plan import AttentionCost, Pass
from multibin.reward._scorer.readout import Readout
from multibin.reward._scorer.tree import Segment

LENGTHS = (5, 3, 2)
"""Tokens of a beginning and of two that follow it."""


class Ways(NamedTuple):
    """How a model can run."""

    packed: Packed | None
    """None: its attention cannot be replaced, or a trial failed."""
    padded: Padded
    together: bool
    """Whether rows of unlike length can run side by side."""
    why: str
    """Why it does not run packed; empty if it does."""

    @property
    def model(self) -> Model:
        """Returns the model; if it runs packed, windows do not limit its context."""
        return self.padded.model if self.packed is None else self.packed.model

    @property
    def module(self) -> nn.Module:
        """Returns the model that runs."""
        module: nn.Module = self.model.module
        return module

    @property
    def name(self) -> str:
        """Returns the way that passes take."""
        if self.packed is not None:
            return "packed"
        return "padded" if self.together else "one at a time"


def try_out(model: Model, readout: Readout, *, is_causal: bool) -> Ways:
    """Returns the ways in which a model computes what it computes of one sequence alone."""
    padded = Padded(model, readout, is_causal=is_causal)
    if not is_causal:
        return Ways(None, padded, _together(model, padded, whole=True), "it is not causal")
    if model.context < sum(LENGTHS) or model.keeps_state:
        why = "it keeps recurrent state" if model.keeps_state else "its context is too short"
        return Ways(None, padded, _together(model, padded), why)
    packed, why = _packed(model, readout, padded)
    return Ways(packed, padded, packed is not None or _together(model, padded), why)


def _packed(model: Model, readout: Readout, padded: Padded) -> tuple[Packed | None, str]:
    """Returns the first form of packed passes that passes its trial, else why none did."""
    if not hf.takes_attention(model.module):
        return None, "its layers call no attention that can be replaced"
    why = ""
    for form in hf.forms(model.module):
        for expands in (False, True):
            attending = replace(model, form=form).with_attention(expands=expands)
            make = partial(Packed, attending, readout)
            try:
                # One block holds rows of unlike length.
                trial = make(cost=AttentionCost(1e9))
                if not _unlike(*_compared(model, trial, padded)):
                    return make(cost=attention_cost(trial.shape, model)), ""
                why = why or "packed rows disturb each other"
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                why = why or f"{type(error).__name__}: {error}".splitlines()[0]
    return None, why


def _compared(model: Model, packed: Packed, padded: Padded) -> tuple[Tensor, Tensor]:
    """Returns the values of two sequences with one beginning, packed and alone."""
    root = Segment((), None)
    first = Segment(_tokens(model, LENGTHS[0], 0), root)
    later = [Segment(_tokens(model, n, n), first) for n in LENGTHS[1:]]
    extra = Segment(_tokens(model, 2, 11), later[0])
    for segment in (first, *later, extra):
        segment.wanted = set(range(segment.start, segment.stop))
    with packed.running():
        found = [
            packed(Pass([first, *later]), [True] * 3),
            packed(Pass([extra]), [False]),
        ]
    alone = [_alone(padded, one) for one in (first, *later, extra)]
    return torch.cat(found), torch.cat(alone)


def _alone(padded: Padded, segment: Segment) -> Tensor:
    ids = [token for part in segment.path for token in part.tokens]
    return padded([Encoded(ids, list(range(segment.start, segment.stop)))])


def _together(model: Model, padded: Padded, *, whole: bool = False) -> bool:
    """Returns whether padding on the right changes nothing of what is read."""
    rows = []
    for number, length in enumerate(LENGTHS):
        ids = _tokens(model, min(length, model.context), number)
        rows.append(Encoded(ids, [len(ids) - 1] if whole else list(range(len(ids)))))
    try:
        together = padded(rows)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return False
    return not _unlike(together, torch.cat([padded([row]) for row in rows]))


def _tokens(model: Model, length: int, salt: int) -> list[int]:
    return [(3 + 7 * position + salt) % model.vocabulary for position in range(length)]


def _unlike(values: Tensor, alone: Tensor) -> bool:
    """Returns whether values differ by more than rounding, or are not finite."""
    tolerance = 1e-2 if alone.dtype.itemsize >= 4 else 0.3
    values, alone = values.double(), alone.double()
    return not bool((values - alone).norm() <= tolerance * (alone - alone.mean()).norm() + 1e-6)


def attention_cost(shape: tuple[int, int, int], model: Model) -> AttentionCost:
    """Measures what a call of attention takes beside its products of tokens.

    Args:
        shape: heads, heads of keys, and the size of each.
        model: whose device and dtype count.

    Returns:
        the cost, rounded to a power of two so that it seldom differs between runs.
    """
    small, large = _seconds(shape, model, 1, 8), _seconds(shape, model, 4, 128)
    # A coarse clock may show no time at all.
    product = max(large - small, 1e-9) / (4 * 128 * 256)
    return AttentionCost(2.0 ** round(math.log2(max(small, 1e-9) / product)))


def _seconds(shape: tuple[int, int, int], model: Model, rows: int, width: int) -> float:
    """Returns the shortest time of attention of `rows` of `width` tokens behind as many."""
    heads, kv_heads, dim = shape
    options = {"device": model.device, "dtype": model.module.dtype}
    query = torch.zeros(rows, heads, width, dim, **options)
    key = torch.zeros(rows, kv_heads, 2 * width, dim, **options)
    mask = torch.zeros(width, 2 * width, **options)
    scores = hf.Scores(1.0, None, None, None)
    best = float("inf")
    for _ in range(5):
        begin = perf_counter()
        attention(query, key, key, mask, scores)
        if model.device.type != "cpu":
            torch.accelerator.synchronize(model.device)
        best = min(best, perf_counter() - begin)
    return best
