"""The outputs of one prompt while its requests run: what is new, or all there is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from multibin.errors import ExpiredError
from multibin.llm._engine.call import Call, News
from multibin.llm._engine.request import Request
from multibin.llm._engine.stream import TextStream
from multibin.llm._load.tokenizers import Tokenizer
from multibin.llm._outputs import CompletionOutput, Logprobs, RequestMetrics, RequestOutput

__all__ = ["Delivery", "OutputKind"]

OutputKind: TypeAlias = Literal["delta", "cumulative", "final"]
"""What an output has: what came since the last one, all so far, or all at the end."""


class Delivery:
    """Makes the outputs of a call, in its task.

    Args:
        call: its requests run.
        kind: what an output has.
        tokenizer: of the text; None for none.
        request_id: the name of the call.
    """

    def __init__(
        self, call: Call, kind: OutputKind, tokenizer: Tokenizer | None, request_id: str
    ) -> None:
        self._call = call
        self._kind = kind
        self._request_id = request_id
        self._prompt_logprobs: Sequence[Logprobs | None] | None = None
        self._parts = [Part(request, kind, tokenizer) for request in call.requests]

    @property
    def finished(self) -> bool:
        """Returns whether all requests have ended and been delivered."""
        return all(part.finished for part in self._parts)

    async def next(self) -> RequestOutput | None:
        """Waits for something new and returns it; None while only the end is wanted.

        Raises:
            BaseException: the error of the first request that failed.
        """
        news = await self._call.news()
        changed = [self._parts[one.index].take(one) for one in news]
        if self._kind == "final" and not self.finished:
            return None
        shown = changed if self._kind == "delta" else [part.last for part in self._parts]
        return self._output(shown)

    def _output(self, shown: Sequence[CompletionOutput]) -> RequestOutput:
        requests = self._call.requests
        first = requests[0]
        if self._prompt_logprobs is None:
            self._prompt_logprobs = first.prompt_logprobs()
        return RequestOutput(
            request_id=self._request_id,
            prompt=first.prompt,
            prompt_token_ids=first.prompt_tokens,
            outputs=list(shown),
            finished=self.finished,
            metrics=_metrics(requests, ended=self.finished),
            prompt_logprobs=self._prompt_logprobs,
        )


class Part:
    """One request of a call."""

    def __init__(self, request: Request, kind: OutputKind, tokenizer: Tokenizer | None) -> None:
        self.finished = False
        self._request = request
        self._delta = kind == "delta"
        self._taken = 0
        self._stream: TextStream | None = None
        params = request.params
        if tokenizer is not None and kind != "final":
            self._stream = TextStream(
                tokenizer,
                request.prompt_tokens,
                params.stop_strings,
                special_tokens=not params.skip_special_tokens,
            )
        self.last = self._running("", 0, 0)

    def take(self, news: News) -> CompletionOutput:
        """Takes what the request has now, and returns what its output shows of it."""
        request, start = self._request, self._taken
        if news.ended:
            self.finished = True
            if request.error is not None:
                raise request.error
            if request.finish_reason == "expired":
                raise ExpiredError("the request waited longer than its ttl")
            self.last = self._end(request.completion(), start)
        else:
            self._taken = news.count
            tokens = request.tokens[start : news.count]
            text = "" if self._stream is None else self._stream.push(tokens)
            self.last = self._running(text, start, news.count)
        return self.last

    def _running(self, delta: str, start: int, stop: int) -> CompletionOutput:
        request, text = self._request, delta
        if not self._delta:
            start = 0
            text = "" if self._stream is None else self._stream.text
        logprobs = request.logprobs(start, stop)
        return CompletionOutput(
            index=request.sample.number,
            text=text,
            token_ids=request.tokens[start:stop],
            finish_reason=None,
            logprobs=logprobs,
            cumulative_logprob=request.cumulative_logprob(stop),
        )

    def _end(self, whole: CompletionOutput, start: int) -> CompletionOutput:
        if not self._delta:
            return whole
        return replace(
            whole,
            text=whole.text if self._stream is None else self._stream.finish(whole.text),
            token_ids=whole.token_ids[start:],
            logprobs=None if whole.logprobs is None else whole.logprobs[start:],
        )


def _metrics(requests: Sequence[Request], *, ended: bool) -> RequestMetrics:
    firsts = [one.first_token_time for one in requests if not math.isnan(one.first_token_time)]
    return RequestMetrics(
        arrival_time=requests[0].arrival_time,
        first_token_time=min(firsts, default=math.nan),
        finished_time=max(one.finished_time for one in requests) if ended else math.nan,
    )
