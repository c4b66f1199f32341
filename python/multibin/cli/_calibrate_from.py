"""``multibin calibrate --from``: costs fitted to a benchmark of another engine."""

from __future__ import annotations

import argparse
import sys

from multibin import _args
from multibin.cli._json import print_json
from multibin.lab.fit_costs import Check, FittedCosts, as_json, check, describe, fit_benchmark
from multibin.lab.traces import Trace, describe_trace, read, trace_as_json

__all__ = ["add_benchmark", "check_options", "run_fit"]

MEASURING = ("model", "width", "threads", "device", "dtype", "rows", "tokens", "repeats")
"""Options of a measurement, which a fit has no use for."""


FITTING = ("check", "slots")
"""Options of a fit."""


def add_benchmark(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a fit in a group of their own."""
    add = parser.add_argument_group("costs of another engine").add_argument
    add(
        "--from",
        dest="benchmark",
        metavar="BENCHMARK",
        help="Fit costs to what a benchmark measured by request: vllm bench serve --save-result"
        " --save-detailed, SGLang's or AIPerf's lines of JSON",
    )
    add(
        "--check",
        metavar="BENCHMARK",
        help="Predict another benchmark of the engine by the fitted costs",
    )
    add(
        "--max-num-seqs",
        "--batch-size",
        dest="slots",
        type=int,
        metavar="N",
        help="Rows that the engine runs together at most (found from the times)",
    )


def check_options(options: argparse.Namespace) -> None:
    """Raises a ``ValueError`` for options of a measurement beside those of a fit."""
    fits = options.benchmark is not None
    rule = f"left out with from = {options.benchmark}" if fits else "left out without --from"
    for name in MEASURING if fits else FITTING:
        if getattr(options, name) is not None:
            shown = "max_num_seqs" if name == "slots" else name
            raise ValueError(_args.sentence(shown, rule, getattr(options, name)))


def run_fit(options: argparse.Namespace) -> int:
    """Fits, prints and writes the costs."""
    if options.slots is not None:
        _args.integer("max_num_seqs", options.slots, low=1)
    trace = read(options.benchmark)
    other = None if options.check is None else read(options.check)
    found = fit_benchmark(trace, options.slots)
    if options.json:
        print_json("calibrate", _json(trace, found, other))
    else:
        print(_text(trace, found, other))
    if options.out is not None:
        about = {"fitted to": options.benchmark, "slots": str(found.slots)}
        found.costs.save(options.out, about=about)
        print(f"\ncosts: {options.out}", file=sys.stderr if options.json else sys.stdout)
    return 0


def _json(trace: Trace, found: FittedCosts, other: Trace | None) -> dict[str, object]:
    checked = None if other is None else as_json(_checked(found, other))
    read_from = {"kind": "fitted", "trace": trace_as_json(trace)}
    return {**read_from, **as_json(found), "check": checked}


def _text(trace: Trace, found: FittedCosts, other: Trace | None) -> str:
    parts = [describe_trace(trace), describe(found)]
    if other is not None:
        parts += [describe_trace(other), describe(_checked(found, other))]
    return "\n\n".join(parts)


def _checked(found: FittedCosts, other: Trace) -> Check:
    return check(other, found.costs, found.scheduler_for(other))
