"""LLM: generation in batches whose members finish together."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from threading import Lock
from time import perf_counter
from typing import Never

import numpy as np
import torch
from numpy.typing import ArrayLike
from tqdm import tqdm

import multibin
from multibin.llm.admission import Admission, Prompt
from multibin.llm.arguments import boolean
from multibin.llm.evaluation import evaluating
from multibin.llm.generation import warn_unapplied
from multibin.llm.loop import Loop
from multibin.llm.models import ModelSource, load
from multibin.llm.outputs import BatchRecord, RequestOutput
from multibin.llm.params import SamplingParams
from multibin.llm.probe import try_out
from multibin.llm.request import Request
from multibin.llm.schedule import Fill, Order, Overrun, Policy, Scheduling, as_edges
from multibin.llm.tokenizers import TokenizerSource, beside, given


class LLM:
    """Generates text, with requests of similar length batched together.

    Args:
        model: a local folder, also of a PEFT adapter, a hub id, or a transformers model, also
            inside a PEFT one. It is put in evaluation mode and moved in place where `device` or
            `dtype` asks for it. Any causal language model whose layers attend to cached keys and
            values. A window shortens the context, with a `UserWarning`; what its generation config
            changes in greedy text is not applied, with a `UserWarning` that names it.
        tokenizer: a folder, a hub id, or an object with `encode(text)` and
            `decode(ids, skip_special_tokens=…)`; None: the one in the model's folder if there is
            one. Without it prompts are token ids.
        scheduling: "multibin", or "fifo": batches in order of arrival, each run until its last
            row ends; `bins`, `edges`, `fill`, `overrun`, `order` and `max_wait` then mean nothing.
        batch_size: the most rows of a batch.
        bins: how many bins to make for each call of `generate`, their edges geometric from 16
            tokens to the most that a request of the call may generate; 4,096 at most, and no more
            than there are lengths.
        edges: bins instead, for all calls: `multibin.Edges` or increasing bounds, in tokens.
        fill: "elastic": a batch is topped up from the nearest bins; "strict": never.
        overrun: "climb": a row that outlives its bin goes on in a batch of a higher one, with its
            KV cache, which stays in memory while it waits, for any number of rows; "finish": a
            batch runs until its last row ends.
        order: which full bin goes first, "formed", "oldest" or "shortest"; None: "oldest" with
            climbing.
        max_wait: seconds after which a waiting request leads the next batch.
        device: None: a model object stays where it is, a loaded one goes to CUDA if there is one.
        dtype: a torch dtype or its name; None: of the checkpoint or the model.
        trust_remote_code: whether Python code that lies beside a checkpoint may run. Nothing is
            ever asked on the terminal.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument out of range, a missing folder, a checkpoint that is corrupt or
            lacks weights, or a model that the engine cannot run; the message names the argument and
            the value, or the kind of layer.
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
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        self._policy = Policy(
            scheduling, batch_size, bins, as_edges(edges), fill, overrun, order, max_wait
        )
        trust = {"trust_remote_code": boolean("trust_remote_code", trust_remote_code)}
        choice = None if tokenizer is None else given(tokenizer, **trust)
        loaded = load(model, device=device, dtype=dtype, **trust)
        choice = choice or beside(model, **trust)
        self._admission = Admission(loaded, choice)
        with torch.inference_mode():
            self._loop = Loop(*try_out(loaded))
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
        use_tqdm: bool = True,
    ) -> list[RequestOutput]:
        """Continues each prompt.

        A prompt that reaches the end of the model's context ends there, with `finish_reason`
        "length". Calls from several threads run one after another. The model is in evaluation mode
        meanwhile. Where the largest logit is NaN or infinite, a request goes on with the first such
        token; other requests are not affected.

        Args:
            prompts: text or token ids, one or a list of them; {"prompt": text} and
                {"prompt_token_ids": ids} as well.
            sampling_params: for all prompts, or a list with one for each; None: the defaults.
            lengths: predicted output tokens, one number a prompt, clipped to what the request may
                generate. A wrong one costs time only. Without them a request starts in the first
                bin when climbing, and counts as all that it may generate otherwise.
            use_tqdm: whether to show a progress bar.

        Returns:
            One output a prompt, in the order of the prompts.

        Raises:
            TypeError: an argument of the wrong type.
            ValueError: a prompt that is empty or longer than the context, an id outside the
                vocabulary, a length that is negative or not finite, arguments of unlike sizes;
                the message names the argument and the value, and nothing has run.
        """
        requests = self._admission.requests(prompts, sampling_params)
        budgets = np.array([request.budget for request in requests], dtype=np.int64)
        predictions = self._policy.lengths(lengths, budgets)
        with self._lock:
            self.records = []
            if not requests:
                return []
            with (
                self._policy.worker(predictions, longest=int(budgets.max())) as worker,
                evaluating(self.model),
                torch.inference_mode(),
                tqdm(total=len(requests), desc="generate", unit="req", disable=not use_tqdm) as bar,
            ):
                arrival = perf_counter()
                for batch in worker:
                    with batch:
                        self._run(batch, requests, bar)
        return [request.output(arrival) for request in requests]

    def _run(self, batch: multibin.Batch, requests: Sequence[Request], bar: tqdm[Never]) -> None:
        """Runs one batch, records it, and sends its unfinished rows up."""
        started = perf_counter()
        keys = batch.keys.tolist()
        rows = [requests[key] for key in keys]
        progress = [len(row.tokens) for row in rows]
        work = self._loop.run(rows, batch.limit, finished=lambda _: bar.update())
        after = [len(row.tokens) for row in rows]
        self.records.append(
            BatchRecord(
                bin=batch.bin,
                reason=batch.reason,
                limit=batch.limit,
                keys=tuple(keys),
                progress=tuple(progress),
                tokens=tuple(new - old for new, old in zip(after, progress, strict=True)),
                prefills=work.prefills,
                decode_steps=work.decode_steps,
                rows_computed=work.rows,
                started=started,
                finished=perf_counter(),
            )
        )
        climbers = [position for position, row in enumerate(rows) if row.finish_reason is None]
        if climbers:
            batch.resubmit(climbers, progress=[after[position] for position in climbers])
