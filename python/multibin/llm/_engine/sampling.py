"""Next tokens from logits, for a batch of rows, each with its seed and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from multibin.llm._params import SamplingParams

AHEAD = 32
"""Steps whose uniform numbers are drawn and sent to the device together."""

ALL = 2**31 - 1
"""A `top_k` without effect: no vocabulary is that large."""

FINITE = torch.finfo(torch.float32)


class Sampled(Protocol):
    """What the sampler reads of a request."""

    @property
    def params(self) -> SamplingParams: ...
    @property
    def seed(self) -> int: ...
    @property
    def tokens(self) -> Sequence[int]: ...


def uniforms(seeds: NDArray[np.uint64], positions: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Returns numbers in [0, 1), each a function of its seed and position alone.

    The shapes of the arguments broadcast. The seed is mixed before the position is added, so that
    neighbouring seeds are not shifted copies of each other (SplitMix64: Steele, Lea, Flood, 2014).
    """
    step = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        mixed = _mix(_mix(seeds + step) + (positions + np.uint64(1)) * step)
    # The 53 high bits: every float64 in [0, 1) on a grid of 2**-53.
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


class Step(NamedTuple):
    token: int
    logprobs: object


class Sampler:
    """Samples one token a row and step, for a fixed sequence of rows.

    Nothing here waits for the device. After rows leave or join, a new sampler continues where the
    old one stopped: the position is the number of tokens that the row has.

    A row whose largest logit is NaN or infinite has no distribution. Its token is that of `argmax`,
    which takes the first NaN or infinity. Other rows are not affected.
    """

    def __init__(self, requests: Sequence[Sampled], device: torch.device) -> None:
        params = [request.params for request in requests]
        self._random = not all(p.greedy for p in params)
        if not self._random:
            return
        self._seeds = np.array([[request.seed for request in requests]], dtype=np.uint64)
        self._start = np.array([[len(request.tokens) for request in requests]], dtype=np.uint64)
        self._step = 0
        self._filters = Filters(params, device)
        self._greedy = torch.tensor([p.greedy for p in params], device=device)
        # A greedy row divides by 1, and its sample is discarded.
        temperatures = [_normal(p.temperature or 1.0) for p in params]
        self._temperature = _column(temperatures, torch.float32, device)

    def __call__(self, logits: Tensor) -> Tensor:
        """Returns a token for each row of logits [rows, vocab]: int64 on their device."""
        self._tokens = self._sample(logits)
        return self._tokens

    def read(self) -> list[Step]:
        """Waits for the device and returns the tokens."""
        return [Step(token, None) for token in self._tokens.tolist()]

    def _sample(self, logits: Tensor) -> Tensor:
        greedy = logits.argmax(-1)
        if not self._random:
            return greedy
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        peak = logits.amax(-1, keepdim=True)
        # Shifted first: a tiny temperature then overflows to -inf, never to inf - inf.
        scaled = (logits - peak) / self._temperature
        sampled = draw(self._filters(scaled), self._next_uniforms(logits.device))
        return torch.where(self._greedy | ~peak[:, 0].isfinite(), greedy, sampled)

    def _next_uniforms(self, device: torch.device) -> Tensor:
        offset = self._step % AHEAD
        if not offset:
            steps = np.arange(self._step, self._step + AHEAD, dtype=np.uint64)[:, None]
            block = uniforms(self._seeds, self._start + steps)
            self._block = torch.from_numpy(block).to(device, non_blocking=True)
        self._step += 1
        return self._block[offset]


class Filters:
    """Applies top-k, then top-p, to a batch of rows: the logits filtered out become -inf.

    The likeliest token always stays.
    """

    def __init__(self, params: Sequence[SamplingParams], device: torch.device) -> None:
        top_k = [min(int(p.top_k), ALL) if p.top_k > 0 else ALL for p in params]
        # 1.0 turns the filter off: rounding of the sum must not cut the tail of such a row.
        top_p = [float(p.top_p) if p.top_p < 1 else 2.0 for p in params]
        self._top_k = _column(top_k, torch.int64, device)
        self._top_p = _column(top_p, torch.float32, device)
        self._active = any(p.top_k > 0 or p.top_p < 1 for p in params)

    def __call__(self, logits: Tensor) -> Tensor:
        """Returns logits [rows, vocab], filtered."""
        if not self._active:
            return logits
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        keep = torch.arange(logits.shape[-1], device=logits.device) < self._top_k
        likely = ordered.masked_fill(~keep, -torch.inf).softmax(-1)
        keep &= likely.cumsum(-1) - likely < self._top_p
        # A top_p below the smallest float32 has become 0.
        keep[:, 0] = True
        return logits.masked_fill(torch.empty_like(keep).scatter_(-1, order, ~keep), -torch.inf)


def _normal(temperature: float) -> float:
    """Clamps to the normal float32, so that neither 0 / 0 nor inf / inf arises."""
    return min(max(float(temperature), FINITE.tiny), FINITE.max)


def _column(values: Sequence[float], dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=dtype, device=device)[:, None]


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
