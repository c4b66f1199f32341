"""A closed loop of the shipped scheduler, and what is read from one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from benches.known_lengths.cases import Case, Lengths
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.traces import from_arrays
from multibin.lab.traces.arrivals import ClosedLoop


@dataclass(frozen=True, eq=False)
class Served:
    """When requests arrived and started, in seconds; NaN where they did not."""

    arrival: NDArray[np.float64]
    start: NDArray[np.float64]

    def figures(self, users: int) -> tuple[float, float]:
        """Returns requests per second and the 99th percentile of the waits.

        Three turns of all users at the begin do not count, nor what starts after the last arrival.
        """
        starts = np.sort(self.start)
        begin, end = starts[3 * users], np.nanmax(self.arrival)
        counted = (self.start >= begin) & (self.start < end)
        waits = (self.start - self.arrival)[counted]
        return counted.sum() / (end - begin), float(np.percentile(waits, 99))


def shipped(case: Case, config: mb.SchedulerConfig, lengths: Lengths, users: int) -> Served:
    """Serves a closed loop by the shipped scheduler, on a virtual clock."""
    trace = from_arrays(lengths, np.ones_like(lengths), predicted=lengths)
    loop = ClosedLoop(users, np.zeros(len(lengths)))
    records = mb.simulate(trace, scheduler=config, costs=case.costs(), closed_loop=loop)
    return Served(records.arrival, records.start)
