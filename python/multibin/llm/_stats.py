"""What an engine counts of its requests, beside the numbers of its core."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from threading import Lock
from time import perf_counter
from typing import Any, TypedDict

from multibin.llm._engine.request import Request

__all__ = ["BOUNDS", "Histogram", "Meter", "RequestStats", "Times", "Watch"]

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

    def __init__(self) -> None:
        self._lock = Lock()
        self.submitted = 0
        self.prompt_tokens = 0
        self.generated_tokens = 0
        self.finished: dict[str, int] = {}
        self.first_token, self.between_tokens, self.latency = Times(), Times(), Times()

    def begin(self, prompt_tokens: int) -> None:
        """Counts a request that is submitted, in any thread."""
        with self._lock:
            self.submitted += 1
            self.prompt_tokens += prompt_tokens

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
        if self._ends is not None:
            self._ends(request)
