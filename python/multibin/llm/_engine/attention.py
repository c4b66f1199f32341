"""Attention over rows of the arena, in plain torch."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from multibin.llm._load.hf import SLIDING, Layer, Scores, UnfitAttentionError

Position = TypeVar("Position", int, Tensor)


def visible(layer: Layer, queries: Tensor, keys: Tensor) -> Tensor:
    """Returns which keys each query attends to, a bool tensor of the broadcast shape.

    Args:
        layer: what the layer attends to.
        queries: positions of the queries, [..., 1].
        keys: positions of the keys, [keys].
    """
    seen = keys <= queries
    if layer.window is None:
        return seen
    return seen & (keys >= first_visible(layer, queries))


def first_visible(layer: Layer, queries: Position) -> Position:
    """Returns the first position that each query sees; it may be negative in a layer's window."""
    assert layer.window is not None
    if layer.is_chunked:
        return queries // layer.window * layer.window
    return queries - layer.window + 1


def check_window(layer: Layer, scores: Scores) -> None:
    """Refuses a layer that names another window than its config: its mask may be of either."""
    window = layer.window if layer.kind == SLIDING else None
    if scores.window != window:
        raise UnfitAttentionError(f"a layer names the window {scores.window}, not {window}")


def attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scores: Scores
) -> Tensor:
    """Returns weighted values, [rows, heads, tokens, dim].

    Args:
        query: [rows, heads, tokens, dim].
        key: [rows, kv_heads, keys, dim]; a head serves as many heads of `query` in a row.
        value: [rows, kv_heads, keys, dim].
        mask: which keys are seen (bool), or what is added to the scores: [tokens, keys], or [rows,
            1, 1, keys] for single tokens. None: token t sees the keys up to t, a single one all.
        scores: scaling, soft cap and sinks of the layer.
    """
    if scores.softcap is not None or scores.sinks is not None:
        return _by_hand(query, key, value, mask, scores)
    heads, kv_heads, tokens = query.shape[1], key.shape[1], query.shape[2]
    if heads == kv_heads or (tokens > 1 and mask is None):
        return _fused(query, key, value, mask, scores)
    # The heads that share a head of keys are like tokens of it, so nothing is repeated. A GPU has
    # no fast masked attention for unlike numbers of heads.
    if mask is not None and tokens > 1:
        mask = mask.repeat(heads // kv_heads, 1)
    shared = _fused(_folded(query, kv_heads), key, value, mask, scores, causal=False)
    return _unfolded(shared, tokens)


def _fused(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    scores: Scores,
    causal: bool = True,
) -> Tensor:
    return scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        is_causal=causal and mask is None and query.shape[2] > 1,
        scale=scores.scaling,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def _by_hand(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scores: Scores
) -> Tensor:
    """Computes attention with a soft cap or sinks, which the fused function lacks."""
    tokens, kv_heads = query.shape[2], key.shape[1]
    weights = _unfolded((_folded(query, kv_heads) @ key.mT) * scores.scaling, tokens)
    if scores.softcap is not None:
        weights = scores.softcap * torch.tanh(weights / scores.softcap)
    if mask is None and tokens > 1:
        mask = torch.ones(tokens, key.shape[2], dtype=torch.bool, device=query.device).tril()
    if mask is not None and mask.dtype == torch.bool:
        weights = weights.masked_fill(~mask, -torch.inf)
    elif mask is not None:
        weights = weights + mask
    weights = _softmax(weights, scores.sinks).to(value.dtype)
    return _unfolded(_folded(weights, kv_heads) @ value, tokens)


def _folded(states: Tensor, kv_heads: int) -> Tensor:
    """Returns [rows, heads, tokens, …] as [rows, kv_heads, heads of each · tokens, …]."""
    return torch.unflatten(states, 1, (kv_heads, -1)).flatten(2, 3)


def _unfolded(states: Tensor, tokens: int) -> Tensor:
    """Returns what `_folded` made as [rows, heads, tokens, …]."""
    return torch.unflatten(states, 2, (-1, tokens)).flatten(1, 2)


def _softmax(weights: Tensor, sinks: Tensor | None) -> Tensor:
    """Returns the shares of [rows, heads, tokens, keys], at least in float32."""
    weights = weights.to(torch.promote_types(weights.dtype, torch.float32))
    if sinks is None:
        return weights.softmax(-1)
    extra = sinks.to(weights.dtype).view(1, -1, 1, 1).expand(*weights.shape[:3], 1)
    return torch.cat([weights, extra], -1).softmax(-1)[..., :-1]
