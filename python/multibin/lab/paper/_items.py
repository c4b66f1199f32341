"""The paper's numbers that need no GPU, and how we get ours.

Items 1 to 6 and 10 are here; items 7 to 9, which are measured on a GPU, are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab import theory
from multibin.lab.paper._lab import EXPONENTIAL, GSM8K, TOKENS, UNIFORM, Lab, saturation
from multibin.lab.paper._rows import Row, Section, compare
from multibin.lab.traces import Trace

__all__ = ["ERRORS", "MINIMA", "optimal_edges", "sections"]

ANALYTIC = 0.005
THROUGHPUT = 0.005
DERIVED_LATENCY = 0.02
PLOTTED = 0.05
FRACTION = 0.01
"""Tolerances: relative, except the last."""

U = {"batch_size": 128, "lo": 1.0, "hi": 20.0}

THEOREM_4_2 = [6.447, 8.434, 9.400, 9.970, 10.347]
"""Requests per second for k = 1 … 5."""

MINIMA = {1: (6.0, 30.9), 2: (7.6, 35.6), 3: (8.8, 42.1)}
"""Fig. 4, one server: k → rate of the least latency, and that latency in seconds."""

CHANCES = (0, 0.05, 0.1, 0.2, 0.5)

ERRORS: dict[int, dict[float, float]] = {
    1: {0: 6.447},
    2: dict(zip(CHANCES, (8.434, 6.658, 6.534, 6.474, 6.447), strict=True)),
    4: dict(zip(CHANCES, (9.970, 8.062, 7.925, 7.859, 7.822), strict=True)),
    8: dict(zip(CHANCES, (10.97, 9.523, 9.410, 9.355, 9.323), strict=True)),
}
"""Fig. 8: k → chance of an error to one side → requests per second."""

ANSWER_BINS = (2, 4, 8, 16, 32)


def sections(lab: Lab, trace: Trace | None = None) -> list[Section]:
    """Returns items 1 to 6, and with a trace item 10.

    The numbers of item 10 are those of the Azure chat trace of 2023.
    """
    of_trace = [] if trace is None else [optimal_edges(trace)]
    return [
        _throughput(lab),
        _bins_needed(),
        _latency(lab),
        _errors(),
        _exponential(),
        _language_model(lab),
        *of_trace,
    ]


def _throughput(lab: Lab) -> Section:
    closed = theory.uniform_throughput(range(1, 6), **U)
    played = [lab.saturated(UNIFORM, k) for k in range(1, 6)]
    ceiling = theory.ceiling(UNIFORM.times, 128)
    rows = [
        *compare(_each("closed form", range(1, 6)), THEOREM_4_2, closed, ANALYTIC),
        Row("ceiling c_max", 12.19, ceiling, ANALYTIC),
        *compare(_each("simulated", range(1, 6)), THEOREM_4_2, played, THROUGHPUT),
    ]
    title = "Throughput, requests/s: B=128, l ~ U[1, 20] s, one server"
    return Section(1, title, "Theorem 4.2, Proposition 4.1, Fig. 3", rows)


def _bins_needed() -> Section:
    percent, paper = (25, 20, 15, 10, 5, 1), (3, 4, 6, 9, 17, 89)
    epsilon = theory.ceiling(UNIFORM.times, 128) * np.array(percent) / 100
    ours = theory.uniform_bins_needed(epsilon, **U)
    names = [f"bins to be within {p} % of c_max" for p in percent]
    rows = compare(names, paper, ours, ANALYTIC)
    return Section(2, "Bins needed there", "Theorem 4.3", rows)


def _latency(lab: Lab) -> Section:
    paper, bins = [35.73, 46.93, 61.24], (1, 2, 3)
    closed = theory.uniform_latency(bins, **U, rate=4.0)
    played = [lab.latency(UNIFORM, k, 4.0, servers=200) for k in bins]
    rows = [
        *compare(_each("Eq. 7 at λ=4", bins), paper, closed, ANALYTIC),
        *compare(_each("simulated at λ=4, 200 servers", bins), paper, played, DERIVED_LATENCY),
        *_minima(lab),
    ]
    return Section(3, "Mean latency there, s", "Lemma 5.1, Eq. 7, Fig. 4", rows)


def _minima(lab: Lab) -> list[Row]:
    """Returns the least latency over the rates of Fig. 4, and its rate. The curves are flat."""
    curves = [lab.curve(UNIFORM, k) for k in MINIMA]
    least = [curve.latency.min() for curve in curves]
    where = [UNIFORM.rates[curve.latency.argmin()] for curve in curves]
    rates, seconds = zip(*MINIMA.values(), strict=True)
    grid = float(UNIFORM.rates[1] - UNIFORM.rates[0])
    names, places = _each("least, one server, simulated", MINIMA), _each("λ of the least", MINIMA)
    return [
        *compare(names, seconds, least, DERIVED_LATENCY),
        *compare(places, rates, where, grid, relative=False),
    ]


def _errors() -> Section:
    rows = [
        Row(f"pe={pe:g}, k={k}", paper, _with_errors(k, pe), ANALYTIC)
        for k, cells in ERRORS.items()
        for pe, paper in cells.items()
    ]
    title = "Throughput with prediction errors, requests/s: B=128, l ~ U[1, 20] s"
    return Section(4, title, "§6.2, Fig. 8", rows)


def _with_errors(bins: int, pe: float) -> float:
    return float(theory.uniform_throughput_with_errors(bins, **U, pe=pe))


def _exponential() -> Section:
    paper, equal = (3.402, 7.269, 9.967, 11.807, 13.109), (5.51, 7.08, 8.31, 9.31)
    bins, more = range(1, 6), range(2, 6)
    best = [saturation(EXPONENTIAL, EXPONENTIAL.edges(k)) for k in bins]
    mass = [
        saturation(EXPONENTIAL, EXPONENTIAL.times.quantile(np.linspace(0, 1, k + 1))) for k in more
    ]
    rows = [
        *compare(_each("edges of Lemma A.1", bins), paper, best, ANALYTIC),
        *compare(_each("equal-mass edges", more), equal, mass, ANALYTIC),
    ]
    title = "Throughput, requests/s: exponential times, μ=.1 /s, B=200"
    return Section(5, title, "Lemma A.1, Fig. 9", rows)


def _language_model(lab: Lab) -> Section:
    title = "Simulated language model: B=8, 8 servers, .00702 s a token, equal-mass bins"
    rows = [*_gains(lab), *_answer_latency(lab)]
    return Section(6, title, "Fig. 6, lengths of Fig. 5", rows, note=_lengths())


def _lengths() -> str:
    mean = theory.expected_max(GSM8K.times, 1) / GSM8K.times.hi * TOKENS[-1]
    p = (np.arange(100_000) + 0.5) / 100_000
    spread = (GSM8K.inverse(p) / GSM8K.times.hi * TOKENS[-1]).std()
    return (
        f"Lengths: 41 quantiles, linear between them: mean {mean:.1f}, sd {spread:.1f} tokens"
        " (the points of Fig. 5: 233.6, 102.4)."
    )


def _gains(lab: Lab) -> list[Row]:
    """Returns the saturation at k = 1, and the others relative to it."""
    one, *closed = (saturation(GSM8K, GSM8K.edges(k)) for k in (1, *ANSWER_BINS))
    first, *played = (lab.saturated(GSM8K, k) for k in (1, *ANSWER_BINS))
    limit = GSM8K.servers * theory.ceiling(GSM8K.times, GSM8K.batch_size) / one
    exact, plotted = (1.230, 1.419, 1.551, 1.632, 1.677), (1.21, 1.41, 1.55, 1.67, 1.75)
    ours, simulated = np.array(closed) / one, np.array(played) / first
    names = {x: _each(f"relative to k=1, {x}", ANSWER_BINS) for x in ("closed form", "simulated")}
    return [
        Row("saturation, requests/s, k=1, closed form", 22.7, one, ANALYTIC),
        Row("saturation, requests/s, k=1, simulated", 22.7, first, THROUGHPUT),
        *compare(names["closed form"], exact, ours, ANALYTIC, derived=True),
        *compare(names["simulated"], exact, simulated, THROUGHPUT, derived=True),
        Row("relative to k=1, ceiling B/E[l]", 1.72, limit, ANALYTIC, derived=True),
        *compare(_each("as plotted, closed form", ANSWER_BINS), plotted, ours, PLOTTED),
    ]


def _answer_latency(lab: Lab) -> list[Row]:
    """Returns the latencies at the best rates of this project, and the least of all rates."""
    rates, derived, plotted = {1: 16, 2: 22, 4: 26}, (3.05, 2.63, 2.55), (3.05, 2.69, 2.60)
    names = [f"mean latency at λ={rate}, s, k={k}" for k, rate in rates.items()]
    curves = [lab.curve(GSM8K, k).latency for k in rates]
    there = [
        float(latency[GSM8K.rates == rate][0])
        for latency, rate in zip(curves, rates.values(), strict=True)
    ]
    least = [float(latency.min()) for latency in curves]
    return [
        *compare(names, derived, there, DERIVED_LATENCY, derived=True),
        *compare(_each("least latency as plotted, s", rates), plotted, least, PLOTTED),
    ]


def optimal_edges(trace: Trace) -> Section:
    """Returns item 10: equal-mass and optimal edges on the output lengths of a trace."""
    lengths, bins = trace.output_tokens, ANSWER_BINS
    equal = [_fraction(lengths, mb.Edges.quantile(lengths, k)) for k in (1, *bins)]
    best = [_fraction(lengths, mb.Edges.optimal(lengths, k, 128, None)) for k in bins]
    equal_mass = (0.30, 0.46, 0.57, 0.73, 0.83, 0.92)
    optimal = (0.495, 0.764, 0.883, 0.943, 0.974)
    rows = [
        *_fractions("equal mass", (1, *bins), equal_mass, equal),
        *_fractions("optimal", bins, optimal, best),
    ]
    title = "Throughput as a fraction of B/E[l]: chat trace, B=128, lengths known"
    return Section(10, title, "Proposition 4.1, Azure LLM inference trace 2023", rows)


def _fractions(
    what: str, bins: Iterable[int], paper: Sequence[float], ours: Sequence[float]
) -> list[Row]:
    return compare(_each(what, bins), paper, ours, FRACTION, relative=False, derived=True)


def _fraction(lengths: NDArray[np.int64], edges: mb.Edges) -> float:
    return theory.throughput(lengths, edges, 128) / theory.ceiling(lengths, 128)


def _each(what: str, bins: Iterable[int]) -> list[str]:
    return [f"{what}, k={k}" for k in bins]
