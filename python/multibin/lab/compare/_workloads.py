"""The requests that are played, and the sample that edges are fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multibin.lab.compare._settings import Settings
from multibin.lab.traces import Trace, arrivals, predictions, read

__all__ = ["DRAWN", "SAMPLE", "SEARCHED", "Workload", "closed_loop", "process", "workload"]

DRAWN = 100_000
"""Requests drawn where nothing says how many."""

SEARCHED = 400_000
"""The same for the search of the highest stable rate, which the number limits."""

SAMPLE = 20_000
"""Requests drawn to fit edges to."""


@dataclass(frozen=True)
class Workload:
    """What policies are compared on."""

    played: Trace
    """With arrival times and predictions."""
    sample: NDArray[np.int64]
    """Output lengths of ``SAMPLE`` requests, drawn with replacement from the trace independently of
    those that are played; tokens."""
    stationary: Trace | None
    """Drawn requests that arrive at 1 per second exactly, Poisson or with the settings' cv: the
    search for the highest stable rate scales their times. None without that search."""
    source: str
    """Where the requests and their times come from, in words."""


@dataclass(frozen=True)
class _Seeds:
    """One for each thing that is drawn, so that none of them repeats another's draws."""

    requests: int
    arrivals: int
    predictions: int
    sample: int

    @classmethod
    def of(cls, seed: int) -> _Seeds:
        return cls(*np.random.SeedSequence(seed).generate_state(4).tolist())


def workload(settings: Settings) -> Workload:
    """Reads the trace and draws what the settings ask for.

    Raises ``ValueError`` for a trace that cannot be read, that has no times where they are needed,
    or too few rows.
    """
    trace = read(settings.trace)
    seeds = _Seeds.of(settings.seed)
    source, played = _played(settings, trace, seeds)
    return Workload(
        played=_predicted(settings, played, seeds),
        sample=trace.resample(SAMPLE, seeds.sample).output_tokens,
        stationary=_stationary(settings, trace, seeds) if settings.saturation else None,
        source=source,
    )


def _played(settings: Settings, trace: Trace, seeds: _Seeds) -> tuple[str, Trace]:
    if settings.users is not None:
        return _sent_by_users(settings, trace, seeds)
    if settings.rate is None:
        return _own_times(settings, trace)
    drawn = trace.resample(settings.requests or DRAWN, seeds.requests)
    times = arrivals.gamma(len(drawn), settings.rate, settings.cv or 1.0, seeds.arrivals)
    words = (
        f"{len(drawn):,} requests drawn from {settings.trace} (seed {settings.seed}),"
        f" {process(settings)} arrivals at {settings.rate:g} requests/s"
    )
    return words, drawn.with_arrivals(times)


def _sent_by_users(settings: Settings, trace: Trace, seeds: _Seeds) -> tuple[str, Trace]:
    drawn = trace.resample(settings.requests or DRAWN, seeds.requests)
    words = (
        f"{len(drawn):,} requests drawn from {settings.trace} (seed {settings.seed}), sent by"
        f" {settings.users} users who pause {settings.pause:g} s after an answer on average"
    )
    return words, drawn


def _own_times(settings: Settings, trace: Trace) -> tuple[str, Trace]:
    if trace.arrivals is None:
        raise ValueError(f"rate: {settings.trace} has no times; give a rate")
    n = len(trace)
    wanted = n if settings.requests is None or settings.saturation else settings.requests
    if wanted > n:
        raise ValueError(f"requests: {wanted} is more than the trace's {n}; give a rate to draw")
    part = trace[:wanted]
    together = trace.arrivals[wanted - 1] == 0
    pace = "all at once" if together else f"{part.rate:.4g} requests/s"
    return f"{wanted:,} requests of {settings.trace} at their own times ({pace})", part


def _stationary(settings: Settings, trace: Trace, seeds: _Seeds) -> Trace:
    drawn = trace.resample(settings.requests or SEARCHED, seeds.requests)
    times = arrivals.gamma(len(drawn), 1.0, settings.cv or 1.0, seeds.arrivals)
    return _predicted(settings, drawn.with_arrivals(times).to_rate(1.0), seeds)


def closed_loop(settings: Settings, n: int) -> arrivals.ClosedLoop | None:
    """The users who send ``n`` requests, if there are any; the same ones every time."""
    if settings.users is None:
        return None
    seed = _Seeds.of(settings.seed).arrivals
    return arrivals.closed_loop(n, settings.users, settings.pause, seed)


def _predicted(settings: Settings, trace: Trace, seeds: _Seeds) -> Trace:
    actual = trace.output_tokens
    if settings.shuffled:
        return trace.with_predicted(predictions.shuffled(actual, seeds.predictions))
    if settings.sigma is not None:
        noisy = predictions.log_normal(actual, settings.sigma, seeds.predictions)
        return trace.with_predicted(noisy)
    return trace


def process(settings: Settings) -> str:
    """What arrivals that are drawn are called."""
    cv = settings.cv or 1.0
    return "Poisson" if cv == 1 else f"gamma (cv {cv:g})"
