"""A request while it runs: one continuation of a prompt."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import NamedTuple

from torch import Tensor

from multibin.llm._engine.rows import Row
from multibin.llm._engine.sampling.logprobs import PromptLogprobs, TokenLogprobs
from multibin.llm._engine.stops import Stop
from multibin.llm._engine.text import Text
from multibin.llm._load.tokenizers import Tokenizer
from multibin.llm._outputs import (
    CompletionOutput,
    FinishReason,
    Logprobs,
    RequestMetrics,
    RequestOutput,
)
from multibin.llm._params import SamplingParams


class Sample(NamedTuple):
    """Which continuation of which prompt a request is."""

    prompt: int = 0
    """The position of the prompt in its call."""
    number: int = 0
    """The position among the continuations of the prompt."""


class Request:
    """One prompt, the tokens generated for it so far, and when it ends."""

    def __init__(
        self,
        key: int,
        prompt: str | None,
        prompt_tokens: list[int],
        params: SamplingParams,
        *,
        budget: int,
        eos: frozenset[int],
        tokenizer: Tokenizer | None,
        bad_word_ids: Sequence[Sequence[int]] = (),
        sample: Sample = Sample(),  # noqa: B008 a tuple does not change
    ) -> None:
        self.key = key
        self.sample = sample
        self.prompt = prompt
        self.prompt_tokens = prompt_tokens
        self.params = params
        self.budget = budget
        """The most tokens that it can generate: `max_tokens`, or fewer where the context ends."""
        self.seed = params.seed or 0
        self.bad_word_ids = bad_word_ids
        self.stop_ids = eos.union(params.stop_token_ids or ())
        """Tokens that may end the text; `min_tokens` holds them back."""
        self.tokens: list[int] = []
        self.row = Row()
        """Its keys and values."""
        self.end = budget
        """The tokens at which it leaves its batch, finished or not."""
        self.length = 0
        """The output tokens that were predicted."""
        self.progress = 0
        """The tokens that it had when its batch began."""
        self.ticket: int | None = None
        """Names it in the scheduler, before its first batch."""
        self.finish_reason: FinishReason | None = None
        self.error: BaseException | None = None
        """What ended it with `finish_reason` "error"."""
        self.listener: Callable[[Request], None] | None = None
        """Called in the engine's thread after tokens came, and once at the end."""
        self.called_time = perf_counter()
        """When its call came; it may have waited for room or a lock since."""
        self.arrival_time = math.nan
        self.first_token_time = math.nan
        self.finished_time = math.nan
        self._eos = frozenset() if params.ignore_eos else eos
        self._ends = self._eos.union(params.stop_token_ids or ())
        self._stop: Stop | None = None
        self._text = Text(tokenizer, prompt_tokens, params)
        self._logprobs: list[TokenLogprobs] = []
        self._prompt_logprobs: PromptLogprobs | None = None

    @property
    def cached(self) -> int:
        """Returns the positions in the cache: all tokens but the last, which is not fed yet."""
        return len(self.prompt_tokens) + len(self.tokens) - 1

    def notify(self) -> None:
        """Tells the listener that something changed."""
        if self.listener is not None:
            self.listener(self)

    def finish(self, reason: FinishReason | None) -> None:
        """Ends the request for this reason, if it has none of its own, and tells the listener."""
        self.finish_reason = self.finish_reason or reason
        self.finished_time = perf_counter()
        self.notify()

    def push(self, token: int, logprobs: TokenLogprobs | None = None) -> bool:
        """Takes the next token, and returns whether it was the last.

        After an error of a callable of its own, the request ends without the token.
        """
        if self.error is not None:
            self.finish_reason = "error"
            return True
        self.tokens.append(token)
        if logprobs is not None:
            self._logprobs.append(logprobs)
        self._look_for_end(token)
        return self.finish_reason is not None

    def _look_for_end(self, token: int) -> None:
        ended = token in self._ends
        stop = self._find_stop(ended)
        if len(self.tokens) > self.params.min_tokens and (ended or stop is not None):
            self._stop = stop
            self.finish_reason = "stop"
        elif len(self.tokens) >= self.budget:
            self.finish_reason = "length"

    def _find_stop(self, ended: bool) -> Stop | None:
        """Returns the stop string that the last token completes, if any."""
        finder = self._text.finder
        if finder is None:
            return None
        before = finder.text if ended else None
        stop = finder.push(self.tokens)
        # A stop string that begins with the last token cuts nothing. As in vLLM, the token is then
        # the reason.
        return None if stop is not None and stop.text == before else stop

    def take_prompt_logits(self, logits: Tensor) -> None:
        """Takes the logits behind each token of the prompt, [tokens, vocab].

        Only log probabilities of the prompt's tokens and of the likeliest are kept.
        """
        count = self.params.prompt_logprobs
        if count is not None:
            self._prompt_logprobs = PromptLogprobs(logits, self.prompt_tokens, count)

    @property
    def text(self) -> str:
        """Returns the text so far; what the next token may change is in it."""
        if self._stop is not None:
            kept = self._stop.string if self.params.include_stop_str_in_output else ""
            return self._stop.text + kept
        if self._ended_by_token and not self.params.include_stop_str_in_output:
            return self._text.before_last(self.tokens)
        return self._text.of(self.tokens)

    @property
    def _ended_by_token(self) -> bool:
        return self.finish_reason == "stop" and self._stop is None

    @property
    def _stop_reason(self) -> int | str | None:
        if self._stop is not None:
            return self._stop.string
        if self._ended_by_token and self.tokens[-1] not in self._eos:
            return self.tokens[-1]
        return None

    def completion(self) -> CompletionOutput:
        """Returns what it has generated so far."""
        count = len(self.tokens)
        return CompletionOutput(
            index=self.sample.number,
            text=self.text,
            token_ids=list(self.tokens),
            finish_reason=self.finish_reason,
            stop_reason=self._stop_reason,
            logprobs=self.logprobs(0, count),
            cumulative_logprob=self.cumulative_logprob(count),
        )

    def logprobs(self, start: int, stop: int) -> list[Logprobs] | None:
        """Returns the log probabilities of the tokens between; None if nothing asked for them."""
        if self.params.logprobs is None:
            return None
        return [self._text.decoded(one) for one in self._logprobs[start:stop]]

    def cumulative_logprob(self, count: int) -> float | None:
        """Returns the sum of the first log probabilities; None if nothing asked for them."""
        if self.params.logprobs is None:
            return None
        return sum(one.logprobs[0] for one in self._logprobs[:count])

    def prompt_logprobs(self) -> list[Logprobs | None] | None:
        """Returns the log probabilities of the prompt's tokens; None if nothing asked for them."""
        if self._prompt_logprobs is None:
            return None
        return [None, *map(self._text.decoded, self._prompt_logprobs.read())]

    def output(self) -> RequestOutput:
        """Returns what it has generated so far, as the only continuation of its prompt."""
        return gathered([self])


def gathered(requests: Sequence[Request]) -> RequestOutput:
    """Returns the output of one prompt from all its continuations, finished or not."""
    first = requests[0]
    ended = all(request.finish_reason is not None for request in requests)
    return RequestOutput(
        request_id=str(first.sample.prompt),
        prompt=first.prompt,
        prompt_token_ids=first.prompt_tokens,
        outputs=[request.completion() for request in requests],
        finished=ended,
        metrics=RequestMetrics(
            arrival_time=first.arrival_time,
            first_token_time=_least([request.first_token_time for request in requests]),
            finished_time=max(r.finished_time for r in requests) if ended else math.nan,
        ),
        prompt_logprobs=first.prompt_logprobs(),
    )


def gather(requests: Sequence[Request]) -> list[RequestOutput]:
    """Returns one output a prompt, in their order, from requests in the order of admission."""
    groups: dict[int, list[Request]] = {}
    for request in requests:
        groups.setdefault(request.sample.prompt, []).append(request)
    return [gathered(group) for group in groups.values()]


def _least(times: Sequence[float]) -> float:
    """Returns the first time that has come; NaN if none has."""
    return min((time for time in times if not math.isnan(time)), default=math.nan)
