"""Improves costs by rounds of simulation: damped Gauss-Newton steps without negative costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.costs._non_negative import non_negative
from multibin.lab.fit_costs._observed import Observed
from multibin.lab.fit_costs._predict import Times
from multibin.lab.fit_costs._work import TERMS, decode_work

__all__ = ["refined"]

Floats = NDArray[np.float64]
Play = Callable[[mb.CostModel], Times]

ROUNDS = 25
"""Steps at most."""

CHANGE = 0.005
"""Change of a coefficient by which its effect is measured, as a share of a request's seconds."""

NAMES = ("ttft", "latency", "tpot")

FAR = 2.0
"""Median deviations from which that of a request counts less."""

QUANTILES = np.linspace(0.025, 0.975, 39)
"""Quantiles that are compared beside the times of each request."""

FLOOR = 0.01
"""Share of the median time that is added to both times of a ratio: a time may be nothing."""

ENOUGH = 1e-5
"""Relative gain of a step below which the search ends."""


def refined(
    start: mb.CostModel, play: Play, seen: Observed, chosen: NDArray[np.bool_]
) -> tuple[mb.CostModel, float]:
    """Returns costs with which ``play`` repeats the observed times of the chosen requests better.

    The second value is what is left: the sum of absolute deviations.

    It compares time to first token, latency and time per token as logarithms of ratios: those of
    each request, their quantiles and their means. Of single requests large deviations count by
    their size, not by their square.
    """
    target = Times.measured(seen)
    unit = _units(seen)

    def deviations(at: Floats) -> Floats:
        return _deviations(play(_model(start, at * unit)), target, chosen)

    at = np.array([getattr(start, name) for name in TERMS]) / unit
    found, damping, singles = deviations(at), 0.01, _singles(target, chosen)
    for _ in range(ROUNDS):
        weights = _weights(found, singles)
        slopes = _slopes(deviations, at, found)
        at, found, gain, damping = _step(deviations, at, found, slopes, weights, damping)
        if gain < ENOUGH:
            break
    return _model(start, at * unit), float(np.abs(found).sum())


def _units(seen: Observed) -> Floats:
    """Returns for each term the coefficient that alone would explain the mean decode time."""
    spent = float((seen.finish - seen.first_token).sum() + seen.ttft.sum())
    work = decode_work(seen).sum(axis=0)
    work[:2] += len(seen), seen.prompt.sum()
    return np.asarray(spent / np.maximum(work, 1.0))


def _model(start: mb.CostModel, values: Floats) -> mb.CostModel:
    return replace(start, **dict(zip(TERMS, values.tolist(), strict=True)))


def _deviations(found: Times, target: Times, chosen: NDArray[np.bool_]) -> Floats:
    """Returns logarithms of ratios, each weighed by the root of its group's size.

    They are those of all requests, for each of the three times, and then those of quantiles and
    means.
    """
    single, grouped = [], []
    for name in NAMES:
        ours, theirs = getattr(found, name)[chosen], getattr(target, name)[chosen]
        both = np.isfinite(ours) & np.isfinite(theirs)
        if not both.any():
            continue
        ours, theirs = ours[both], theirs[both]
        floor = max(FLOOR * float(np.median(theirs)), 1e-9)
        single.append(np.log((ours + floor) / (theirs + floor)) / np.sqrt(len(ours)))
        ranks = [np.quantile(each, QUANTILES) + floor for each in (ours, theirs)]
        grouped.append(np.log(ranks[0] / ranks[1]) / np.sqrt(len(QUANTILES)))
        grouped.append(np.array([np.log((ours.mean() + floor) / (theirs.mean() + floor))]))
    return np.concatenate([*single, *grouped])


def _weights(deviations: Floats, singles: int) -> Floats:
    """Returns less than 1 for those of the first ``singles`` that are far off."""
    weights = np.ones(len(deviations))
    off = np.abs(deviations[:singles])
    if singles:
        bound = FAR * max(float(np.median(off)), 1e-9)
        weights[:singles] = np.sqrt(np.minimum(1.0, bound / np.maximum(off, 1e-12)))
    return weights


def _singles(target: Times, chosen: NDArray[np.bool_]) -> int:
    """Returns how many deviations are those of single requests."""
    return sum(int(np.isfinite(getattr(target, name)[chosen]).sum()) for name in NAMES)


def _slopes(deviations: Callable[[Floats], Floats], at: Floats, found: Floats) -> Floats:
    """Returns the derivatives by differences, a column a term."""
    columns = []
    for term in range(len(at)):
        moved = at.copy()
        moved[term] += CHANGE
        columns.append((deviations(moved) - found) / CHANGE)
    return np.stack(columns, axis=1)


def _step(
    deviations: Callable[[Floats], Floats],
    at: Floats,
    found: Floats,
    slopes: Floats,
    weights: Floats,
    damping: float,
) -> tuple[Floats, Floats, float, float]:
    """Returns the next point, its deviations, the relative gain and the next damping."""
    before = float(((weights * found) ** 2).sum())
    size = np.sqrt(((weights[:, None] * slopes) ** 2).sum(axis=0))
    for _ in range(6):
        hold = np.diag(np.sqrt(damping) * np.maximum(size, 1e-9))
        matrix = np.concatenate([weights[:, None] * slopes, hold])
        right = np.concatenate([weights * (slopes @ at - found), hold @ at])
        moved = non_negative(matrix, right)
        if moved.any():
            there = deviations(moved)
            after = float(((weights * there) ** 2).sum())
            if after < before:
                return moved, there, 1 - after / before, damping / 4
        damping *= 6
    return at, found, 0.0, damping
