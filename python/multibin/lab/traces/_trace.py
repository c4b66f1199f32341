"""The data of a workload: one row per request, in order of arrival."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from multibin import _args
from multibin._args import Floats, Ints

__all__ = ["Trace", "from_arrays"]


@dataclass(frozen=True, eq=False)
class Trace:
    """Requests in their order of arrival; every array has the shape ``[n]`` and is read-only.

    Rows are taken with a slice, a mask or increasing positions: ``trace[:1000]`` is the cut by
    rows, ``cut`` the one by seconds.

    Raises ``ValueError`` for arrays of unlike length, counts out of range, and times that are not
    finite or that decrease; ``TypeError`` for a dtype that is not one of numbers.
    """

    prompt_tokens: Ints
    """Tokens that a request brings, 0 or more; int64."""
    output_tokens: Ints
    """Tokens that it generates, 1 or more; int64."""
    arrivals: Floats | None = None
    """Seconds since the first request, not decreasing; float64. Counted from the first whatever
    was given. ``None`` where times are unknown or ignored."""
    predicted: Ints | None = None
    """Output tokens predicted before it runs, 0 or more; int64. ``None``: the true ones."""
    dropped: int = 0
    """Rows that ``read`` left out because they failed; 0 for a part of a trace."""

    def __post_init__(self) -> None:
        self._set("prompt_tokens", _args.tokens("prompt_tokens", self.prompt_tokens, 0))
        self._set("output_tokens", _args.tokens("output_tokens", self.output_tokens, 1))
        if self.arrivals is not None:
            self._set("arrivals", _from_the_first(_args.seconds("arrivals", self.arrivals)))
        if self.predicted is not None:
            self._set("predicted", _args.tokens("predicted", self.predicted, 0))

    def _set(self, name: str, array: NDArray[np.generic]) -> None:
        """Stores a read-only view, so that rows shared between traces stay as they are."""
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
        )

    @property
    def predictions(self) -> Ints:
        """``predicted``, or ``output_tokens`` where there is none: an oracle. Shape ``[n]``."""
        return self.output_tokens if self.predicted is None else self.predicted

    @property
    def rate(self) -> float:
        """Requests per second, (n − 1) over the time from the first to the last.

        Raises ``ValueError`` without arrivals or where all are at once.
        """
        times = self._times()
        if len(times) == 0 or times[-1] == 0:
            raise ValueError("the trace has no rate, as all its requests arrive at one time")
        return (len(times) - 1) / float(times[-1])

    def with_arrivals(self, arrivals: ArrayLike | None) -> Trace:
        """The same requests at other times, in seconds, shape ``[n]``, not decreasing; ``None``
        removes them. Raises as the class.
        """
        times = None if arrivals is None else _args.seconds("arrivals", arrivals)
        return replace(self, arrivals=times)

    def with_predicted(self, predicted: ArrayLike | None) -> Trace:
        """The same requests with other predictions, in tokens, shape ``[n]``; ``None``: the true
        lengths. Raises as the class.
        """
        lengths = None if predicted is None else _args.tokens("predicted", predicted, 0)
        return replace(self, predicted=lengths)

    def scale_rate(self, factor: float) -> Trace:
        """All gaps divided by ``factor``: 2 doubles the rate. The shape of bursts stays.

        Raises ``ValueError`` for a factor that is not above 0, or without arrivals.
        """
        return replace(self, arrivals=self._times() / _args.positive("factor", factor))

    def to_rate(self, rate: float) -> Trace:
        """``scale_rate`` to ``rate`` requests per second. Raises as ``rate`` and ``scale_rate``."""
        return self.scale_rate(_args.positive("rate", rate) / self.rate)

    def cut(self, start: float = 0.0, stop: float = np.inf) -> Trace:
        """The requests with start ≤ arrival < stop, in seconds; the first of them is at 0.

        Raises ``ValueError`` without arrivals, and unless start ≤ stop.
        """
        if not start <= stop:
            raise ValueError(_args.sentence("stop", f"at least start = {start:g}", stop))
        first, last = np.searchsorted(self._times(), [start, stop])
        return self[first:last]

    def resample(self, n: SupportsIndex, seed: SupportsIndex) -> Trace:
        """``n`` requests drawn with replacement, prompt, output and prediction of a row together
        (bootstrap). They have no arrivals: ``with_arrivals`` gives them some.

        Raises ``ValueError`` for n below 1 or a trace without rows.
        """
        if len(self) == 0:
            raise ValueError("the trace has no rows to draw from")
        rows = _args.generator(seed).integers(0, len(self), _args.integer("n", n, 1))
        return self.with_arrivals(None)[rows]

    def fitted(self, context: int) -> tuple[Trace, float]:
        """All counts scaled by one factor, at most 1, so that the longest request has at most
        ``context`` tokens; counts stay at least 1. Returns the trace and the factor.

        Raises ``ValueError`` for a context below 2, which holds no prompt and output.
        """
        room = _args.integer("context", context, 2)
        longest = int((self.prompt_tokens + self.output_tokens).max(initial=1))
        factor = min(1.0, room / longest)
        scaled = replace(
            self,
            prompt_tokens=_scaled(self.prompt_tokens, factor),
            output_tokens=_scaled(self.output_tokens, factor),
            predicted=None if self.predicted is None else _scaled(self.predicted, factor),
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
) -> Trace:
    """A trace of arrays or lists, shape ``[n]`` each: tokens of any integer dtype, arrivals in
    seconds. Rows are put in order of arrival; those of one time keep theirs.

    Raises as ``Trace``, but for arrivals that decrease.
    """
    prompt = _args.tokens("prompt_tokens", prompt_tokens, 0)
    output = _args.tokens("output_tokens", output_tokens, 1)
    lengths = None if predicted is None else _args.tokens("predicted", predicted, 0)
    times = None if arrivals is None else _args.seconds("arrivals", arrivals)
    if times is None or not (np.diff(times) < 0).any():
        return Trace(prompt, output, times, lengths)
    order = np.argsort(times, kind="stable")
    return Trace(prompt, output, np.zeros(len(times)), lengths)[order].with_arrivals(times[order])


def _from_the_first(times: Floats) -> Floats:
    falls = np.diff(times) < 0
    if falls.any():
        at = int(falls.argmax()) + 1
        rule = f"at least arrivals[{at - 1}] = {times[at - 1]:g}"
        raise ValueError(_args.sentence(f"arrivals[{at}]", rule, float(times[at])))
    return times - times[0] if len(times) else times


def _scaled(counts: Ints, factor: float) -> Ints:
    scaled: Floats = np.floor(counts * factor)
    return np.maximum(1, scaled).astype(np.int64)
