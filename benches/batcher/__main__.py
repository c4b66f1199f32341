"""Measures the batcher beside its baselines; the exit status is 1 if a target is missed."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
import time
from typing import Any

from benches.batcher import loops
from benches.batcher.baselines import SkippedError, versions
from benches.batcher.options import Options
from benches.batcher.paired import Line

FIGURES = ("asyncio", "threads", "idle", "poisson", "razors_edge", "server", "embed")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.batcher", description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="figure", help=f"one of {', '.join(FIGURES)}")
    parser.add_argument("--runs", type=int, help="rounds of each figure; at least 7 are wanted")
    parser.add_argument(
        "--texts", type=int, default=5000, help="texts of a round of `embed` (5,000)"
    )
    parser.add_argument(
        "--cpu",
        action="store_true",
        help="time closed loops by processor time, for a machine that others use",
    )
    parser.add_argument("--seed", type=int, default=14, help="first seed of all draws")
    return parser


def machine() -> str:
    """Returns what the numbers depend on besides the versions."""
    load = "/".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load}, "
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )


def measure(figure: str, options: Options) -> bool:
    """Prints the lines of a figure and returns true if one missed its target."""
    module: Any = importlib.import_module(f"benches.batcher.figures.{figure}")
    began, missed = time.perf_counter(), False
    print(f"\n{figure}: {module.__doc__.strip().splitlines()[0]}", flush=True)
    try:
        for line in module.measure(options):
            print(f"  {line}", flush=True)
            missed |= isinstance(line, Line) and line.missed
    except SkippedError as why:
        print(f"  skipped: {why}")
    print(f"{figure}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return missed


def main() -> int:
    arguments = parser().parse_args()
    unknown = {*arguments.figures} - {*FIGURES}
    if unknown:
        print(f"figure must be one of {', '.join(FIGURES)}, got {unknown.pop()}", file=sys.stderr)
        return 2
    options = Options(arguments.runs, arguments.texts, arguments.seed)
    if arguments.cpu:
        loops.clock = time.process_time
        print("closed loops are timed by processor time")
    print(machine(), *versions(), sep="\n")
    print("\nname, median of ours, median of the baseline, unit, median ratio [interval], target")
    missed = [measure(figure, options) for figure in arguments.figures or FIGURES]
    return int(any(missed))


if __name__ == "__main__":
    sys.exit(main())
