"""A request while it runs."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from multibin.llm._engine.detokenize import text_after
from multibin.llm._engine.memory import Row
from multibin.llm._engine.stops import Stop, StopFinder
from multibin.llm._load.tokenizers import Tokenizer
from multibin.llm._outputs import CompletionOutput, FinishReason, RequestMetrics, RequestOutput
from multibin.llm._params import SamplingParams


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
    ) -> None:
        self.key = key
        self.prompt = prompt
        self.prompt_tokens = prompt_tokens
        self.params = params
        self.budget = budget
        """The most tokens that it can generate: `max_tokens`, or fewer where the context ends."""
        self.seed = params.seed or 0
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
        self.error: BaseException | None = None
        self.listener: Callable[[Request], None] | None = None
        """Called in the engine's thread after each token, and once at the end."""
        self.arrival_time = 0.0
        self.finish_reason: FinishReason | None = None
        self.first_token_time = 0.0
        self.finished_time = 0.0
        self._eos = frozenset() if params.ignore_eos else eos
        self._tokenizer = tokenizer
        self._stop: Stop | None = None
        self._stop_finder: StopFinder | None = None
        if tokenizer is not None and params.stop_strings:
            self._stop_finder = StopFinder(tokenizer, params.stop_strings, prompt_tokens)

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

    def push(self, token: int, logprobs: object = None) -> bool:
        """Takes the next token, and returns whether it was the last."""
        self.tokens.append(token)
        ended = token in self._eos
        if self._stop_finder is not None:
            self._stop = self._stop_finder.push(self.tokens)
            # A stop string that begins with the end-of-sequence token cuts nothing. As in vLLM, the
            # token is then the reason.
            if ended and self._stop is not None and self._stop.text == self._stop_finder.text:
                self._stop = None
        if ended or self._stop is not None:
            self.finish_reason = "stop"
        elif len(self.tokens) >= self.budget:
            self.finish_reason = "length"
        return self.finish_reason is not None

    def output(self, arrival_time: float) -> RequestOutput:
        """Returns the output of the finished request."""
        assert self.finish_reason is not None
        completion = CompletionOutput(
            index=0,
            text=self._text(),
            token_ids=self.tokens,
            finish_reason=self.finish_reason,
            stop_reason=None if self._stop is None else self._stop.string,
        )
        return RequestOutput(
            request_id=str(self.key),
            prompt=self.prompt,
            prompt_token_ids=self.prompt_tokens,
            outputs=[completion],
            finished=True,
            metrics=RequestMetrics(arrival_time, self.first_token_time, self.finished_time),
        )

    def _text(self) -> str:
        if self._stop is not None:
            return self._stop.text
        if self._tokenizer is None:
            return ""
        return text_after(self._tokenizer, self.prompt_tokens, self.tokens)
