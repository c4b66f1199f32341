"""Plays a benchmark's requests with given costs, and takes the times of those observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.costs import Costs
from multibin.lab.fit_costs._observed import Observed, time_per_token

if TYPE_CHECKING:
    from multibin._core import Baseline, SchedulerConfig
    from multibin.lab.traces import Trace

__all__ = ["Times", "predict"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Times:
    """Seconds of the observed requests, shape ``[n]``; NaN where there are none."""

    ttft: Floats
    tpot: Floats
    latency: Floats
    finish: Floats

    @classmethod
    def measured(cls, seen: Observed) -> Times:
        """Returns the observed times."""
        return cls(seen.ttft, seen.tpot, seen.latency, seen.finish)


def predict(
    trace: Trace, seen: Observed, scheduler: SchedulerConfig | Baseline, costs: Costs
) -> Times:
    """Plays all requests of the trace, and returns the times of the observed ones."""
    records = mb.simulate(trace, scheduler=scheduler, costs=costs)
    first_token, finish = records.first_token[seen.rows], records.finish[seen.rows]
    arrival = records.arrival[seen.rows]
    tpot = time_per_token(first_token, finish, seen.decoded)
    return Times(first_token - arrival, tpot, finish - arrival, finish)
