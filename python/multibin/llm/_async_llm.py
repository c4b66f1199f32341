"""AsyncLLM: generation for tasks of event loops, with tokens as they come."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
import weakref
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Literal, Self, TypeAlias, Unpack

from multibin._args import integer, number, one_of, sentence
from multibin.errors import ClosedError, ExpiredError, FullError
from multibin.llm._base import Base, Options
from multibin.llm._engine.admission import Prompt
from multibin.llm._engine.call import Call
from multibin.llm._engine.chat import Message
from multibin.llm._engine.delivery import Delivery, OutputKind
from multibin.llm._engine.request import Request
from multibin.llm._engine.service import Service
from multibin.llm._load.models import ModelSource
from multibin.llm._load.tokenizers import TokenizerSource
from multibin.llm._outputs import RequestOutput
from multibin.llm._params import SamplingParams

__all__ = ["AsyncLLM"]

OnFull: TypeAlias = Literal["raise", "wait"]


STRICT = 0.1
"""Seconds after which an engine whose bins wait to be full looks for cancellations."""


class AsyncLLM(Base):
    """Generates text for tasks: requests come at any time, and tokens are there as they are made.

    The engine runs in a thread of its own, which the first request starts. Any number of event
    loops and threads may use it. The model is in evaluation mode while the thread runs.

    >>> import asyncio
    >>> from multibin import AsyncLLM, SamplingParams
    >>> from transformers import LlamaConfig, LlamaForCausalLM
    >>> sizes = {"hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4}
    >>> model = LlamaForCausalLM(LlamaConfig(vocab_size=97, num_hidden_layers=1, **sizes))
    >>> async def main() -> list[int]:
    ...     tokens = []
    ...     greedy = SamplingParams(max_tokens=5, temperature=0, ignore_eos=True)
    ...     async with AsyncLLM(model, batch_size=8) as llm:
    ...         async for output in llm.generate([5, 6, 7], greedy):
    ...             tokens += output.outputs[0].token_ids
    ...     return tokens
    >>> len(asyncio.run(main()))
    5

    Args:
        model: as of `LLM`.
        tokenizer: as of `LLM`.
        capacity: the most requests that wait or run.
        on_full: "raise": a request without room is refused with `FullError`. "wait": its task
            waits for room, in line.
        options: the other arguments of `LLM`. The bins of `bins=k` end at the model's context.

    Raises:
        TypeError: an argument of the wrong type.
        ValueError: an argument out of range, or a model that the engine cannot run.
    """

    _frames = 3

    def __init__(
        self,
        model: ModelSource,
        tokenizer: TokenizerSource | None = None,
        *,
        capacity: int = 8192,
        on_full: OnFull = "raise",
        **options: Unpack[Options],
    ) -> None:
        integer("capacity", capacity, low=1)
        one_of("on_full", on_full, ("raise", "wait"))
        super().__init__(model, tokenizer, **options)
        self._on_full = on_full
        self._service = self._serve(int(capacity))
        self._keys = itertools.count()
        self._calls: dict[str, Call] = {}
        finalizer = weakref.finalize(self, _abandon, self._service, os.getpid())
        finalizer.atexit = False

    def _serve(self, capacity: int) -> Service:
        # Rows of a batch that have ended count in the scheduler until all of the batch have.
        most = capacity + self._policy.batch_size
        # With the longest first, short requests could wait without end, unless `max_wait` ends it.
        bounded = self._policy.max_wait is not None
        predicted = bounded or self._policy.scheduling != "continuous"
        runner = self._runner(self._longest, most, predicted=predicted, live=True)
        # A strict bin may wait without end, and a cancellation must not wait with it.
        patience = STRICT if self._policy.fill == "strict" else None
        return Service(runner, capacity, patience)

    async def generate(
        self,
        prompt: Prompt,
        sampling_params: SamplingParams | None = None,
        request_id: str | None = None,
        *,
        length: float | None = None,
        priority: int = 0,
        ttl: float | None = None,
        output_kind: OutputKind = "delta",
    ) -> AsyncGenerator[RequestOutput, None]:
        """Continues a prompt, and yields outputs as tokens come.

        Text is shown when later tokens cannot change it: complete characters, and nothing that a
        stop string may still cut. A task that is slower than the engine gets several tokens at
        once. The last output has `finished` set. A task that is cancelled, or a generator that is
        closed, frees the request's slot at the next step.

        >>> import asyncio
        >>> from multibin import AsyncLLM
        >>> from multibin.llm._load.tiny import ByteTokenizer, tiny_model
        >>> async def main() -> str:
        ...     async with AsyncLLM(tiny_model(), ByteTokenizer()) as llm:
        ...         async for output in llm.generate("A text", output_kind="final"):
        ...             return output.outputs[0].finish_reason
        >>> asyncio.run(main())
        'length'

        Args:
            prompt: as of `LLM.generate`, one.
            sampling_params: None: `default_sampling_params`.
            request_id: a name for `abort`, of which only one may run; None: one that the engine
                makes.
            length: the predicted output tokens.
            priority: 0 is the most urgent; others need `ageing`.
            ttl: seconds after which the request expires if it still waits.
            output_kind: "delta": what came since the last output. "cumulative": all so far.
                "final": one output, at the end.

        Raises:
            FullError: as many requests wait or run as the capacity.
            ClosedError: the engine is closed.
            ExpiredError: the `ttl` was over before the request ran.
            WorkerError: the thread of the engine has failed.
            TypeError, ValueError: an argument is wrong.
            BaseException: what the model raised for this request.
        """
        service = self._service
        service.check()
        one_of("output_kind", output_kind, ("delta", "cumulative", "final"))
        requests = self._admitted(prompt, sampling_params, length, priority, ttl)
        call = service.call(requests)
        name = self._name(request_id, call)
        try:
            await self._enter(call, length, priority, ttl)
            delivery = Delivery(call, output_kind, self._admission.tokenizer, name)
            while not delivery.finished:
                if (output := await delivery.next()) is not None:
                    yield output
        finally:
            del self._calls[name]
            service.cancel(call)

    def chat(
        self,
        messages: Sequence[Message],
        sampling_params: SamplingParams | None = None,
        request_id: str | None = None,
        *,
        length: float | None = None,
        priority: int = 0,
        ttl: float | None = None,
        output_kind: OutputKind = "delta",
        **template_arguments: Any,
    ) -> AsyncGenerator[RequestOutput, None]:
        """Continues a conversation, in the words of the tokenizer's chat template.

        Args:
            messages: [{"role": …, "content": …}, …].
            sampling_params, request_id, length, priority, ttl, output_kind: as of `generate`.
            template_arguments: more variables of the template.

        Raises:
            TypeError, ValueError: there is no template, or it refuses the messages.
        """
        [prompt] = self._chat_prompts(messages, template_arguments)
        return self.generate(
            prompt,
            sampling_params,
            request_id,
            length=length,
            priority=priority,
            ttl=ttl,
            output_kind=output_kind,
        )

    def abort(self, request_id: str) -> bool:
        """Ends a request at the next step; its last output has `finish_reason` "abort".

        Any thread may call it. Returns whether the request was running or waiting.
        """
        self._service.check_process()
        call = self._calls.get(request_id)
        if call is not None:
            self._service.cancel(call)
        return call is not None

    async def drain(self, timeout: float | None = None) -> None:
        """Accepts no more requests, and waits until those that were accepted have ended.

        Raises:
            TypeError, ValueError: `timeout` is no number of at least 0, and nothing is closed.
            TimeoutError: they take longer than `timeout` seconds; they run on.
        """
        if timeout is not None:
            number("timeout", timeout, low=0)
        self._service.check_process()
        self._service.close()
        async with asyncio.timeout(timeout):
            await self._service.over()

    async def aclose(self, timeout: float | None = None) -> None:
        """Drains, and ends the engine's thread.

        After `timeout` seconds (None: no limit) the requests that still run end with
        `ClosedError`, and their slots are free.

        Raises:
            TypeError, ValueError: `timeout` is no number of at least 0, and nothing is closed.
        """
        try:
            await self.drain(timeout)
        except TimeoutError:
            self._service.stop(ClosedError("the engine was closed before this request had ended"))
            await self._service.over()
        self._service.join()
        if self._log is not None:
            await asyncio.to_thread(self._log.end)

    @property
    def closed(self) -> bool:
        """Returns whether no more requests are accepted."""
        return self._service.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.aclose(None if kind is None else 0)

    def _admitted(
        self,
        prompt: Prompt,
        params: SamplingParams | None,
        length: float | None,
        priority: int,
        ttl: float | None,
    ) -> list[Request]:
        """Checks the arguments of a call and returns its requests."""
        integer("priority", priority)
        for name, value in (("length", length), ("ttl", ttl)):
            if value is not None:
                number(name, value, low=0)
        if params is not None and not isinstance(params, SamplingParams):
            raise TypeError(sentence("sampling_params", "SamplingParams or None", params))
        requests = self._admission.requests([prompt], params, names=("prompt",))
        if len(requests) > self._service.room.capacity:
            rule = f"at most the capacity, {self._service.room.capacity}"
            raise ValueError(sentence("sampling_params.n", rule, len(requests)))
        for request in requests:
            request.key = next(self._keys)
        return requests

    def _name(self, request_id: str | None, call: Call) -> str:
        """Enters a call under its name, and returns the name."""
        name = f"multibin-{call.requests[0].key}" if request_id is None else request_id
        if not isinstance(name, str):
            raise TypeError(sentence("request_id", "a str or None", name))
        if self._calls.setdefault(name, call) is not call:
            raise ValueError(sentence("request_id", "one that does not run yet", name))
        return name

    async def _enter(
        self, call: Call, length: float | None, priority: int, ttl: float | None
    ) -> None:
        """Takes room for a call, and submits it."""
        room, rows = self._service.room, len(call.requests)
        deadline = None if ttl is None else time.monotonic() + ttl
        if not room.take(rows) and not await self._wait(call, ttl):
            call.abort()
            return
        if call.aborted:
            room.give(rows)
            call.abort()
            return
        try:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            lengths = self._lengths(call.requests, length)
            self._service.submit(call, lengths, self._meter, priority=priority, ttl=left)
        except BaseException:
            room.give(rows)
            raise

    async def _wait(self, call: Call, ttl: float | None) -> bool:
        """Waits for room, and returns whether there is any: false after an abort."""
        room, rows = self._service.room, len(call.requests)
        if self._on_full == "raise":
            message = f"{room.held} requests wait or run, the capacity is {room.capacity}"
            raise FullError(message, 0, None, room.held)
        call.place = room.place(rows)
        try:
            async with asyncio.timeout(ttl):
                return await room.wait(call.place)
        except TimeoutError:
            raise ExpiredError("the ttl was over before there was room") from None


def _abandon(service: Service, process: int) -> None:
    """Ends the thread of an engine that was dropped."""
    if os.getpid() == process and not service.closed:
        service.stop(ClosedError("the engine was dropped"))
