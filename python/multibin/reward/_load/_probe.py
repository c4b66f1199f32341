"""Runs a few tokens through a model, to know what it computes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from multibin.llm._load import hf

TOKENS = 4
"""Tokens of a probe: as many sequences share all but their last."""


def is_causal(backbone: PreTrainedModel, vocabulary: int) -> bool:
    """Returns whether states of tokens are the same whatever token stands behind them."""
    one, other = (states(backbone, ids) for ids in _probes(backbone, vocabulary))
    return one.shape == other.shape and torch.allclose(
        one[:, :-1], other[:, :-1], rtol=1e-4, atol=1e-6
    )


def states(backbone: Any, ids: Tensor) -> Tensor:
    """Returns the hidden states of ids [1, width], [1, width, hidden]."""
    with torch.inference_mode(), torch.autocast(ids.device.type, enabled=False):
        return backbone(input_ids=ids, attention_mask=torch.ones_like(ids))[0]  # type: ignore[no-any-return]


def agrees(whole: Any, backbone: PreTrainedModel, head: nn.Module, vocabulary: int) -> bool:
    """Returns whether a classifier computes no more than its head on its backbone's states."""
    ids = _probes(backbone, vocabulary)[0]
    logits = states(whole, ids)
    with torch.inference_mode():
        apart = head(states(backbone, ids))
    # Half precision: the head alone is computed in float32.
    loose = 1e-4 if logits.dtype in (torch.float32, torch.float64) else 5e-2
    # Of the last token only, where a classifier gives one row of logits to a sequence.
    apart = apart if logits.dim() == 3 else apart[:, -1]
    same = logits.shape == apart.shape
    return same and torch.allclose(logits.to(apart.dtype), apart, rtol=loose, atol=loose)


def columns(logits_of: nn.Module, width: int, device: torch.device, dtype: torch.dtype) -> int:
    """Returns how many columns a head makes of states of a width.

    Raises:
        ValueError: it reads states of another width.
    """
    hidden = torch.zeros(1, width, device=device, dtype=dtype)
    try:
        with torch.inference_mode():
            return int(logits_of(hidden).shape[-1])
    except RuntimeError as error:
        raise ValueError(
            f"head must be on states of width {width}, got {str(error).splitlines()[0]!r}"
        ) from error


def _probes(backbone: PreTrainedModel, vocabulary: int) -> tuple[Tensor, Tensor]:
    """Returns ids [1, TOKENS] that differ in the last, without the id of padding."""
    pad = getattr(hf.decoder(backbone.config), "pad_token_id", None)
    known = [number for number in range(vocabulary) if number != pad][: TOKENS + 1]
    ids = torch.tensor([known], device=hf.device(backbone))
    return ids[:, :-1], torch.cat((ids[:, :-2], ids[:, -1:]), 1)
