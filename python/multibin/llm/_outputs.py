"""What `LLM.generate` returns and records. Names are those of vLLM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

FinishReason: TypeAlias = Literal["stop", "length", "abort", "expired", "error"]


@dataclass(frozen=True, slots=True)
class Logprob:
    """The log probability of one token at one position.

    >>> from multibin.llm import Logprob
    >>> Logprob(-0.25, 1, " Paris").rank
    1
    """

    logprob: float
    """The logarithm of the probability by the model's own logits, before any parameter acts."""
    rank: int | None = None
    """The place among all tokens, the likeliest is 1; tokens of equal probability count."""
    decoded_token: str | None = None
    """The token decoded alone, special tokens included; None without a tokenizer."""


Logprobs: TypeAlias = dict[int, Logprob]
"""Token ids with their log probabilities: the token of the position, then the likeliest."""


@dataclass(frozen=True, slots=True)
class CompletionOutput:
    """One generated continuation of a prompt.

    >>> from multibin import CompletionOutput
    >>> completion = CompletionOutput(0, " Paris.", [12, 7], "length")
    >>> completion.text, completion.stop_reason
    (' Paris.', None)
    """

    index: int
    """The position among the continuations of the prompt."""
    text: str
    """What decoding prompt and tokens together adds behind the prompt.

    Special tokens are left out unless `skip_special_tokens` is False. The text is cut before a stop
    string or stop token, unless `include_stop_str_in_output` is set. It begins with a space if the
    first token holds one. A token that does not decode is U+FFFD. Without a tokenizer the text is
    empty.
    """
    token_ids: list[int]
    """All generated tokens, an end-of-sequence token included."""
    finish_reason: FinishReason | None
    """Why the text ended; None while it runs.

    "stop": an end-of-sequence token, a stop token or a stop string. "length": `max_tokens` or the
    end of the context. "abort": it was cancelled. "expired": its time to live passed. "error": an
    error ended it.
    """
    stop_reason: int | str | None = None
    """The stop string or the id of the stop token; None for an end-of-sequence token."""
    logprobs: list[Logprobs] | None = None
    """Log probabilities at each generated token; None unless asked for."""
    cumulative_logprob: float | None = None
    """The sum of the log probabilities of the generated tokens; None unless asked for."""


@dataclass(frozen=True, slots=True)
class RequestMetrics:
    """When a request reached each stage: seconds on the clock of `time.perf_counter`.

    >>> from multibin.llm import RequestMetrics
    >>> metrics = RequestMetrics(arrival_time=1.0, first_token_time=1.25, finished_time=3.0)
    >>> metrics.first_token_time - metrics.arrival_time
    0.25
    """

    arrival_time: float
    """When the first batch of the call started, with every request of the call waiting."""
    first_token_time: float
    """When the first token was on the host; NaN before."""
    finished_time: float
    """When the last token was on the host; NaN before."""


@dataclass(frozen=True, slots=True)
class RequestOutput:
    """A prompt and what was generated for it.

    >>> from multibin import CompletionOutput, RequestOutput
    >>> from multibin.llm import RequestMetrics
    >>> completion = CompletionOutput(0, "", [12, 7], "length")
    >>> output = RequestOutput(
    ...     "0", None, [5, 6, 7], [completion], True, RequestMetrics(1.0, 1.25, 3.0)
    ... )
    >>> output.outputs[0].token_ids
    [12, 7]
    """

    request_id: str
    """The position of the prompt in the call."""
    prompt: str | None
    """The prompt as text; None where token ids were given."""
    prompt_token_ids: list[int]
    """The prompt as token ids."""
    outputs: list[CompletionOutput]
    """The continuations, `n` of them."""
    finished: bool
    """Whether all continuations have ended; `generate` returns finished requests."""
    metrics: RequestMetrics
    """When the request reached each stage; of several continuations, the first or last does."""
    prompt_logprobs: Sequence[Logprobs | None] | None = None
    """Log probabilities at each token of the prompt, None at the first; None unless asked for."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch as it ran; element i of the tuples belongs to row i.

    >>> from multibin.llm import BatchRecord
    >>> record = BatchRecord(
    ...     bin=0, reason="full", limit=16, keys=(4, 7), progress=(0, 0), tokens=(16, 9),
    ...     prefills=1, decode_steps=15, rows_computed=25, started=1.0, finished=1.5,
    ... )
    >>> record.rows, record.steps, record.useful_tokens
    (2, 16, 25)
    """

    bin: int
    """The index of the bin that led the batch."""
    reason: str
    """Why the batch left, in the scheduler's words."""
    limit: int | None
    """The most tokens for any row in this batch; None: no limit."""
    keys: tuple[int, ...]
    """Positions of the prompts in the call."""
    progress: tuple[int, ...]
    """Tokens generated before this batch."""
    tokens: tuple[int, ...]
    """Tokens generated in this batch."""
    prefills: int
    """Forward passes over prompts."""
    decode_steps: int
    """Forward passes over one token a row."""
    rows_computed: int
    """Rows summed over all forward passes."""
    started: float
    """Seconds on the clock of `time.perf_counter`."""
    finished: float
    """Seconds on the clock of `time.perf_counter`."""

    @property
    def rows(self) -> int:
        """Returns the number of requests in the batch.

        >>> BatchRecord(0, "full", None, (4, 7), (0, 0), (2, 9), 1, 8, 11, 1.0, 1.5).rows
        2
        """
        return len(self.keys)

    @property
    def steps(self) -> int:
        """Returns the tokens of the row that ran longest.

        >>> BatchRecord(0, "full", None, (4, 7), (0, 0), (2, 9), 1, 8, 11, 1.0, 1.5).steps
        9
        """
        return max(self.tokens)

    @property
    def useful_tokens(self) -> int:
        """Returns the tokens of all rows.

        >>> BatchRecord(0, "full", None, (4, 7), (0, 0), (2, 9), 1, 8, 11, 1.0, 1.5).useful_tokens
        11
        """
        return sum(self.tokens)
