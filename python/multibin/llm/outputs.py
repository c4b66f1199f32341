"""What `LLM.generate` returns and records. Names as in vLLM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FinishReason: TypeAlias = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class CompletionOutput:
    """One generated continuation."""

    index: int
    text: str
    """What decoding the prompt and the tokens gives behind the prompt, without special tokens, cut
    before a stop string. It begins with a space if the first token holds one. A token that does not
    decode is U+FFFD. Empty without a tokenizer."""
    token_ids: list[int]
    """Everything that was generated, an end-of-sequence token included."""
    finish_reason: FinishReason
    """"stop" at an end-of-sequence token or a stop string, "length" at `max_tokens` or the end of
    the context."""
    stop_reason: str | None = None
    """The stop string that was found; None where an end-of-sequence token ended the text."""


@dataclass(frozen=True, slots=True)
class RequestMetrics:
    """When a request reached each stage: seconds on the clock of `time.perf_counter`."""

    arrival_time: float
    """The start of the run: of the first batch, with every request of the call waiting."""
    first_token_time: float
    finished_time: float


@dataclass(frozen=True, slots=True)
class RequestOutput:
    """A prompt and what was generated for it."""

    request_id: str
    """The position of the prompt in the call."""
    prompt: str | None
    """The prompt as text, None where token ids were given."""
    prompt_token_ids: list[int]
    outputs: list[CompletionOutput]
    """One element."""
    finished: bool
    metrics: RequestMetrics


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """One batch as it ran; element i of the tuples belongs to row i."""

    bin: int
    reason: str
    """Why the batch left, as the scheduler says."""
    limit: int | None
    """The most tokens that any row was to generate in this batch."""
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
    """Seconds on the clock of `time.perf_counter`, as `finished`."""
    finished: float

    @property
    def rows(self) -> int:
        """Requests in the batch."""
        return len(self.keys)

    @property
    def steps(self) -> int:
        """Tokens of the row that ran longest."""
        return max(self.tokens)

    @property
    def useful_tokens(self) -> int:
        """Tokens of all rows."""
        return sum(self.tokens)
