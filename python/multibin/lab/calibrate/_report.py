"""Shows a calibration as text and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.costs._table import COUNTS
from multibin.lab.calibrate._measure import CHOOSING, Calibration

__all__ = ["as_json", "describe"]

Floats = NDArray[np.float64]

TITLES = {
    "step": "a decode step",
    "prefill": "starting new rows, their first token included",
    "move": "parking rows and resuming them in another batch",
}


def describe(found: Calibration) -> str:
    """Returns the configuration, the grids, the linear model and the validation as text."""
    grids = [_grid(found.table, name) for name in TITLES]
    return "\n\n".join(
        [_configuration(found), *grids, f"{_counts(found)}\n{_linear(found)}", _validation(found)]
    )


def _configuration(found: Calibration) -> str:
    about, repeats = found.table.about, found.settings.repeats
    plural = "" if about["threads"] == "1" else "s"
    lines = [
        f"{about['model']}, {about['dtype']}; {about['device']}, {about['threads']} thread{plural};"
        f" {about['versions']}; {about['date']}",
        f"medians of {repeats} runs after one to warm up; milliseconds by rows (down) and tokens,"
        " positions cached per row (across)",
    ]
    if about["device"].startswith("CPU"):
        lines.append("These are numbers of this CPU: measure on the machine that serves.")
    return "\n".join(lines)


def _grid(table: mb.CostTable, name: str) -> str:
    lines = [f"{TITLES[name]}\n{'':8}" + "".join(f"{tokens:10}" for tokens in table.tokens)]
    for rows, seconds in zip(table.rows, getattr(table, name), strict=True):
        lines.append(f"{rows:8}" + "".join(f"{1e3 * value:10.4g}" for value in seconds))
    return "\n".join(lines)


def _counts(found: Calibration) -> str:
    chosen = found.table.counts
    other = COUNTS[1 - COUNTS.index(chosen)]
    off = {name: f"{np.expm1(value):.1%}" for name, value in found.deviations.items()}
    return (
        f"unlike rows count by their {chosen}: {off[chosen]} off in {CHOOSING} mixed batches, by"
        f" their {other} {off[other]}"
    )


def _linear(found: Calibration) -> str:
    costs = {name: value for name, value in found.linear.parameters.items() if value}
    terms = ", ".join(f"{name}={value:.4g}" for name, value in costs.items())
    return (
        f"nearest linear model: mb.CostModel({terms}); its worst point is"
        f" {found.linear_worst:.1%} off"
    )


def _validation(found: Calibration) -> str:
    checked = found.validation
    lines = [
        f"validation: {len(checked.engine)} other batches of random lengths, every second one"
        " stopped and resumed; predicted ÷ measured seconds"
    ]
    for name, predicted in (("table", checked.table), ("linear model", checked.linear)):
        ratio = ratios(predicted, checked.engine)
        lines.append(f"{name:>14}: median {ratio['median']:.3f}, worst {ratio['worst']:.3f}")
    return "\n".join(lines)


def ratios(predicted: Floats, taken: Floats) -> dict[str, float]:
    """Returns the median of predicted ÷ taken, and the ratio that is farthest from 1."""
    each = predicted / taken
    worst = each[np.abs(np.log(each)).argmax()]
    return {"median": float(np.median(each)), "worst": float(worst)}


def as_json(found: Calibration) -> dict[str, Any]:
    """Returns the calibration for ``json.dumps``, in seconds."""
    checked = found.validation
    return {
        "settings": asdict(found.settings),
        "table": found.table.data,
        "deviations": found.deviations,
        "linear": found.linear.data | {"worst_deviation": found.linear_worst},
        "validation": {
            "table": ratios(checked.table, checked.engine),
            "linear": ratios(checked.linear, checked.engine),
            "batches": [
                asdict(mixed) | {"engine": engine, "table": table, "linear": linear}
                for mixed, engine, table, linear in zip(
                    checked.batches,
                    checked.engine.tolist(),
                    checked.table.tolist(),
                    checked.linear.tolist(),
                    strict=True,
                )
            ],
        },
    }
