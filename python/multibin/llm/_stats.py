"""What an engine counts of its requests, beside the numbers of its core."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from threading import Lock
from time import perf_counter
from typing import Any, Protocol, TypedDict

from multibin.llm._engine.request import Request
from multibin.llm._recording import Log

__all__ = [
    "BOUNDS",
    "ClassStats",
    "CoreStats",
    "EngineStats",
    "Histogram",
    "Meter",
    "RequestStats",
    "Times",
    "Totals",
    "Watch",
]

BOUNDS = [0.0005 * 2**power for power in range(19)]
"""Upper bounds of the buckets: from 0.5 ms to 131 s."""


class Histogram(TypedDict):
    """Times in seconds."""

    bounds: list[float]
    """Upper bounds of the buckets; the last bucket has none. A bound is in its bucket."""
    counts: list[int]
    """Times in each bucket, not cumulative; one bucket more than there are bounds."""
    sum: float
    """The sum of all times."""


class RequestStats(TypedDict):
    """Counts of requests since the engine was made; ready for JSON."""

    submitted: int
    finished: dict[str, int]
    """Requests that ended, by `finish_reason`."""
    prompt_tokens: int
    """Tokens of the prompts of all submitted requests."""
    generated_tokens: int
    time_to_first_token: Histogram
    """From the submission of a request to its first token."""
    time_between_tokens: Histogram
    """Between two tokens of a request, the time in which it is parked included."""
    latency: Histogram
    """From the submission of a request to its end, for whatever reason."""


class ClassStats(TypedDict):
    """One size class of the KV cache."""

    capacity: int
    """Positions of a slot."""
    slots: int
    rows: int
    """Slots whose rows run or are about to."""
    bytes: int


class CoreStats(TypedDict, total=False):
    """Numbers of the core; ready for JSON."""

    classes: list[ClassStats]
    rows_running: int
    rows_joining: int
    """Rows that wait for memory or their prompt's pass."""
    rows_kept: int
    """Rows of requests that have ended, whose beginning others may share."""
    rows_parked_device: int
    """Rows that wait, with their keys and values on the device."""
    rows_parked_host: int
    """Rows that wait, with their keys and values in the memory of the host."""
    bytes_host: int
    """What these take."""
    climbs: int
    """Moves to a larger slot."""
    moved: int
    """Moves to a slot of the same capacity."""
    parked: int
    """Rows that stopped running with tokens to go."""
    offloaded: int
    """Rows copied to the memory of the host."""
    restored: int
    """Rows copied back."""
    dropped: int
    """Rows whose keys and values were given up, and computed again."""
    shared: int
    """Positions copied from a row with the same beginning, not computed."""
    preempted: int
    """Running rows that lost their slot to another."""
    steps: int
    """Decode steps."""
    prefills: int
    """Prompt passes."""
    prefill_tokens: int
    rows_computed: int
    """Rows summed over all passes."""
    positions_used: int
    """Positions cached, summed over rows and decode steps."""
    positions_allocated: int
    """Positions of slots, summed over rows and decode steps."""
    waste: float
    """The share of the allocated positions that were not used."""


class EngineStats(RequestStats, CoreStats):
    """What an engine counts, from when it was made; ready for JSON."""


class Times:
    """Collects times in buckets."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, seconds: float, times: int = 1) -> None:
        """Adds one time, or several that are equal."""
        self._counts[bisect_left(BOUNDS, seconds)] += times
        self._sum += seconds * times

    def histogram(self) -> Histogram:
        """Returns a copy."""
        return {"bounds": BOUNDS, "counts": list(self._counts), "sum": self._sum}


class Meter:
    """Counts requests and their tokens. Tokens come in one thread at a time."""

    def __init__(self, log: Log | None = None) -> None:
        self.log = log
        """Where requests are recorded when they end."""
        self._lock = Lock()
        self.submitted = 0
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.finished: dict[str, int] = {}
        self.first_token, self.between_tokens, self.latency = Times(), Times(), Times()

    def begin(self, prompt_tokens: int) -> None:
        """Counts a request that is about to be submitted, in any thread."""
        with self._lock:
            self.submitted += 1
            self.prompt_tokens += prompt_tokens

    def withdraw(self, prompt_tokens: int) -> None:
        """Takes back a request that was refused."""
        with self._lock:
            self.submitted -= 1
            self.prompt_tokens -= prompt_tokens

    def end(self, reason: str, seconds: float) -> None:
        """Counts a request that ended, in any thread."""
        with self._lock:
            self.finished[reason] = self.finished.get(reason, 0) + 1
            self.latency.add(seconds)

    def stats(self) -> RequestStats:
        """Returns the counts at this moment."""
        return {
            "submitted": self.submitted,
            "finished": dict(self.finished),
            "prompt_tokens": self.prompt_tokens,
            "generated_tokens": self.generated_tokens,
            "time_to_first_token": self.first_token.histogram(),
            "time_between_tokens": self.between_tokens.histogram(),
            "latency": self.latency.histogram(),
        }


ADDED = (
    "preempted",
    "steps",
    "prefills",
    "prefill_tokens",
    "rows_computed",
    "positions_used",
    "positions_allocated",
)
"""Numbers that a runner counts from 0."""


class Counts(Protocol):
    """A runner, as far as its numbers matter."""

    def stats(self) -> dict[str, Any]:
        """Returns the numbers of the core."""


class Totals:
    """Sums the numbers of an engine's runners, of which one runs at a time."""

    def __init__(self) -> None:
        self._before = dict.fromkeys(ADDED, 0)
        self._runner: Counts | None = None

    def begin(self, runner: Counts) -> None:
        """Counts the next runner, as the last one has ended."""
        self._before = self._sums(self._current())
        self._runner = runner

    def stats(self, memory: Mapping[str, Any]) -> CoreStats:
        """Returns all numbers, and those of the memory where no runner is."""
        current = self._current()
        found = {**memory, **current, **self._sums(current)}
        allocated = found["positions_allocated"]
        found["waste"] = 1 - found["positions_used"] / allocated if allocated else 0.0
        return found  # type: ignore[return-value]

    def _current(self) -> dict[str, Any]:
        return {} if self._runner is None else self._runner.stats()

    def _sums(self, current: Mapping[str, Any]) -> dict[str, int]:
        return {name: count + current.get(name, 0) for name, count in self._before.items()}


class Watch:
    """Measures one request; it is the request's listener.

    Args:
        meter: where the counts go.
        request: it is submitted now.
        ends: called once, when the request ends.
    """

    __slots__ = ("_began", "_count", "_ended", "_ends", "_last", "_meter")

    def __init__(
        self, meter: Meter, request: Request, ends: Callable[[Request], object] | None = None
    ) -> None:
        self._meter = meter
        self._began = self._last = perf_counter()
        self._count = 0
        self._ended = False
        self._ends = ends
        meter.begin(len(request.prompt_tokens))

    def __call__(self, request: Request) -> None:
        """Takes note of what the request has now."""
        now = perf_counter()
        if (new := len(request.tokens) - self._count) > 0:
            self._take(new, now)
        if request.finish_reason is not None and not self._ended:
            self._ended = True
            self._end(request, now)

    def withdraw(self, request: Request) -> None:
        """Counts the request no more, as it was refused."""
        self._meter.withdraw(len(request.prompt_tokens))

    def _take(self, new: int, now: float) -> None:
        meter = self._meter
        meter.generated_tokens += new
        if not self._count:
            meter.first_token.add(now - self._began)
        # Tokens of one read of the host share the time since the last one.
        if gaps := new if self._count else new - 1:
            meter.between_tokens.add((now - self._last) / new, gaps)
        self._count += new
        self._last = now

    def _end(self, request: Request, now: float) -> None:
        self._meter.end(str(request.finish_reason), now - self._began)
        if self._meter.log is not None:
            self._meter.log.add(request)
        if self._ends is not None:
            self._ends(request)
