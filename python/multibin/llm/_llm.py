"""LLM: generation in batches whose rows finish together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from multibin.errors import GenerationError
from multibin.llm._base import Base
from multibin.llm._engine.admission import Prompt
from multibin.llm._engine.chat import Messages
from multibin.llm._engine.request import Request, gather
from multibin.llm._engine.session import Session
from multibin.llm._outputs import BatchRecord, RequestOutput
from multibin.llm._params import SamplingParams


class LLM(Base):
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
        scheduling: "multibin": batches of like length. "fifo": batches in order of arrival, each
            run until its last row ends; below, only sizes, `budget` and memory count for it.
            "continuous": rows that have ended are replaced, the longest predictions first; without
            `lengths` in order of arrival.
        batch_size: the most rows that run at once.
        bins: how many bins to make for each call of `generate`; no more than 4,096 are made, and
            no more than one a length. Their edges are geometric, from 16 tokens to the most that a
            request of the call may generate.
        edges: the bins of all calls, instead of `bins`: `multibin.Edges` or at least two increasing
            bounds, in tokens. The first is where the first bin begins; the last bin has no end.
        fill: "elastic": a batch is topped up from the nearest bins; "strict": never.
        overrun: "climb": a row that outlives its bin continues in a batch of a higher bin, with its
            keys and values. "recompute": it continues there too, and they are computed again.
            "finish": a batch runs until its last row ends.
        order: which full bin goes first: "formed", "oldest", "shortest" or "deadline". None:
            "oldest" with climbing, "formed" without.
        max_wait: seconds after which a waiting request leads the next batch, or joins next.
        refill_every: decode steps between replacements, in continuous mode.
        max_prefill_tokens: the most tokens of a prompt pass; a longer prompt takes several, with
            decode steps between. None: 2,048, on the CPU 512.
        kv_cache_memory: bytes for keys and values, or a share of the device's free memory above 0
            and at most 1, allocated at once. None: it grows as needed, up to half of what is free.
        host_memory: bytes of host memory for rows that wait while the cache is full, or a share of
            what is free. None: a quarter. What does not fit there is computed again.
        ageing: seconds a token; lets requests have priorities.
        budget: the most padded tokens of a batch: rows × the longest predicted output.
        max_padding: the largest share of a batch's steps that may be padding, by the predictions,
            when rows of other bins join.
        adapt: lets the edges follow finished requests.
        gguf_file: a file in the model's folder or of its hub id, in the format GGUF. It has all:
            config, tokenizer and weights, which become float32. It needs the packages gguf and
            accelerate.
        device: None: a model object stays where it is; a loaded model goes to CUDA if there is
            one.
        dtype: a torch dtype or its name; None: that of the checkpoint or the model.
        trust_remote_code: whether Python code in a checkpoint's folder may run. The engine never
            asks on the terminal.
        record: a `multibin.Recording`, or the path of one: each request is recorded when it ends,
            with counts and times and without text. `multibin plan` reads the file. None: nothing
            is.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument out of range, a missing folder, a checkpoint that is corrupt or
            lacks weights, or a model that the engine cannot run. The message names the argument
            and the value, or the kind of layer.
    """

    def _set_up(self) -> None:
        self._lock = Lock()
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
        during a call. A Ctrl-C ends the call between two steps, and all slots are free then. Where
        the largest logit is NaN or infinite, a request takes the first such token and continues;
        other requests are not affected.

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
                {"prompt_token_ids": ids} as well. With {"prompt": text, "add_special_tokens":
                False} the tokenizer adds no special tokens.
            sampling_params: for all prompts, or a list with one for each; None: the defaults.
            lengths: predicted output tokens, one number a prompt, clipped to what the request may
                generate. A wrong prediction costs time only. None: a request starts in the first
                bin when climbing, and otherwise counts as all that it may generate.
            priorities: one a prompt; 0 is the most urgent, others need `ageing`.
            ttls: seconds, one a prompt, after which a prompt that still waits ends with
                `finish_reason` "expired".
            use_tqdm: whether to show a progress bar.

        Returns:
            One output a prompt, in the order of the prompts.

        Raises:
            TypeError: an argument of the wrong type.
            ValueError: a prompt that is empty or longer than the context, or an id outside the
                vocabulary. A length that is negative or not finite. Arguments of unlike sizes. The
                message names the argument and the value, and nothing has run.
            GenerationError: the model failed for some prompts. The others have run to their ends,
                and `outputs` has theirs.
        """
        requests = self._admission.requests(prompts, sampling_params)
        several = requests[-1].sample.prompt + 1 if requests else 0
        order = [request.sample.prompt for request in requests]
        budgets = np.array([r.budget for r in requests if not r.sample.number], dtype=np.int64)
        predictions = self._policy.lengths(lengths, budgets)[order]
        options = {
            "priorities": _each("priorities", priorities, several, order),
            "ttls": _each("ttls", ttls, several, order),
        }
        with self._lock:
            self.records = []
            if not requests:
                return []
            self._run(requests, predictions, lengths is not None, options, use_tqdm)
        return _outputs(requests)

    def chat(
        self,
        messages: Messages,
        sampling_params: SamplingParams | Sequence[SamplingParams] | None = None,
        *,
        lengths: ArrayLike | None = None,
        priorities: ArrayLike | None = None,
        ttls: ArrayLike | None = None,
        use_tqdm: bool = True,
        **template_arguments: Any,
    ) -> list[RequestOutput]:
        """Continues conversations, in the words of the tokenizer's chat template.

        Args:
            messages: [{"role": …, "content": …}, …], or a list of such lists.
            sampling_params, lengths, priorities, ttls, use_tqdm: as of `generate`.
            template_arguments: `add_generation_prompt`, `continue_final_message`, `chat_template`,
                `add_special_tokens`, and more variables of the template.

        Returns:
            One output a conversation, in their order.

        Raises:
            TypeError, ValueError: there is no template, or it refuses the messages; and the errors
                of `generate`.
        """
        return self.generate(
            self._chat_prompts(messages, template_arguments),
            sampling_params,
            lengths=lengths,
            priorities=priorities,
            ttls=ttls,
            use_tqdm=use_tqdm,
        )

    def _run(
        self,
        requests: Sequence[Request],
        predictions: NDArray[np.int64],
        predicted: bool,
        options: dict[str, Any],
        use_tqdm: bool,
    ) -> None:
        """Runs requests to their ends."""
        finals = [len(r.prompt_tokens) + r.budget for r in requests]
        self._executor.expect(min(len(r.prompt_tokens) for r in requests) + 16, max(finals))
        longest = max(request.budget for request in requests)
        runner = self._runner(longest, len(requests), predicted=predicted)
        with (
            Session(runner, self._meter) as session,
            tqdm(total=len(requests), desc="generate", unit="req", disable=not use_tqdm) as bar,
        ):
            session.submit(requests, predictions, ends=lambda _: bar.update(), **options)
            session.close()
            while session.step():
                pass
            self.records = runner.records

    @contextmanager
    def _session(self, longest: int, capacity: int) -> Iterator[Session]:
        """Returns a session for requests that come one after another."""
        with self._lock:
            runner = self._runner(longest, capacity, live=True)
            with Session(runner, self._meter) as session:
                yield session


def _each(
    name: str, values: ArrayLike | None, prompts: int, order: Sequence[int]
) -> NDArray[Any] | None:
    """Returns the number of each request, from one a prompt."""
    if values is None:
        return None
    array = np.asarray(values)
    if array.shape != (prompts,):
        raise ValueError(
            f"{name} must hold one number for each of {prompts} prompts, got shape {array.shape}"
        )
    each: NDArray[Any] = array[list(order)]
    return each


def _outputs(requests: Sequence[Request]) -> list[RequestOutput]:
    """Returns one output a prompt, or raises what failed."""
    outputs = gather(requests)
    failed = {r.sample.prompt: r.error for r in requests if r.error is not None}
    if not failed:
        return outputs
    left = [None if i in failed else output for i, output in enumerate(outputs)]
    first = failed[min(failed)]
    raise GenerationError(
        f"{len(failed)} of {len(outputs)} prompts failed, the first with {first!r}", left
    ) from first
