"""Numbers that a request adds to the logits of some tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from multibin.llm._engine.sampling.rows import Form, Sampled, flat_index, sent


class LogitBias:
    """Adds each row's `logit_bias`, rounded to float32 as in transformers."""

    def __init__(self, requests: Sequence[Sampled], form: Form) -> None:
        entries = [
            (row, int(token), float(bias))
            for row, request in enumerate(requests)
            for token, bias in (request.params.logit_bias or {}).items()
            if token < form.vocabulary
        ]
        self._index = flat_index([(row, token) for row, token, _ in entries], form)
        bias = sent([bias for _, _, bias in entries], torch.float32, form.device)
        self._bias = bias.to(form.dtype)

    def __call__(self, logits: Tensor) -> None:
        """Adds the numbers to logits [rows, vocab], in place."""
        logits.view(-1).index_add_(0, self._index, self._bias)
