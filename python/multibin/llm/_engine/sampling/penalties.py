"""Penalties of tokens that a prompt or a text has."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from multibin.llm._engine.sampling.rows import Form, Rows, Sampled, column, sent
from multibin.llm._params import SamplingParams


class Penalties:
    """Applies repetition, frequency and presence penalties.

    A mask of the tokens of prompt and text, and counts of those of the text, are on the device.
    """

    def __init__(self, requests: Sequence[Sampled], form: Form) -> None:
        numbers = [row for row, request in enumerate(requests) if request.params.penalised]
        chosen = [requests[row] for row in numbers]
        params = [request.params for request in chosen]
        self._rows = Rows(numbers, len(requests), form.device)
        self._seen: Tensor | None = None
        self._counts: Tensor | None = None
        if any(p.repetition_penalty != 1 for p in params):
            tokens = [[*request.prompt_tokens, *request.tokens] for request in chosen]
            self._seen = _counted(tokens, form) > 0
        if any(p.frequency_penalty or p.presence_penalty for p in params):
            self._counts = _counted([request.tokens for request in chosen], form)

        def values(of: Callable[[SamplingParams], float]) -> Tensor:
            return column([float(of(p)) for p in params], form.dtype, form.device)

        self._repetition = values(lambda p: p.repetition_penalty)
        self._frequency = values(lambda p: p.frequency_penalty)
        self._presence = values(lambda p: p.presence_penalty)

    def __call__(self, logits: Tensor) -> None:
        """Changes logits [rows, vocab] in place."""
        rows = self._rows.of(logits)
        if self._seen is not None:
            repeated = torch.where(rows < 0, rows * self._repetition, rows / self._repetition)
            rows = torch.where(self._seen, repeated, rows)
        if self._counts is not None:
            rows = rows - self._frequency * self._counts
            rows = rows - self._presence * (self._counts > 0)
        self._rows.put(logits, rows)

    def observe(self, tokens: Tensor) -> None:
        """Takes the next token of every row of the batch, [rows]."""
        token = self._rows.of(tokens)[:, None]
        if self._seen is not None:
            self._seen.scatter_(1, token, True)
        if self._counts is not None:
            self._counts.scatter_add_(1, token, torch.ones_like(token, dtype=torch.int32))


def _counted(lines: Sequence[Sequence[int]], form: Form) -> Tensor:
    """Returns how often each row has each token, int32 [rows, vocab].

    Tokens beyond the logits, which some embeddings have, are not counted.
    """
    lengths = [len(line) for line in lines]
    tokens = np.fromiter((token for line in lines for token in line), np.int64, sum(lengths))
    rows = np.repeat(np.arange(len(lines), dtype=np.int64), lengths)
    index = (rows * form.vocabulary + tokens)[tokens < form.vocabulary]
    places = sent(index, torch.int64, form.device)
    counts = torch.zeros(len(lines) * form.vocabulary, dtype=torch.int32, device=form.device)
    counts.index_add_(0, places, torch.ones_like(places, dtype=torch.int32))
    return counts.view(len(lines), form.vocabulary)
