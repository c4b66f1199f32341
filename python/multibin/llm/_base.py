"""What LLM and AsyncLLM are made of: a model, its tokenizer, admission, and the engine's core."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
import torch

import multibin
from multibin._args import boolean
from multibin.llm._engine.admission import Admission
from multibin.llm._engine.request import Request
from multibin.llm._engine.schedule import Fill, Order, Overrun, Policy, Scheduling, to_edges
from multibin.llm._engine.service import Runs
from multibin.llm._load.generation_config import default_sampling_params, warn_unapplied
from multibin.llm._load.models import ModelSource, load
from multibin.llm._load.tokenizers import TokenizerSource, find_tokenizer, resolve_tokenizer
from multibin.llm._prometheus import prometheus
from multibin.llm._stats import Meter


class Options(TypedDict, total=False):
    """The arguments of `LLM` beside model and tokenizer."""

    scheduling: Scheduling
    batch_size: int
    bins: int
    edges: multibin.Edges | Sequence[float] | None
    fill: Fill
    overrun: Overrun
    order: Order | None
    max_wait: float | None
    device: str | torch.device | None
    dtype: str | torch.dtype | None
    trust_remote_code: bool


class Base:
    """A model that generates, and what is counted of it."""

    def __init__(
        self,
        model: ModelSource,
        tokenizer: TokenizerSource | None = None,
        *,
        scheduling: Scheduling = "multibin",
        batch_size: int = 32,
        bins: int = 16,
        edges: multibin.Edges | Sequence[float] | None = None,
        fill: Fill = "elastic",
        overrun: Overrun = "climb",
        order: Order | None = None,
        max_wait: float | None = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        self._policy = Policy(
            scheduling, batch_size, bins, to_edges(edges), fill, overrun, order, max_wait
        )
        trust = {"trust_remote_code": boolean("trust_remote_code", trust_remote_code)}
        choice = None if tokenizer is None else resolve_tokenizer(tokenizer, **trust)
        loaded = load(model, device=device, dtype=dtype, **trust)
        choice = choice or find_tokenizer(model, **trust)
        self.default_sampling_params = default_sampling_params(loaded.module.generation_config)
        """What calls without parameters use: the model's generation config says it."""
        self._admission = Admission(loaded, choice, self.default_sampling_params)
        if loaded.shortened:
            warnings.warn(loaded.shortened, UserWarning, stacklevel=3)
        warn_unapplied(loaded.module.generation_config)
        self._meter = Meter()
        self.model = loaded.module
        self.tokenizer = choice.tokenizer
        self.context = loaded.context
        """The most tokens that the model can be fed, prompt and output together."""

    def _new_runner(self, capacity: int) -> Runs:
        raise NotImplementedError

    def _lengths(self, requests: Sequence[Request], length: float | None) -> Any:
        budgets = np.array([request.budget for request in requests], dtype=np.int64)
        return self._policy.lengths(None if length is None else [length] * len(requests), budgets)

    def stats(self) -> dict[str, Any]:
        return dict(self._meter.stats())

    def prometheus(self, *, labels: dict[str, str] | None = None) -> str:
        return prometheus(self.stats(), labels)
