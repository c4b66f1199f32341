"""Draws a token from each row's distribution."""

from __future__ import annotations

import torch
from torch import Tensor


def draw(logits: Tensor, uniform: Tensor) -> Tensor:
    """Inverts each row's cumulative distribution at `uniform`.

    The order is that of the vocabulary, whatever was filtered. So a row samples the same token
    beside any other rows.

    Args:
        logits: [rows, vocab]; -inf is never drawn. A row without a finite largest logit gives any
            index.
        uniform: [rows] float64 in [0, 1).

    Returns:
        [rows] int64.
    """
    cumulative = logits.softmax(-1).cumsum(-1, dtype=torch.float64)
    total = cumulative[:, -1:]
    # The target stays below the total after rounding, so an entry beyond it exists. The first such
    # entry has a probability above 0.
    target = torch.minimum(uniform[:, None] * total, total.nextafter(torch.zeros_like(total)))
    # NaN sorts behind everything, so only a row with NaN finds nothing.
    found = torch.searchsorted(cumulative, target, right=True)[:, 0]
    return found.clamp_(max=logits.shape[-1] - 1)
