"""Fits costs to one load of the engine and predicts others; the exit status is 1 if one is off."""

from __future__ import annotations

import argparse
import math
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from benches.fitted.serve import Engine, Load, Timed, draw, medians, write

from multibin.lab.fit_costs import Check, FittedCosts, check, describe, fit_benchmark
from multibin.lab.traces import read

TARGET = 0.1
"""Largest relative error of the figures below."""

LOADS = (0.3, 0.75, math.inf)
"""Shares of the capacity that are predicted; infinite: all requests of a round at once."""

FIGURES = (("throughput", "requests"), ("latency", "mean"), ("latency", "p99"))


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.fitted", description=__doc__)
    add = parser.add_argument
    add("--width", type=int, default=2, help="of the built-in model (2)")
    add("--slots", type=int, default=8, help="rows that run together at most (8)")
    add("--fit", type=float, default=0.6, metavar="SHARE", help="of the capacity (0.6)")
    add("--loads", type=float, nargs="*", default=LOADS, help="to predict (0.3 0.75 inf)")
    add("--rounds", type=int, default=5, help="of all loads; medians count (5)")
    add("--requests", type=int, default=150, help="of each load (150)")
    add("--seed", type=int, default=0, help="of the workloads (0)")
    add("--out", type=Path, help="folder to keep the benchmarks in")
    return parser


def setting(options: argparse.Namespace, title: str) -> str:
    """Returns what the numbers depend on."""
    load = "/".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load},"
        f" Python {platform.python_version()}, torch {torch.__version__}, {title}\n"
        f"{', '.join(f'{name}={value}' for name, value in vars(options).items())}\n"
        "seconds: CPU time of the engine's one thread at the speed of a probe; no idle time"
    )


def capacity(engine: Engine, options: argparse.Namespace) -> float:
    """Returns the requests per second of a backlog, after one that warms up."""
    for seed in (1, 2):
        requests = draw(Load(math.inf, options.requests), engine.vocabulary, engine.context, seed)
        engine.serve(requests)
    return len(requests) / max(request.times[-1] for request in requests)


def measure(engine: Engine, loads: Sequence[Load], rounds: int, seed: int) -> list[list[Timed]]:
    """Serves each load once a round, so that a disturbance of the machine falls on all loads.

    A load has the same requests in every round.
    """
    served: list[list[Timed]] = []
    for _ in range(rounds):
        for at, load in enumerate(loads):
            requests = draw(load, engine.vocabulary, engine.context, seed + at)
            engine.serve(requests)
            served.append(requests)
    return served


def spread(rounds: Sequence[list[Timed]]) -> str:
    """Returns how far the rounds of a load are apart."""
    means = [np.mean([each.times[-1] - each.arrival for each in one]) for one in rounds]
    low, high = min(means) / np.mean(means) - 1, max(means) / np.mean(means) - 1
    return f"mean latencies of its {len(rounds)} rounds: {low:+.0%} to {high:+.0%} of their mean"


def judged(found: Check) -> bool:
    """Prints the figures of the target, and returns whether all are met."""
    errors = {f"{metric} {name}": found.figure(metric, name).error for metric, name in FIGURES}
    good = all(abs(error) <= TARGET for error in errors.values())
    words = ", ".join(f"{name} {error:+.1%}" for name, error in errors.items())
    print(f"{'met' if good else 'MISSED'}: {words} (within {TARGET:.0%})\n", flush=True)
    return good


def report(folder: Path, loads: Sequence[Load], served: list[list[Timed]], slots: int) -> bool:
    """Writes the benchmarks, fits the first and predicts the others."""
    fitted: FittedCosts | None = None
    good = True
    for at, load in enumerate(loads):
        path, rounds = folder / f"load{at}.json", served[at :: len(loads)]
        print(f"{path.name}: {load.rate:.3g} requests/s; {spread(rounds)}")
        write(medians(rounds), path, load.rate)
        trace = read(path)
        if fitted is None:
            fitted = fit_benchmark(trace, slots)
            print(describe(fitted))
            good &= judged(fitted.fitted)
        else:
            found = check(trace, fitted.costs, fitted.scheduler)
            print(describe(found))
            good &= judged(found)
    return good


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(1)
    engine = Engine(options.width, options.slots)
    print(setting(options, engine.title), flush=True)
    most = capacity(engine, options)
    print(f"capacity: {most:.3g} requests/s\n", flush=True)
    loads = [Load(share * most, options.requests) for share in (options.fit, *options.loads)]
    served = measure(engine, loads, options.rounds, options.seed)
    with TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        return int(not report(folder, loads, served, options.slots))


if __name__ == "__main__":
    sys.exit(main())
