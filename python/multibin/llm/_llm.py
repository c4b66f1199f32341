"""LLM: generation in batches whose rows finish together."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from threading import Lock

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

import multibin
from multibin._args import boolean
from multibin.llm._engine.admission import Admission, Prompt
from multibin.llm._engine.budgets import Budgets
from multibin.llm._engine.executor import Executor
from multibin.llm._engine.probe import try_out
from multibin.llm._engine.request import Request
from multibin.llm._engine.runner import Runner
from multibin.llm._engine.schedule import Fill, Order, Overrun, Policy, Scheduling, to_edges
from multibin.llm._load.generation_config import warn_unapplied
from multibin.llm._load.models import ModelSource, load
from multibin.llm._load.tokenizers import TokenizerSource, find_tokenizer, resolve_tokenizer
from multibin.llm._outputs import BatchRecord, RequestOutput
from multibin.llm._params import SamplingParams


class LLM:
    """Generates text, with requests of similar length batched together.

    >>> from multibin import LLM, SamplingParams
    >>> from transformers import LlamaConfig, LlamaForCausalLM
    >>> sizes = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4}
    >>> model = LlamaForCausalLM(LlamaConfig(vocab_size=97, num_hidden_layers=1, **sizes))
    >>> llm = LLM(model, batch_size=8, bins=4)
    >>> greedy = SamplingParams(max_tokens=5, temperature=0, ignore_eos=True)
    >>> outputs = llm.generate([[5, 6, 7], [8]], greedy, use_tqdm=False)
    >>> [len(output.outputs[0].token_ids) for output in outputs]
    [5, 5]

    Args:
        model: a local folder, also of a PEFT adapter, a hub id, or a transformers model, also
            inside a PEFT one. Any causal language model runs whose layers attend to cached keys
            and values. A model object is put in evaluation mode, and is moved or cast in place
            where `device` or `dtype` asks for it. A `UserWarning` says that a window shortens the
            context. Another names what the generation config changes in greedy text, which is not
            applied.
        tokenizer: a folder, a hub id, or an object with `encode(text)` and
            `decode(ids, skip_special_tokens=…)`. None: the one in the model's folder, if there is
            one. Without a tokenizer, prompts are token ids.
        scheduling: "multibin", or "fifo": batches in order of arrival, each run until its last
            row ends. With "fifo", `bins`, `edges`, `fill`, `overrun`, `order` and `max_wait` have
            no effect.
        batch_size: the most rows of a batch.
        bins: how many bins to make for each call of `generate`, at most 4,096 and at most one a
            length. Their edges are geometric, from 16 tokens to the most that a request of the
            call may generate.
        edges: the bins of all calls, instead of `bins`: `multibin.Edges` or increasing bounds, in
            tokens.
        fill: "elastic": a batch is topped up from the nearest bins; "strict": never.
        overrun: "climb": a row that outlives its bin continues in a batch of a higher bin. Its KV
            cache stays in memory while it waits, for any number of rows. "finish": a batch runs
            until its last row ends.
        order: which full bin goes first: "formed", "oldest" or "shortest". None: "oldest" with
            climbing, "formed" without.
        max_wait: seconds after which a waiting request leads the next batch.
        gguf_file: a file in the model's folder or of its hub id, in the format GGUF. It has all:
            config, tokenizer and weights, which become float32. It needs the packages gguf and
            accelerate.
        device: None: a model object stays where it is; a loaded model goes to CUDA if there is
            one.
        dtype: a torch dtype or its name; None: that of the checkpoint or the model.
        trust_remote_code: whether Python code in a checkpoint's folder may run. The engine never
            asks on the terminal.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument out of range, a missing folder, a checkpoint that is corrupt or
            lacks weights, or a model that the engine cannot run. The message names the argument
            and the value, or the kind of layer.
    """

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
        budgets = Budgets(kv_cache_memory, host_memory)
        trust = {"trust_remote_code": boolean("trust_remote_code", trust_remote_code)}
        choice = None if tokenizer is None else resolve_tokenizer(tokenizer, **trust)
        loaded = load(model, device=device, dtype=dtype, gguf_file=gguf_file, **trust)
        choice = choice or find_tokenizer(model, gguf_file=gguf_file, **trust)
        with torch.inference_mode():
            loaded, layout = try_out(loaded)
        self._admission = Admission(loaded, choice)
        self._executor = Executor(loaded, layout, budgets)
        if loaded.shortened:
            warnings.warn(loaded.shortened, UserWarning, stacklevel=2)
        warn_unapplied(loaded.module.generation_config)
        self._lock = Lock()
        self.model = loaded.module
        self.tokenizer = choice.tokenizer
        self.context = loaded.context
        """The most tokens that the model can be fed, prompt and output together."""
        self.records: list[BatchRecord] = []
        """The batches of the last call of `generate` that ran, in their order."""

    def generate(
        self,
        prompts: Prompt | Sequence[Prompt],
        sampling_params: SamplingParams | Sequence[SamplingParams] | None = None,
        *,
        lengths: ArrayLike | None = None,
        priorities: ArrayLike | None = None,
        ttls: ArrayLike | None = None,
        use_tqdm: bool = True,
    ) -> list[RequestOutput]:
        """Continues each prompt.

        A prompt that reaches the end of the model's context ends there, with `finish_reason`
        "length". Calls from several threads run one after another. The model is in evaluation mode
        during a call. Where the largest logit is NaN or infinite, a request takes the first such
        token and continues; other requests are not affected.

        >>> from multibin import LLM, SamplingParams
        >>> from transformers import GPT2Config, GPT2LMHeadModel
        >>> sizes = {"vocab_size": 97, "n_embd": 32, "n_layer": 1, "n_head": 4, "n_positions": 16}
        >>> model = GPT2LMHeadModel(GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
        >>> params = [SamplingParams(max_tokens=n, seed=1, ignore_eos=True) for n in (3, 99)]
        >>> llm = LLM(model)
        >>> short, long = llm.generate([[5, 6], [7]], params, lengths=[3, 16], use_tqdm=False)
        >>> len(short.outputs[0].token_ids), len(long.outputs[0].token_ids)
        (3, 16)

        Args:
            prompts: text or token ids, one prompt or a list of them; {"prompt": text} and
                {"prompt_token_ids": ids} as well.
            sampling_params: for all prompts, or a list with one for each; None: the defaults.
            lengths: predicted output tokens, one number a prompt, clipped to what the request may
                generate. A wrong prediction costs time only. None: a request starts in the first
                bin when climbing, and otherwise counts as all that it may generate.
            use_tqdm: whether to show a progress bar.

        Returns:
            One output a prompt, in the order of the prompts.

        Raises:
            TypeError: an argument of the wrong type.
            ValueError: a prompt that is empty or longer than the context, or an id outside the
                vocabulary. A length that is negative or not finite. Arguments of unlike sizes. The
                message names the argument and the value, and nothing has run.
        """
        requests = self._admission.requests(prompts, sampling_params)
        budgets = np.array([request.budget for request in requests], dtype=np.int64)
        predictions = self._policy.lengths(lengths, budgets)
        with self._lock:
            self.records = []
            if not requests:
                return []
            self._run(requests, predictions, lengths is not None, priorities, ttls, use_tqdm)
        for request in requests:
            if request.error is not None:
                raise request.error
        return [request.output(request.arrival_time) for request in requests]

    def _run(
        self,
        requests: Sequence[Request],
        predictions: NDArray[np.int64],
        predicted: bool,
        priorities: ArrayLike | None,
        ttls: ArrayLike | None,
        use_tqdm: bool,
    ) -> None:
        """Runs requests to their ends."""
        finals = [len(r.prompt_tokens) + r.budget for r in requests]
        self._executor.expect(min(len(r.prompt_tokens) for r in requests) + 16, max(finals))
        longest = max(request.budget for request in requests)
        scheduler = self._policy.scheduler(longest, len(requests), predicted=predicted)
        with (
            Runner(self._executor, self._policy, scheduler) as runner,
            tqdm(total=len(requests), desc="generate", unit="req", disable=not use_tqdm) as bar,
        ):
            self.runner = runner
            for request in requests:
                request.listener = lambda r: bar.update() if r.finish_reason else None
            runner.submit(requests, predictions, priorities=priorities, ttls=ttls)
            runner.close()
            while runner.step():
                pass
            self.records = runner.records
