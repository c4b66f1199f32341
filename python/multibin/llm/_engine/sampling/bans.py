"""Tokens that a row must not take: the ends of bad words, and ends of a text before its time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from multibin.llm._engine.sampling.rows import Form, Rows, Sampled, flat_index, sent

ANY = -1
"""A position of a bad word's pattern that any token fits."""

NONE = -2
"""A position before the prompt: no token, so only `ANY` fits."""


class MinTokens:
    """Bans the tokens that end a text from rows with fewer than `min_tokens` tokens."""

    def __init__(self, requests: Sequence[Sampled], form: Form) -> None:
        entries: list[tuple[int, int]] = []
        left: list[int] = []
        for row, request in enumerate(requests):
            missing = int(request.params.min_tokens) - len(request.tokens)
            if missing > 0:
                ends = [token for token in request.stop_ids if token < form.vocabulary]
                entries += [(row, token) for token in ends]
                left += [missing] * len(ends)
        self._index = flat_index(entries, form)
        self._left = sent(left, torch.int64, form.device)
        self._longest = max(left, default=0)
        self._zero = torch.zeros((), dtype=form.dtype, device=form.device)
        self._step = 0

    def __call__(self, logits: Tensor) -> None:
        """Sets the logits of banned tokens to -inf, in place."""
        if self._step < self._longest:
            banned = torch.where(self._left > self._step, -torch.inf, self._zero)
            logits.view(-1).index_add_(0, self._index, banned)
        self._step += 1


class BadWords:
    """Bans the last token of each bad word from rows that end with its other tokens.

    The tokens of the prompt count, as in transformers.
    """

    def __init__(self, requests: Sequence[Sampled], form: Form) -> None:
        numbers = [row for row, request in enumerate(requests) if request.bad_word_ids]
        words = [
            (place, row, word)
            for place, row in enumerate(numbers)
            for word in requests[row].bad_word_ids
            if word[-1] < form.vocabulary
        ]
        self._width = max((len(word) for _, _, word in words), default=1) - 1
        self._rows = Rows(numbers, len(requests), form.device)
        self._index = flat_index([(row, word[-1]) for _, row, word in words], form)
        self._zero = torch.zeros((), dtype=form.dtype, device=form.device)
        patterns = [_padded(word[:-1], self._width, ANY) for _, _, word in words]
        pasts = [self._past(requests[row]) for row in numbers]
        self._pattern = self._table(patterns, form)
        self._history = self._table(pasts, form)
        self._place = sent([place for place, _, _ in words], torch.int64, form.device)

    def _table(self, lines: Sequence[Sequence[int]], form: Form) -> Tensor:
        return sent(lines, torch.int64, form.device).view(len(lines), self._width)

    def _past(self, request: Sampled) -> list[int]:
        if not self._width:
            return []
        tokens = list(request.tokens[-self._width :])
        missing = self._width - len(tokens)
        if missing:
            tokens = [*request.prompt_tokens[-missing:], *tokens]
        return _padded(tokens, self._width, NONE)

    def __call__(self, logits: Tensor) -> None:
        """Sets the logits of banned tokens to -inf, in place."""
        past = self._history.index_select(0, self._place)
        fits = ((past == self._pattern) | (self._pattern == ANY)).all(-1)
        logits.view(-1).index_add_(0, self._index, torch.where(fits, -torch.inf, self._zero))

    def observe(self, tokens: Tensor) -> None:
        """Takes the next token of every row of the batch, [rows]."""
        if self._width:
            last = self._rows.of(tokens)[:, None]
            self._history = torch.cat([self._history[:, 1:], last], dim=1)


def _padded(tokens: Sequence[int], width: int, padding: int) -> list[int]:
    return [padding] * (width - len(tokens)) + list(tokens)
