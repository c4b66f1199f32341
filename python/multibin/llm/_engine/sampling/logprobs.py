"""Log probabilities of tokens, by the logits of the model itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from multibin.llm._engine.sampling.rows import Rows, Sampled, sent

CHUNK = 256
"""Positions of a prompt whose log probabilities are computed together; bounds the memory."""


class TokenLogprobs(NamedTuple):
    """Log probabilities at one position: first the token there, then the likeliest in order."""

    tokens: list[int]
    logprobs: list[float]
    ranks: list[int]


class Scores(NamedTuple):
    """Log probabilities at several positions, on the device."""

    own: Tensor
    """The token's log probability, [positions]."""
    rank: Tensor
    """How many tokens are at least as likely, [positions]."""
    likeliest: Tensor
    """The largest log probabilities, [positions, count], and the tokens that have them."""
    tokens: Tensor


def score(logits: Tensor, tokens: Tensor, count: int) -> Scores:
    """Returns the scores of `tokens` [positions] by logits [positions, vocab].

    A `count` of -1 reports all tokens.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    logprobs = logits.log_softmax(-1)
    own = logprobs.gather(1, tokens[:, None])
    vocabulary = logits.shape[-1]
    top = logprobs.topk(vocabulary if count < 0 else min(count, vocabulary))
    return Scores(own[:, 0], (logprobs >= own).sum(-1), top.values, top.indices)


def read(scores: Scores, tokens: Sequence[int], counts: Sequence[int]) -> Iterator[TokenLogprobs]:
    """Yields the log probabilities at each position, after waiting for the device.

    Args:
        scores: with at least as many of the likeliest tokens as any position needs.
        tokens: the token of each position.
        counts: how many of the likeliest tokens each needs; -1: all.
    """
    columns = [part.tolist() for part in scores]
    for token, count, own, rank, values, ids in zip(tokens, counts, *columns, strict=True):
        end = len(ids) if count < 0 else min(count, len(ids))
        yield TokenLogprobs([token, *ids[:end]], [own, *values[:end]], [rank, *range(1, end + 1)])


class Recorder:
    """Records the log probabilities of a step for the rows that ask for them."""

    def __init__(self, requests: Sequence[Sampled], device: torch.device) -> None:
        pairs = [(row, r.params.logprobs) for row, r in enumerate(requests)]
        wanted = [(row, count) for row, count in pairs if count is not None]
        self._rows = Rows([row for row, _ in wanted], len(requests), device)
        self._counts = [count for _, count in wanted]
        self._most = -1 if -1 in self._counts else max(self._counts)
        self._scores: Scores | None = None

    def __call__(self, logits: Tensor, tokens: Tensor) -> None:
        """Scores the next tokens [rows] by logits [rows, vocab]; waits for nothing."""
        self._scores = score(self._rows.of(logits), self._rows.of(tokens), self._most)

    def read(self, tokens: Sequence[int]) -> list[TokenLogprobs | None]:
        """Returns what each row of the batch asked for; `tokens` are those of the step."""
        assert self._scores is not None
        found: list[TokenLogprobs | None] = [None] * len(tokens)
        own = [tokens[row] for row in self._rows.numbers]
        for row, one in zip(self._rows.numbers, read(self._scores, own, self._counts), strict=True):
            found[row] = one
        return found


class PromptLogprobs:
    """Log probabilities of the tokens of a prompt, each by the logits behind the one before it."""

    def __init__(self, logits: Tensor, prompt: Sequence[int], count: int) -> None:
        self._prompt = prompt
        self._count = count
        tokens = sent(prompt[1:], torch.int64, logits.device)
        self._chunks = [
            score(part, tokens[start : start + CHUNK], count)
            for start, part in _chunks(logits[: len(prompt) - 1])
        ]

    def read(self) -> list[TokenLogprobs]:
        """Returns one entry for each token but the first, after waiting for the device."""
        found: list[TokenLogprobs] = []
        for scores in self._chunks:
            tokens = self._prompt[1 + len(found) :][: len(scores.own)]
            found += read(scores, tokens, [self._count] * len(tokens))
        return found


def _chunks(logits: Tensor) -> Iterator[tuple[int, Tensor]]:
    for start in range(0, len(logits), CHUNK):
        yield start, logits[start : start + CHUNK]
