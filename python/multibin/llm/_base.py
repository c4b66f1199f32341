"""What LLM and AsyncLLM are made of: a model, its tokenizer, admission, and the engine's core."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

import multibin
from multibin._args import boolean
from multibin.llm._engine.admission import Admission
from multibin.llm._engine.budgets import Budgets
from multibin.llm._engine.chat import Messages, chat_prompts
from multibin.llm._engine.executor import Executor
from multibin.llm._engine.probe import try_out
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Fill, Order, Overrun, Policy, Scheduling, to_edges
from multibin.llm._load.generation_config import default_sampling_params, warn_unapplied
from multibin.llm._load.models import ModelSource, load
from multibin.llm._load.tokenizers import TokenizerSource, find_tokenizer, resolve_tokenizer
from multibin.llm._prometheus import prometheus
from multibin.llm._recording import Log, Record
from multibin.llm._stats import EngineStats, Meter, Totals


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
    refill_every: int
    max_prefill_tokens: int | None
    kv_cache_memory: int | float | None
    host_memory: int | float | None
    ageing: float | None
    budget: int | None
    max_padding: float | None
    adapt: multibin.Adapt | None
    gguf_file: str | os.PathLike[str] | None
    device: str | torch.device | None
    dtype: str | torch.dtype | None
    trust_remote_code: bool
    record: Record | None


class Base:
    """A model that generates, and what is counted of it."""

    _frames = 2
    """Calls between the caller and the warnings of `__init__`."""

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
        refill_every: int = 1,
        max_prefill_tokens: int | None = None,
        kv_cache_memory: int | float | None = None,
        host_memory: int | float | None = None,
        ageing: float | None = None,
        budget: int | None = None,
        max_padding: float | None = None,
        adapt: multibin.Adapt | None = None,
        gguf_file: str | os.PathLike[str] | None = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        trust_remote_code: bool = False,
        record: Record | None = None,
    ) -> None:
        self._policy = Policy(
            scheduling=scheduling,
            batch_size=batch_size,
            bins=bins,
            edges=to_edges(edges),
            fill=fill,
            overrun=overrun,
            order=order,
            max_wait=max_wait,
            ageing=ageing,
            budget=budget,
            max_padding=max_padding,
            adapt=adapt,
            refill_every=refill_every,
            max_prefill_tokens=max_prefill_tokens,
        )
        self._log = None if record is None else Log(record)
        budgets = Budgets(kv_cache_memory, host_memory)
        trust = {"trust_remote_code": boolean("trust_remote_code", trust_remote_code)}
        choice = None if tokenizer is None else resolve_tokenizer(tokenizer, **trust)
        loaded = load(model, device=device, dtype=dtype, gguf_file=gguf_file, **trust)
        choice = choice or find_tokenizer(model, gguf_file=gguf_file, **trust)
        with torch.inference_mode():
            loaded, layout = try_out(loaded)
        self.default_sampling_params = default_sampling_params(loaded.module.generation_config)
        """What calls without parameters use: the model's generation config says it."""
        self._admission = Admission(loaded, choice, self.default_sampling_params)
        self._executor = Executor(loaded, layout, budgets)
        if loaded.shortened:
            warnings.warn(loaded.shortened, UserWarning, stacklevel=self._frames)
        warn_unapplied(loaded.module.generation_config)
        self._meter, self._totals = Meter(self._log), Totals()
        self.model = loaded.module
        self.tokenizer = choice.tokenizer
        self.context = loaded.context
        """The most tokens that the model can be fed, prompt and output together."""
        self._set_up()

    def _set_up(self) -> None:
        """Makes what else the engine has."""

    @property
    def recording(self) -> multibin.Recording | None:
        """Returns where requests are recorded when they end; None without `record`."""
        return None if self._log is None else self._log.recording

    def stats(self) -> EngineStats:
        """Returns counts of requests and tokens, times, and the numbers of the KV cache.

        >>> from multibin import LLM
        >>> from multibin.llm._load.tiny import tiny_model
        >>> llm = LLM(tiny_model())
        >>> _ = llm.generate([[5, 6, 7]], use_tqdm=False)
        >>> llm.stats()["submitted"], llm.stats()["generated_tokens"]
        (1, 16)
        """
        return EngineStats(
            **self._meter.stats(), **self._totals.stats(self._executor.memory.stats())
        )

    def prometheus(self, *, labels: dict[str, str] | None = None) -> str:
        """Returns the numbers of `stats` in the text exposition format of Prometheus.

        >>> from multibin import LLM
        >>> from multibin.llm._load.tiny import tiny_model
        >>> 'multibin_llm_submitted_total{model="tiny"} 0' in LLM(tiny_model()).prometheus(
        ...     labels={"model": "tiny"}
        ... )
        True

        Raises:
            TypeError: `labels` is no mapping.
            ValueError: an invalid name of a label, or `capacity`, `le` or `reason`.
        """
        return prometheus(self.stats(), labels)

    @property
    def _longest(self) -> int:
        """Returns the most tokens of a request: those of the context, or what the memory holds."""
        return min(self.context, self._executor.longest)

    def _runner(
        self, longest: int, capacity: int, *, predicted: bool = True, live: bool = False
    ) -> Runner:
        """Returns a runner for requests that generate at most `longest` tokens.

        `live`: they come while others run.
        """
        scheduler = self._policy.scheduler(longest, capacity, predicted=predicted, live=live)
        runner = Runner(self._executor, self._policy, scheduler)
        self._totals.begin(runner)
        return runner

    def _chat_prompts(
        self, messages: Messages, arguments: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Returns a prompt for each conversation."""
        missing = self._admission.choice.missing
        return chat_prompts(self.tokenizer, messages, missing=missing, **arguments)

    def _lengths(self, requests: Sequence[Request], length: float | None) -> NDArray[np.int64]:
        """Returns the lengths of the continuations of one prompt."""
        budgets = np.array([request.budget for request in requests], dtype=np.int64)
        return self._policy.lengths(None if length is None else [length] * len(requests), budgets)
