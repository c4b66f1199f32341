"""What is measured of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.traces import Trace

__all__ = ["Figures", "measured"]

Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """Figures of a run, after the warm-up; of memory, over the whole run.

    A time per output token is that from the first to the last, over the tokens after the first.
    Requests of one token have none.
    """

    mean: float
    """Mean latency from arrival to answer, in seconds."""
    p50: float
    p99: float
    ttft_p50: float
    """Median seconds from arrival to the first token."""
    ttft_p99: float
    tpot_p50: float
    """Median seconds per output token after the first; NaN where all have one."""
    tpot_p99: float
    within: float
    """Share of the requests that keep every bound of the objective; 1 without bounds."""
    rows: float
    """The most rows whose state a server held at one time."""
    tokens: float
    """The most tokens in the caches of a server at one time."""
    parked: float
    """The most rows that waited with their state at a server."""

    @property
    def data(self) -> dict[str, float | None]:
        """Returns the figures for ``json.dumps``; None where one does not exist."""
        values = {each.name: float(getattr(self, each.name)) for each in fields(self)}
        return {name: value if np.isfinite(value) else None for name, value in values.items()}


def measured(
    records: mb.Records, trace: Trace, skipped: int, bounds: Mapping[str, float]
) -> Figures:
    """Returns the figures of a run.

    Args:
        records: what ``mb.simulate`` returned.
        trace: the requests that were played.
        skipped: requests at the start that times leave out.
        bounds: the most seconds of "latency", "ttft" and "tpot", for those that have a bound.
    """
    latency = records.latency[skipped:]
    ttft = (records.first_token - records.arrival)[skipped:]
    further = trace.output_tokens[skipped:] - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        tpot = np.where(
            further > 0, (records.finish - records.first_token)[skipped:] / further, 0.0
        )
    times = {"latency": latency, "ttft": ttft, "tpot": tpot}
    kept = np.ones(len(latency), bool)
    for name, bound in bounds.items():
        kept &= times[name] <= bound
    batches = records.batches
    return Figures(
        mean=float(latency.mean()),
        **_quantiles("", latency),
        **_quantiles("ttft_", ttft),
        **_quantiles("tpot_", tpot[further > 0]),
        within=float(kept.mean()),
        rows=float(batches.resident.max(initial=0)),
        tokens=float(batches.resident_tokens.max(initial=0)),
        parked=float(batches.parked.max(initial=0)),
    )


def _quantiles(prefix: str, values: Seconds) -> dict[str, float]:
    if len(values) == 0:
        return {f"{prefix}p50": np.nan, f"{prefix}p99": np.nan}
    middle, high = np.quantile(values, [0.5, 0.99])
    return {f"{prefix}p50": float(middle), f"{prefix}p99": float(high)}
