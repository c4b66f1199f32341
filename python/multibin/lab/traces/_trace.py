"""The data of a workload: a row per request, in order of arrival."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin import _args
from multibin._args import Floats, Ints
from multibin.lab.traces._measured import Measured
from multibin.lab.traces._prefixes import Prefixes
from multibin.lab.traces._source import Source

__all__ = ["Trace", "from_arrays"]


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in their order of arrival. Every array has the shape ``[n]`` and is read-only.

    A slice, a mask or increasing positions take rows: ``trace[:1000]`` cuts by rows, ``cut`` by
    seconds.

    Raises:
        TypeError: a dtype is not one of numbers.
        ValueError: arrays differ in length, counts are out of range, or times are not finite or
            decrease.

    >>> from multibin.lab.traces import Trace
    >>> trace = Trace([10, 20, 30], [4, 5, 6], arrivals=[100.0, 101.0, 103.0])
    >>> len(trace[1:]), trace.arrivals.tolist(), trace.rate
    (2, [0.0, 1.0, 3.0], 0.6666666666666666)
    """

    prompt_tokens: Ints
    """Tokens of a request's prompt, 0 or more; int64."""
    output_tokens: Ints
    """Tokens that it generates, 1 or more; int64."""
    arrivals: Floats | None = None
    """Seconds since the first request, not decreasing; float64.

    Given times are counted from the first one. None where times are unknown or ignored."""
    predicted: Ints | None = None
    """Output tokens predicted before it runs, 0 or more; int64. None: the true ones."""
    dropped: int = 0
    """Rows that ``read`` left out because they failed; 0 for a part of a trace."""
    source: Source | None = None
    """What ``read`` found in the file. None for arrays, and for a part of a trace."""
    measured: Measured | None = None
    """What a benchmark measured, by request.

    None where the file has no such times, and after a change of arrivals or lengths."""
    prefixes: Prefixes | None = None
    """The hashes of the prompts' blocks, for the hits of a prefix cache.

    None where the file has none, and after a change of lengths or in requests that are drawn."""
    cached_tokens: Ints | None = None
    """Tokens of each prompt that a prefix cache has when the request comes; int64.

    They are in no cost of a prefill. None: none, and after a change of lengths. A row keeps its
    tokens in parts of the trace, at other times and where it is drawn."""

    def __post_init__(self) -> None:
        self._set("prompt_tokens", _args.tokens("prompt_tokens", self.prompt_tokens, 0))
        self._set("output_tokens", _args.tokens("output_tokens", self.output_tokens, 1))
        if self.arrivals is not None:
            self._set("arrivals", _from_the_first(_args.seconds("arrivals", self.arrivals)))
        if self.predicted is not None:
            self._set("predicted", _args.predictions("predicted", self.predicted))
        if self.cached_tokens is not None:
            self._set("cached_tokens", _args.tokens("cached_tokens", self.cached_tokens, 0))
            _check_cached(self.cached_tokens, self.prompt_tokens)
        for name, other in (("measured", self.measured), ("prefixes", self.prefixes)):
            if other is not None and len(other) != len(self):
                rule = f"as long as prompt_tokens, {len(self)} values"
                raise ValueError(f"{name} must be {rule}, got {len(other)}")

    def _set(self, name: str, array: NDArray[np.generic]) -> None:
        """Stores a read-only view, so that rows shared between traces do not change."""
        if len(array) != len(self.prompt_tokens):
            rule = f"as long as prompt_tokens, {len(self.prompt_tokens)} values"
            raise ValueError(f"{name} must be {rule}, got {len(array)}")
        view = array.view()
        view.flags.writeable = False
        object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.prompt_tokens)

    def __getitem__(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Trace:
        if isinstance(rows, (int, np.integer)):
            raise TypeError(
                _args.sentence("rows", "a slice, a mask or an array of positions", rows)
            )
        return Trace(
            self.prompt_tokens[rows],
            self.output_tokens[rows],
            None if self.arrivals is None else self.arrivals[rows],
            None if self.predicted is None else self.predicted[rows],
            measured=None if self.measured is None else self.measured[rows],
            prefixes=None if self.prefixes is None else self.prefixes[rows],
            cached_tokens=None if self.cached_tokens is None else self.cached_tokens[rows],
        )

    @property
    def predictions(self) -> Ints:
        """Returns ``predicted``, or the true ``output_tokens`` without one; shape ``[n]``.

        >>> from multibin.lab.traces import from_arrays
        >>> from_arrays([1, 1], [4, 5]).predictions.tolist()
        [4, 5]
        """
        return self.output_tokens if self.predicted is None else self.predicted

    @property
    def rate(self) -> float:
        """Returns the requests per second, (n − 1) over the time from the first to the last.

        Raises:
            ValueError: the trace has no arrivals, or all at one time.
        """
        times = self._times()
        if len(times) == 0 or times[-1] == 0:
            raise ValueError("the trace has no rate, as all its requests arrive at one time")
        return (len(times) - 1) / float(times[-1])

    @property
    def hit_rate(self) -> float | None:
        """Returns the share of all prompt tokens that the prefix cache has, or None without one.

        >>> from multibin.lab.traces import from_arrays
        >>> from_arrays([10, 30], [4, 5], cached_tokens=[0, 20]).hit_rate
        0.5
        """
        if self.cached_tokens is None:
            return None
        return int(self.cached_tokens.sum()) / max(1, int(self.prompt_tokens.sum()))

    @property
    def burstiness(self) -> float:
        """Returns the coefficient of variation of the gaps: standard deviation over mean.

        It is about 1 for a Poisson process, above 1 for bursts, and 0 for equal gaps.

        Raises:
            ValueError: the trace has no arrivals, or all at one time.

        >>> from multibin.lab.traces import from_arrays
        >>> from_arrays([1] * 3, [4] * 3, arrivals=[0, 0, 2]).burstiness
        1.0
        """
        gaps = np.diff(self._times())
        return float(gaps.std()) * self.rate

    def with_arrivals(self, arrivals: ArrayLike | None) -> Trace:
        """Returns the requests at other times, in seconds, shape ``[n]``, not decreasing.

        None removes the times. The source stays, and what was measured goes. The errors are those
        of ``Trace``.

        >>> from multibin.lab.traces import from_arrays
        >>> from_arrays([1, 1], [4, 5]).with_arrivals([0, 2]).rate
        0.5
        """
        times = None if arrivals is None else _args.seconds("arrivals", arrivals)
        return replace(self, arrivals=times, measured=None)

    def with_predicted(self, predicted: ArrayLike | None) -> Trace:
        """Returns the requests with other predictions, in tokens, shape ``[n]``.

        Floats are rounded up; None predicts the true lengths. The errors are those of ``Trace``.

        >>> from multibin.lab.traces import from_arrays
        >>> from_arrays([1, 1], [4, 5]).with_predicted([8, 8]).predictions.tolist()
        [8, 8]
        """
        lengths = None if predicted is None else _args.predictions("predicted", predicted)
        return replace(self, predicted=lengths)

    def with_prefix_cache(self, capacity_tokens: SupportsIndex | None = None) -> Trace:
        """Returns the requests with the ``cached_tokens`` that an ideal prefix cache has of them.

        The cache is that of ``Prefixes.cached_tokens``. All servers share it, rows fill it in their
        order, and the blocks that were used longest ago leave first.

        Args:
            capacity_tokens: the most tokens in the cache, at least those of a block; what a whole
                block does not fill is lost. None is without a limit.

        Raises:
            TypeError: the capacity is no int.
            ValueError: the trace has no ``prefixes``, or the capacity holds no block.

        >>> import numpy as np
        >>> from multibin.lab.traces import Prefixes, Trace
        >>> blocks = Prefixes(np.array([0, 2, 4]), np.array([7, 8, 7, 9]), np.array([20, 30]), 16)
        >>> trace = Trace([20, 30], [4, 5], prefixes=blocks)
        >>> trace.with_prefix_cache(64).cached_tokens.tolist()
        [0, 16]
        """
        if self.prefixes is None:
            raise ValueError("the trace has no prefixes, the hashes of prompt blocks")
        blocks = None
        if capacity_tokens is not None:
            size = self.prefixes.block_tokens
            blocks = _args.integer("capacity_tokens", capacity_tokens, size) // size
        return replace(self, cached_tokens=self.prefixes.cached_tokens(blocks))

    def scale_rate(self, factor: float) -> Trace:
        """Returns the trace with all gaps divided by ``factor``: 2 doubles the rate.

        The shape of bursts stays.

        Raises:
            ValueError: the factor is not above 0, or the trace has no arrivals.

        >>> from multibin.lab.traces import from_arrays
        >>> from_arrays([1, 1], [4, 5], arrivals=[0, 2]).scale_rate(2).arrivals.tolist()
        [0.0, 1.0]
        """
        times = self._times() / _args.positive("factor", factor)
        return replace(self, arrivals=times, measured=None)

    def to_rate(self, rate: float) -> Trace:
        """Returns the trace with gaps scaled to ``rate`` requests per second.

        Raises:
            ValueError: the rate is not above 0, or the trace has no rate.

        >>> from multibin.lab.traces import from_arrays
        >>> from_arrays([1, 1], [4, 5], arrivals=[0, 2]).to_rate(4).arrivals.tolist()
        [0.0, 0.25]
        """
        return self.scale_rate(_args.positive("rate", rate) / self.rate)

    def cut(self, start: float = 0.0, stop: float = np.inf) -> Trace:
        """Returns the requests with start ≤ arrival < stop, in seconds; the first is at 0.

        Raises:
            ValueError: the trace has no arrivals, or start is above stop.

        >>> from multibin.lab.traces import from_arrays
        >>> from_arrays([1, 1, 1], [4, 5, 6], arrivals=[0, 2, 5]).cut(1).arrivals.tolist()
        [0.0, 3.0]
        """
        if not start <= stop:
            raise ValueError(_args.sentence("stop", f"at least start = {start:g}", stop))
        first, last = np.searchsorted(self._times(), [start, stop])
        return self[first:last]

    def resample(self, n: SupportsIndex, seed: SupportsIndex) -> Trace:
        """Draws ``n`` rows with replacement (bootstrap), without arrivals.

        What a row has stays together: prompt, output, prediction, cached tokens.
        ``with_arrivals`` sets arrivals.

        Raises:
            ValueError: n is below 1, or the trace has no rows.

        >>> from multibin.lab.traces import from_arrays
        >>> len(from_arrays([1, 1], [4, 5]).resample(100, seed=0))
        100
        """
        if len(self) == 0:
            raise ValueError("the trace has no rows to draw from")
        rows = _args.generator(seed).integers(0, len(self), _args.integer("n", n, 1))
        return replace(self, arrivals=None, measured=None, prefixes=None)[rows]

    def fitted(self, context: int) -> tuple[Trace, float]:
        """Returns the trace with all counts scaled by one factor, and this factor.

        The factor is at most 1, and such that the longest request has at most ``context`` tokens.
        Counts stay at least 1.

        Raises:
            ValueError: the context is below 2, which holds no prompt and output.

        >>> from multibin.lab.traces import from_arrays
        >>> trace, factor = from_arrays([10, 30], [10, 50]).fitted(40)
        >>> trace.output_tokens.tolist(), factor
        ([5, 25], 0.5)
        """
        room = _args.integer("context", context, 2)
        longest = int((self.prompt_tokens + self.output_tokens).max(initial=1))
        factor = min(1.0, room / longest)
        scaled = replace(
            self,
            prompt_tokens=_scaled(self.prompt_tokens, factor),
            output_tokens=_scaled(self.output_tokens, factor),
            predicted=None if self.predicted is None else _scaled(self.predicted, factor),
            measured=None,
            prefixes=None,
            cached_tokens=None,
        )
        return scaled, factor

    def _times(self) -> Floats:
        if self.arrivals is None:
            raise ValueError("the trace has no arrivals; with_arrivals() sets them")
        return self.arrivals


def from_arrays(
    prompt_tokens: ArrayLike,
    output_tokens: ArrayLike,
    *,
    arrivals: ArrayLike | None = None,
    predicted: ArrayLike | None = None,
    cached_tokens: ArrayLike | None = None,
) -> Trace:
    """Returns a trace of arrays or lists, shape ``[n]`` each.

    Tokens may have any integer dtype; predicted ones may be floats, which are rounded up. Arrivals
    are in seconds. Rows are put in order of
    arrival; rows of one time keep their order.

    Raises:
        TypeError: a dtype is not one of numbers.
        ValueError: arrays differ in length, or values are out of range.

    >>> from multibin.lab.traces import from_arrays
    >>> trace = from_arrays([10, 20], [4, 5], arrivals=[7.0, 6.0])
    >>> trace.output_tokens.tolist(), trace.arrivals.tolist()
    ([5, 4], [0.0, 1.0])
    """
    prompt = _args.tokens("prompt_tokens", prompt_tokens, 0)
    output = _args.tokens("output_tokens", output_tokens, 1)
    lengths = None if predicted is None else _args.predictions("predicted", predicted)
    times = None if arrivals is None else _args.seconds("arrivals", arrivals)
    cached = None if cached_tokens is None else _args.tokens("cached_tokens", cached_tokens, 0)
    if times is None or not (np.diff(times) < 0).any():
        return Trace(prompt, output, times, lengths, cached_tokens=cached)
    order = np.argsort(times, kind="stable")
    # Of as many equal times, as a trace refuses those that decrease.
    trace = Trace(prompt, output, np.zeros(len(times)), lengths, cached_tokens=cached)
    return trace[order].with_arrivals(times[order])


def _from_the_first(times: Floats) -> Floats:
    falls = np.diff(times) < 0
    if falls.any():
        at = int(falls.argmax()) + 1
        rule = f"at least arrivals[{at - 1}] = {times[at - 1]:g}"
        raise ValueError(_args.sentence(f"arrivals[{at}]", rule, float(times[at])))
    return times - times[0] if len(times) else times


def _check_cached(cached: Ints, prompts: Ints) -> None:
    """Raises a ``ValueError`` for a prompt of which more tokens are cached than it has."""
    more = cached > prompts
    if more.any():
        at = int(more.argmax())
        rule = f"at most prompt_tokens[{at}] = {prompts[at]}"
        raise ValueError(_args.sentence(f"cached_tokens[{at}]", rule, int(cached[at])))


def _scaled(counts: Ints, factor: float) -> Ints:
    scaled: Floats = np.floor(counts * factor)
    return np.maximum(1, scaled).astype(np.int64)
