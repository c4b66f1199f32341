"""Draws the requests that are played, and the sample that edges are fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multibin import _args
from multibin.lab.compare._prefix_cache import with_hits
from multibin.lab.compare._settings import Settings
from multibin.lab.traces import Trace, arrivals, predictions, read

__all__ = [
    "DRAWN",
    "SAMPLE",
    "SEARCHED",
    "Workload",
    "closed_loop",
    "describe_arrivals",
    "draw_workload",
    "with_predictions",
]

DRAWN = 100_000
"""Requests drawn by default."""

SEARCHED = 400_000
"""Requests drawn by default to search the highest stable rate, whose precision they limit."""

SAMPLE = 20_000
"""Requests drawn to fit edges to."""


@dataclass(frozen=True)
class Workload:
    """What policies are compared on.

    >>> from multibin.lab.compare import Workload
    >>> from multibin.lab.traces import chat
    >>> trace = chat(500, seed=0)
    >>> workload = Workload(trace[:100], sample=trace.output_tokens[100:], source="chat")
    >>> len(workload.played), len(workload.sample)
    (100, 400)
    """

    played: Trace
    """The requests, with arrival times and predictions."""
    sample: NDArray[np.int64]
    """Output lengths in tokens of other requests, that the edges are fitted to."""
    source: str
    """A description of where the requests and their times come from."""
    stationary: Trace | None = None
    """Drawn requests that arrive at exactly 1 per second, Poisson or with the settings' cv.

    The search for the highest stable rate scales their times. None without that search."""
    trace: Trace | None = None
    """The trace that was read, whole, with its prefix cache. None where there is no file."""


@dataclass(frozen=True)
class _Seeds:
    """A seed for each thing that is drawn, so that none repeats the draws of another."""

    requests: int
    arrivals: int
    predictions: int
    sample: int

    @classmethod
    def of(cls, seed: int) -> _Seeds:
        return cls(*np.random.SeedSequence(seed).generate_state(4).tolist())


def draw_workload(settings: Settings) -> Workload:
    """Reads the trace and draws what the settings ask for.

    Raises:
        ValueError: the trace cannot be read, has too few rows, or lacks times that are needed.

    >>> from multibin.lab.compare import Settings, draw_workload
    >>> draw_workload(Settings("no-such-file.csv"))
    Traceback (most recent call last):
    ValueError: cannot read the trace no-such-file.csv: ...
    """
    read_trace = read(settings.trace, columns=settings.columns, time_unit=settings.time_unit)
    trace = with_hits(settings, read_trace)
    seeds = _Seeds.of(settings.seed)
    source, played = _played(settings, trace, seeds)
    return Workload(
        played=with_predictions(settings, played, seeds.predictions),
        sample=trace.resample(SAMPLE, seeds.sample).output_tokens,
        stationary=_stationary(settings, trace, seeds) if settings.saturation else None,
        source=source,
        trace=trace,
    )


def _played(settings: Settings, trace: Trace, seeds: _Seeds) -> tuple[str, Trace]:
    if settings.users is not None:
        return _sent_by_users(settings, trace, seeds)
    if settings.rate is None:
        return _own_times(settings, trace)
    drawn = trace.resample(settings.requests or DRAWN, seeds.requests)
    times = arrivals.gamma(len(drawn), settings.rate, settings.cv or 1.0, seeds.arrivals)
    source = (
        f"{len(drawn):,} requests drawn from {settings.trace} (seed {settings.seed}),"
        f" {describe_arrivals(settings)} arrivals at {settings.rate:g} requests/s"
    )
    return source, drawn.with_arrivals(times)


def _sent_by_users(settings: Settings, trace: Trace, seeds: _Seeds) -> tuple[str, Trace]:
    drawn = trace.resample(settings.requests or DRAWN, seeds.requests)
    source = (
        f"{len(drawn):,} requests drawn from {settings.trace} (seed {settings.seed}), sent by"
        f" {settings.users} users, with a mean pause of {settings.pause:g} s after an answer"
    )
    return source, drawn


def _own_times(settings: Settings, trace: Trace) -> tuple[str, Trace]:
    if trace.arrivals is None:
        found = (
            "" if trace.source is None else f" among its columns {', '.join(trace.source.found)}"
        )
        hint = "; --columns time=NAME names theirs" if found else ""
        rule = "rate must be given" if settings.speed is None else "speed must be left out"
        raise ValueError(f"{rule}, as {settings.trace} has no times{found}{hint}")
    n = len(trace)
    count = n if settings.requests is None or settings.saturation else settings.requests
    if count > n:
        rule = f"at most the trace's {n} without a rate"
        raise ValueError(_args.sentence("requests", rule, count))
    part, faster = trace[:count], ""
    if settings.speed is not None:
        part, faster = part.scale_rate(settings.speed), f" × {settings.speed:g}"
    together = trace.arrivals[count - 1] == 0
    pace = "all at once" if together else f"{part.rate:.4g} requests/s"
    return f"{count:,} requests of {settings.trace} at their own times{faster} ({pace})", part


def _stationary(settings: Settings, trace: Trace, seeds: _Seeds) -> Trace:
    drawn = trace.resample(settings.requests or SEARCHED, seeds.requests)
    times = arrivals.gamma(len(drawn), 1.0, settings.cv or 1.0, seeds.arrivals)
    return with_predictions(settings, drawn.with_arrivals(times).to_rate(1.0), seeds.predictions)


def closed_loop(settings: Settings, n: int) -> arrivals.ClosedLoop | None:
    """Returns the users that send ``n`` requests, equal in every call, or None without users."""
    if settings.users is None:
        return None
    seed = _Seeds.of(settings.seed).arrivals
    return arrivals.closed_loop(n, settings.users, settings.pause, seed)


def with_predictions(settings: Settings, trace: Trace, seed: int) -> Trace:
    """Returns the trace with the predictions that the settings ask for, drawn with a seed.

    >>> from multibin.lab.compare import Settings, with_predictions
    >>> from multibin.lab.traces import chat
    >>> trace = with_predictions(Settings("chat", sigma=0.0), chat(5, seed=0), seed=1)
    >>> trace.predicted.tolist() == trace.output_tokens.tolist()
    True
    """
    actual = trace.output_tokens
    if settings.shuffled:
        return trace.with_predicted(predictions.shuffled(actual, seed))
    if settings.sigma is not None:
        return trace.with_predicted(predictions.log_normal(actual, settings.sigma, seed))
    return trace


def describe_arrivals(settings: Settings) -> str:
    """Returns what drawn arrivals are called.

    >>> from multibin.lab.compare import Settings, describe_arrivals
    >>> describe_arrivals(Settings("chat", rate=1.0, cv=2.0))
    'gamma (cv 2)'
    """
    cv = settings.cv or 1.0
    return "Poisson" if cv == 1 else f"gamma (cv {cv:g})"
