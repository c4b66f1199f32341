"""The requests that plans are played on, and others like them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin.lab.compare import (
    DRAWN,
    SAMPLE,
    Settings,
    describe_arrivals,
    with_hits,
    with_predictions,
)
from multibin.lab.plan._question import Question
from multibin.lab.plan._stretches import resampled, thinned
from multibin.lab.traces import Trace, arrivals

__all__ = ["Load", "as_predicted", "load", "own_rate", "within_context"]

SCREENED, SCREENED_QUICKLY = 10_000, 4_000
"""Requests of the first run of every candidate."""

STATIONARY, STATIONARY_QUICKLY = 60_000, 15_000
"""Requests drawn for one search of the highest stable rate."""

QUICK = 50_000
"""Requests that a quick search plays at most."""

PLAYED, SAMPLED, REPLICATED, SATURATED = range(4)
"""What is drawn, for seeds that differ."""


@dataclass(frozen=True, eq=False)
class Load:
    """The requests to plan for. All of its traces have a mean rate of about 1 per second.

    >>> from multibin.lab.compare import Settings
    >>> from multibin.lab.plan import Objective, Question, load
    >>> from multibin.lab.traces import arrivals, chat
    >>> trace = chat(2000, seed=0).with_arrivals(arrivals.poisson(2000, rate=3.0, seed=1))
    >>> own = load(Question(Settings("chat"), Objective(3.0)), trace)
    >>> own.own, round(own.base.rate, 6), own.arrivals
    (True, 1.0, "the trace's own times")
    >>> 0.8 < own.replicate(0).rate < 1.2
    True
    """

    trace: Trace
    """The trace's requests, predictions and prefix-cache hits included, within the context."""
    base: Trace
    """What is played: the trace at its own times, or drawn requests with drawn arrivals."""
    own: bool
    """The times are the trace's own, faster or slower."""
    settings: Settings
    quick: bool = False
    refused: int = 0
    """Requests left out, as their prompts do not leave room in the context."""
    shortened: int = 0
    """Requests whose outputs end at the limit of the context."""

    @property
    def rate(self) -> float | None:
        """Returns the trace's own requests per second; None without times, or with equal ones."""
        times = self.trace.arrivals
        at_once = times is None or len(times) == 0 or times[-1] == 0
        return None if at_once else self.trace.rate

    @property
    def cv(self) -> float | None:
        """Returns the coefficient of variation of the trace's gaps, None without a rate."""
        return None if self.rate is None else self.trace.burstiness

    @property
    def arrivals(self) -> str:
        """Returns in a few words when the requests come."""
        return (
            "the trace's own times" if self.own else f"{describe_arrivals(self.settings)} arrivals"
        )

    @cached_property
    def sample(self) -> NDArray[np.int64]:
        """Returns output lengths that edges are fitted to."""
        return self.trace.resample(SAMPLE, _seed(self.settings, SAMPLED)).output_tokens

    @cached_property
    def short(self) -> Trace:
        """Returns few requests, for the first run of every candidate."""
        return self.part(SCREENED_QUICKLY if self.quick else SCREENED)

    def part(self, requests: int) -> Trace:
        """Returns at most about as many requests, which are like all of them."""
        if len(self.base) <= requests:
            return self.base
        return thinned(self.base, requests) if self.own else self.base[:requests].to_rate(1.0)

    def replicate(self, number: int) -> Trace:
        """Returns another stretch of the load: as long as ``base``, resampled or drawn again.

        Blocks of a trace at its own times are drawn with replacement. Else requests are drawn from
        a resampled trace, so that the figures tell what the sample of a trace leaves open, too.
        """
        if self.own:
            seed = _seed(self.settings, REPLICATED, number)
            return resampled(self.base, np.random.default_rng(seed))
        again = self.trace.resample(len(self.trace), _seed(self.settings, REPLICATED, number, 0))
        return _drawn(self.settings, again, len(self.base), REPLICATED, number, 1)

    def stationary(self, number: int) -> Trace:
        """Returns drawn requests at exactly 1 per second, to search the highest stable rate."""
        most = STATIONARY_QUICKLY if self.quick else STATIONARY
        count = min(most, self.settings.requests or most)
        drawn = _drawn(self.settings, self.trace, count, SATURATED, number)
        return drawn.to_rate(1.0)


def load(question: Question, trace: Trace) -> Load:
    """Returns the requests to play for a question.

    Raises:
        ValueError: the trace has no rows within the context, or lacks the times or the hashes that
            are needed.
    """
    settings = question.settings
    fitting, refused, shortened = within_context(trace, question.context)
    fitting = with_hits(settings, fitting)
    drawn = settings.rate is not None or settings.cv is not None
    own = not drawn and fitting.arrivals is not None
    if own:
        part = fitting if settings.requests is None else fitting[: settings.requests]
        if len(part) < 2 or cast(NDArray[np.float64], part.arrivals)[-1] == 0:
            raise ValueError(
                f"rate must be given, as all requests of {settings.trace} come at once"
            )
        known = as_predicted(settings, part)
        base = known.to_rate(1.0)
        base = thinned(base, QUICK) if question.quick else base
    else:
        known = as_predicted(settings, fitting)
        most = QUICK if question.quick else DRAWN
        base = _drawn(settings, fitting, settings.requests or most, PLAYED).to_rate(1.0)
    return Load(known, base, own, settings, question.quick, refused, shortened)


def own_rate(source: str, trace: Trace) -> float:
    """Returns the requests per second of a trace with times.

    Raises:
        ValueError: all requests come at once.

    >>> from multibin.lab.plan import own_rate
    >>> from multibin.lab.traces import from_arrays
    >>> own_rate("trace.csv", from_arrays([5, 5], [1, 2], arrivals=[0, 2]))
    0.5
    """
    times = trace.arrivals
    if times is None or len(times) < 2 or times[-1] == 0:
        raise ValueError(f"rate must be given, as all requests of {source} come at once")
    return trace.rate


def within_context(trace: Trace, context: int | None) -> tuple[Trace, int, int]:
    """Returns the trace as a server with a context takes it, and what it refuses and shortens.

    A prompt that leaves no room for a token is refused. An output ends where the context does.

    >>> from multibin.lab.plan import within_context
    >>> from multibin.lab.traces import from_arrays
    >>> trace, refused, shortened = within_context(from_arrays([10, 60, 99], [5, 70, 5]), 99)
    >>> trace.output_tokens.tolist(), refused, shortened
    ([5, 39], 1, 1)
    """
    if context is None:
        return trace, 0, 0
    fits = trace.prompt_tokens < _args.integer("context", context, 2)
    if not fits.any():
        raise ValueError(f"context must be longer than a prompt of the trace, got {context}")
    kept = trace[fits] if not fits.all() else trace
    room = context - kept.prompt_tokens
    outputs = np.minimum(kept.output_tokens, room)
    cut = int((outputs < kept.output_tokens).sum())
    limited = replace(kept, output_tokens=outputs, measured=None, source=None, dropped=0)
    return limited if cut else kept, int((~fits).sum()), cut


def as_predicted(settings: Settings, trace: Trace) -> Trace:
    """Returns the trace with the predictions that the settings ask for."""
    return with_predictions(settings, trace, _seed(settings, PLAYED))


def _drawn(settings: Settings, trace: Trace, count: int, *stream: int) -> Trace:
    """Returns requests drawn from the trace, which arrive at about 1 per second."""
    rows = trace.resample(count, _seed(settings, *stream, 0))
    times = arrivals.gamma(count, 1.0, settings.cv or 1.0, _seed(settings, *stream, 1))
    return with_predictions(settings, rows.with_arrivals(times), _seed(settings, *stream, 2))


def _seed(settings: Settings, *stream: int) -> int:
    """Returns a seed for one thing that is drawn, unlike that of any other."""
    return int(np.random.SeedSequence([settings.seed, *stream]).generate_state(1)[0])
