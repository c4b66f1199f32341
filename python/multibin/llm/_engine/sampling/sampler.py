"""The sampler of a batch: one token a row and step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from multibin.llm._engine.sampling.bans import BadWords, MinTokens
from multibin.llm._engine.sampling.bias import LogitBias
from multibin.llm._engine.sampling.draw import draw
from multibin.llm._engine.sampling.filters import Filters
from multibin.llm._engine.sampling.logprobs import Recorder, TokenLogprobs
from multibin.llm._engine.sampling.penalties import Penalties
from multibin.llm._engine.sampling.processors import Processors
from multibin.llm._engine.sampling.rows import Form, Sampled, column, sent
from multibin.llm._engine.sampling.uniforms import uniforms

AHEAD = 32
"""Steps whose uniform numbers are drawn and sent to the device together."""


class Step(NamedTuple):
    """The next token of a row, and its log probabilities if the row asks for them."""

    token: int
    logprobs: TokenLogprobs | None


class Sampler:
    """Samples one token a row and step, for a fixed sequence of rows.

    Nothing here waits for the device, except `read` and the callables of requests. After rows leave
    or join, a new sampler continues where the old one stopped: the position is the number of tokens
    that the row has.

    A row whose largest logit is NaN or infinite has no distribution. Its token is that of `argmax`,
    which takes the first NaN or infinity. Other rows are not affected.
    """

    def __init__(self, requests: Sequence[Sampled], device: torch.device) -> None:
        params = [request.params for request in requests]
        self._processing = Processing(requests) if any(p.processed for p in params) else None
        self._draws = Draws(requests) if not all(p.greedy for p in params) else None
        recorded = any(p.logprobs is not None for p in params)
        self._recorder = Recorder(requests, device) if recorded else None
        self._tokens: Tensor | None = None

    def __call__(self, logits: Tensor) -> Tensor:
        """Returns a token for each row of logits [rows, vocab]: int64 on their device."""
        processed = logits if self._processing is None else self._processing(logits)
        tokens = processed.argmax(-1)
        if self._draws is not None:
            tokens = self._draws(processed, tokens)
        if self._processing is not None:
            self._processing.observe(tokens)
        if self._recorder is not None:
            self._recorder(logits, tokens)
        self._tokens = tokens
        return tokens

    def read(self) -> list[Step]:
        """Returns what the last call gave each row, after waiting for the device."""
        assert self._tokens is not None
        tokens: list[int] = self._tokens.tolist()
        if self._recorder is None:
            return [Step(token, None) for token in tokens]
        return [Step(*pair) for pair in zip(tokens, self._recorder.read(tokens), strict=True)]


class Processing:
    """The steps that may change which token is the likeliest, in their order."""

    def __init__(self, requests: Sequence[Sampled]) -> None:
        self._requests = requests
        self._steps: list[Callable[[Tensor], None]] | None = None
        self._observers: list[Callable[[Tensor], None]] = []

    def __call__(self, logits: Tensor) -> Tensor:
        """Returns new logits [rows, vocab], at least float32."""
        dtype = torch.promote_types(logits.dtype, torch.float32)
        if self._steps is None:
            self._steps = self._build(Form(logits.shape[-1], dtype, logits.device))
        logits = torch.empty(logits.shape, dtype=dtype, device=logits.device).copy_(logits)
        for step in self._steps:
            step(logits)
        return logits

    def observe(self, tokens: Tensor) -> None:
        """Takes the next token of each row, [rows]."""
        for observe in self._observers:
            observe(tokens)

    def _build(self, form: Form) -> list[Callable[[Tensor], None]]:
        """Returns the steps that any row needs."""
        rows, params = self._requests, [request.params for request in self._requests]
        steps: list[Callable[[Tensor], None]] = []
        if any(p.bad_words for p in params):
            steps.append(words := BadWords(rows, form))
            self._observers.append(words.observe)
        if any(p.min_tokens for p in params):
            steps.append(MinTokens(rows, form))
        if any(p.logit_bias for p in params):
            steps.append(LogitBias(rows, form))
        if any(p.logits_processors for p in params):
            steps.append(Processors(rows))
        if any(p.penalised for p in params):
            steps.append(penalties := Penalties(rows, form))
            self._observers.append(penalties.observe)
        return steps


class Draws:
    """Draws the tokens of rows with a temperature."""

    def __init__(self, requests: Sequence[Sampled]) -> None:
        self._params = [request.params for request in requests]
        self._seeds = np.array([[request.seed for request in requests]], dtype=np.uint64)
        self._start = np.array([[len(request.tokens) for request in requests]], dtype=np.uint64)
        self._step = 0
        self._filters: Filters | None = None

    def __call__(self, logits: Tensor, greedy: Tensor) -> Tensor:
        """Returns a token for each row of logits [rows, vocab]; `greedy` are the likeliest."""
        sampled = draw(self.filtered(logits), self._next_uniforms(logits.device))
        finite = logits.amax(-1).isfinite()
        return torch.where(finite & self._drawn, sampled, greedy)

    def filtered(self, logits: Tensor) -> Tensor:
        """Returns the logits of the distributions, [rows, vocab]; those of greedy rows are any."""
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        if self._filters is None:
            self._filters = self._build(logits)
        # Shifted first: a tiny temperature then overflows to -inf, never to inf - inf.
        return self._filters((logits - logits.amax(-1, keepdim=True)) / self._temperature)

    def _build(self, logits: Tensor) -> Filters:
        device, dtype = logits.device, logits.dtype
        self._drawn = sent([not p.greedy for p in self._params], torch.bool, device)
        # A greedy row divides by 1, and its sample is discarded.
        temperatures = [_normal(p.temperature or 1.0, dtype) for p in self._params]
        self._temperature = column(temperatures, dtype, device)
        return Filters(self._params, device, dtype)

    def _next_uniforms(self, device: torch.device) -> Tensor:
        offset = self._step % AHEAD
        if not offset:
            steps = np.arange(self._step, self._step + AHEAD, dtype=np.uint64)[:, None]
            block = uniforms(self._seeds, self._start + steps)
            self._block = sent(block, torch.float64, device)
        self._step += 1
        return self._block[offset]


def _normal(temperature: float, dtype: torch.dtype) -> float:
    """Clamps to the normal numbers of `dtype`, so that neither 0 / 0 nor inf / inf arises."""
    finite = torch.finfo(dtype)
    return min(max(float(temperature), finite.tiny), finite.max)
