"""Filters of a distribution: min-p, top-k and top-p."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from multibin.llm._engine.sampling.rows import Rows, column
from multibin.llm._params import SamplingParams

FEW = 128
"""The largest `top_k` for which the likeliest `2 * FEW` tokens are sorted instead of all."""


class Filters:
    """Applies min-p, then top-k, then top-p to a batch of rows: what is filtered out becomes -inf.

    The likeliest token always stays. Each filter equals the one of transformers. Tokens as likely
    as the k-th stay. Top-p drops the least likely tokens while they are at most 1 - `top_p`
    together.
    """

    def __init__(
        self,
        params: Sequence[SamplingParams],
        device: torch.device,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        drawn = [row for row, p in enumerate(params) if not p.greedy]
        unlike = [row for row in drawn if params[row].min_p > 0]
        cut = [row for row in drawn if params[row].top_k > 0 or params[row].top_p < 1]
        few = [row for row in cut if 0 < params[row].top_k <= FEW]
        many = [row for row in cut if not 0 < params[row].top_k <= FEW]
        self._min_p = MinP(params, unlike, device, dtype) if unlike else None
        self._cuts = [
            Cut(params, rows, device, dtype, sort_all=rows is many) for rows in (few, many) if rows
        ]

    def __call__(self, logits: Tensor) -> Tensor:
        """Returns logits [rows, vocab], filtered in place."""
        if self._min_p is not None:
            self._min_p(logits)
        for cut in self._cuts:
            cut(logits)
        return logits


class MinP:
    """Drops tokens that are less likely than a part of the likeliest."""

    def __init__(
        self,
        params: Sequence[SamplingParams],
        numbers: Sequence[int],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._rows = Rows(numbers, len(params), device)
        self._part = column([float(params[row].min_p) for row in numbers], dtype, device)

    def __call__(self, logits: Tensor) -> None:
        """Filters logits [rows, vocab] in place."""
        rows = self._rows.of(logits)
        likely = rows.softmax(-1)
        unlike = likely < self._part * likely.amax(-1, keepdim=True)
        self._rows.put(logits, rows.masked_fill(unlike, -torch.inf))


class Cut:
    """Drops all but the top-k tokens, then all but the top-p tokens."""

    def __init__(
        self,
        params: Sequence[SamplingParams],
        numbers: Sequence[int],
        device: torch.device,
        dtype: torch.dtype,
        *,
        sort_all: bool,
    ) -> None:
        chosen = [params[row] for row in numbers]
        self._rows = Rows(numbers, len(params), device)
        self._sort_all = sort_all
        # No vocabulary has 2**31 tokens.
        top_k = [min(int(p.top_k), 2**31) if p.top_k > 0 else 2**31 for p in chosen]
        self._top_k = column(top_k, torch.int64, device)
        # -1 turns the filter off: tokens whose probability rounds to 0 stay.
        rest = [1 - float(p.top_p) if p.top_p < 1 else -1.0 for p in chosen]
        self._rest = column(rest, dtype, device)

    def __call__(self, logits: Tensor) -> None:
        """Filters logits [rows, vocab] in place."""
        rows = self._rows.of(logits)
        width = rows.shape[-1]
        if self._sort_all or width <= 2 * FEW:
            ordered, order = rows.sort(dim=-1, stable=True)
        else:
            width = 2 * FEW
            # In the order of the vocabulary, so that equal logits are dropped in that order.
            found = rows.topk(width).indices.sort(-1).values
            ordered, order = rows.gather(1, found).sort(dim=-1, stable=True)
            order = found.gather(1, order)
        kth = ordered.gather(1, width - self._top_k.clamp(max=width))
        ordered = ordered.masked_fill(ordered < kth, -torch.inf)
        unlike = ordered.softmax(-1).cumsum(-1) <= self._rest
        unlike[:, -1].fill_(False)
        ordered.masked_fill_(unlike, -torch.inf)
        kept = torch.full_like(rows, -torch.inf).scatter_(1, order, ordered)
        self._rows.put(logits, kept)
