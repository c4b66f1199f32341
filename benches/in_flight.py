"""Prints how many requests must wait for bins to help, and what several schedulers cost.

``python -m benches.in_flight`` plays the shipped scheduler on a virtual clock, in a closed loop:
each user asks again in the moment of the answer. So of one device all users wait when it asks for
a batch. A batch takes 10 ms for each step of its longest row. Lengths are log-normal (median 100,
σ = 1, at most 2,000) and known. Edges are ``Edges.optimal`` of other lengths.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import multibin as mb
from multibin.lab.simulate import REASONS
from multibin.lab.traces import Trace, lengths
from multibin.lab.traces.arrivals import ClosedLoop, poisson

BATCHES = (1, 1.5, 2, 3, 4, 8, 16, 32, 64)
"""Requests that wait, in batches."""
FLIGHTS = (2, 4, 8, 16)
"""Requests in flight a device, in batches."""
BINS = (1, 2, 4, 8, 16)
RULES = ("light load", "full", "elastic", "overdue")
"""The rules by which a batch leaves."""
SCHEDULERS = (1, 2, 4, 8)
"""How many share the users and the devices."""
LOAD = 0.8
"""The rate of Poisson arrivals, as a share of that of one scheduler with the most in flight."""
COSTS = mb.CostModel(step=0.01)


@dataclass(frozen=True)
class Case:
    """What all runs share."""

    batch_size: int
    requests: int
    seed: int = 0

    def config(self, bins: int) -> mb.SchedulerConfig:
        """Returns a scheduler whose edges fit lengths of the same kind."""
        sample = self.draw(self.requests, seed=self.seed + 1)
        return mb.SchedulerConfig(mb.Edges.optimal(sample, bins, self.batch_size), self.batch_size)

    def draw(self, count: int, seed: int) -> NDArray[np.int64]:
        return lengths.log_normal(count, 100, 1.0, seed=seed, high=2_000)

    def trace(self, arrivals: NDArray[np.float64] | None = None) -> Trace:
        steps = self.draw(self.requests, self.seed)
        return Trace(np.zeros_like(steps), steps, arrivals)


def loop(case: Case, bins: int, users: int, servers: int = 1) -> mb.Records:
    """Plays users that each wait for an answer before the next request."""
    users_ = ClosedLoop(users, np.zeros(case.requests))
    config, trace = case.config(bins), case.trace()
    return mb.simulate(
        trace, scheduler=config, costs=COSTS, servers=servers, closed_loop=users_, drain=False
    )


def share(records: mb.Records, reason: str) -> float:
    """Returns the share of the batches that left by a rule."""
    return float(np.mean(records.batches.reason == REASONS.index(reason)))


def by_bins(case: Case) -> None:
    """Prints the throughput of each number of bins over that of one, by how many wait."""
    print(f"B = {case.batch_size}, one device; throughput over that of one bin\n")
    names = " | ".join(f"{bins} bins" for bins in BINS[1:])
    print(f"| waiting | {names} | {' | '.join(RULES)} | overdue, {BINS[4]} bins |")
    print("|---" * (len(BINS) + len(RULES) + 1) + "|")
    for batches in BATCHES:
        found = [loop(case, bins, round(batches * case.batch_size)) for bins in BINS]
        gains = [records.throughput / found[0].throughput for records in found[1:]]
        rules = [share(found[3], name.replace(" ", "_")) for name in RULES]
        rules.append(share(found[4], "overdue"))
        cells = [f"{gain:.2f}" for gain in gains] + [f"{rule:.0%}" for rule in rules]
        print(f"| {batches:g}·B | {' | '.join(cells)} |")
    print(f"\nThe rules are those of {BINS[3]} bins.")


@dataclass(frozen=True)
class Fleet:
    """Devices that one scheduler feeds, or several that share them evenly."""

    case: Case
    devices: int = 8
    bins: int = 8

    def rate(self, schedulers: int, users: int) -> float:
        """Returns the requests per second in a closed loop, users shared evenly as well."""
        part = Case(self.case.batch_size, self.case.requests // schedulers, self.case.seed)
        records = loop(part, self.bins, users // schedulers, self.devices // schedulers)
        return schedulers * records.throughput

    def latencies(self, schedulers: int, rate: float) -> NDArray[np.float64]:
        """Returns the latencies of Poisson arrivals that a balancer sends to each in turn."""
        case, config = self.case, self.case.config(self.bins)
        whole = case.trace(poisson(case.requests, rate, seed=case.seed + 2))
        servers = self.devices // schedulers
        found = [
            mb.simulate(part, scheduler=config, costs=COSTS, servers=servers).latency
            for part in parts(whole, schedulers)
        ]
        return np.concatenate(found)


def parts(trace: Trace, count: int) -> Iterator[Trace]:
    """Yields the requests of each scheduler, which come to them in turn."""
    assert trace.arrivals is not None
    for at in range(count):
        kept = slice(at, None, count)
        yield Trace(trace.prompt_tokens[kept], trace.output_tokens[kept], trace.arrivals[kept])


def by_schedulers(fleet: Fleet) -> None:
    """Prints what several schedulers cost that share the devices of one."""
    batch_size = fleet.case.batch_size
    flights = [flight * fleet.devices * batch_size for flight in FLIGHTS]
    best = [fleet.rate(1, users) for users in flights]
    load = LOAD * best[-1]
    print(
        f"\nB = {batch_size}, {fleet.devices} devices, {fleet.bins} bins; throughput over that of"
    )
    print(f"one scheduler, by requests in flight a device; latencies at {load:.1f} requests/s\n")
    print(f"| schedulers | {' | '.join(f'{flight}·B' for flight in FLIGHTS)} | p50 | p99 |")
    print("|---" * (len(FLIGHTS) + 3) + "|")
    for count in SCHEDULERS:
        rates = [fleet.rate(count, users) / rate for users, rate in zip(flights, best, strict=True)]
        shown = " | ".join(f"{rate:.2f}" for rate in rates)
        p50, p99 = np.quantile(fleet.latencies(count, load), (0.5, 0.99))
        print(f"| {count} | {shown} | {p50:.1f} s | {p99:.1f} s |")


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(prog="python -m benches.in_flight", description=__doc__)
    parser.add_argument("--requests", type=int, default=40_000, help="Requests of a run")
    parser.add_argument("--batch-size", type=int, default=16, help="Rows of a full batch")
    options = parser.parse_args()
    case = Case(options.batch_size, options.requests)
    by_bins(case)
    by_schedulers(Fleet(case))


if __name__ == "__main__":
    main()
