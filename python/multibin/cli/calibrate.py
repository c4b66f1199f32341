"""``multibin calibrate``."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from multibin import _args
from multibin.cli._calibrate_from import add_benchmark, check_options, run_fit
from multibin.cli._json import add_json, print_json
from multibin.cli._numbers import numbers
from multibin.cli._options import add_engine, given, needing_engine

DESCRIPTION = """\
Runs batches of a model by the engine's own loop: decode steps, prefills and moves on a grid of rows
and tokens. Prints the table, the linear model nearest to it, and how well both predict batches of
random lengths that were not used for it.

With --from it runs nothing. It fits costs to a benchmark of another engine, such that a simulation
of continuous batching repeats its times, and prints predicted beside measured.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options. What is not given is left to ``Settings``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{parser.description}\n\n{DESCRIPTION}"
    add_benchmark(parser)
    add = parser.add_argument
    add_engine(add)
    add("--device", help="Device: cpu, cuda, cuda:1, ... (CUDA if there is one)")
    add("--dtype", help="Dtype of the weights, such as bfloat16 (the checkpoint's)")
    add("--rows", metavar="N,N,...", help="Rows of a batch (1,2,4,8,16)")
    add(
        "--tokens",
        metavar="N,N,...",
        help="Tokens cached per row (doublings from 16 up to the context, 2048 at most)",
    )
    add("--repeats", type=int, metavar="N", help="Runs of everything, after one to warm up (5)")
    add("--out", metavar="FILE", help="Write the costs as JSON, for --costs of simulate and plan")
    add_json(add, "calibrate")


def run(options: argparse.Namespace) -> int:
    """Measures or fits, prints and writes the costs."""
    if options.out is not None:
        _check_target(Path(options.out))
    check_options(options)
    return _measure(options) if options.benchmark is None else run_fit(options)


def _measure(options: argparse.Namespace) -> int:
    """Measures, prints and writes the table."""
    lab = needing_engine("multibin.lab.calibrate")
    chosen = given(options, lab.Settings)
    for name in ("rows", "tokens"):
        if name in chosen:
            chosen[name] = numbers(name, chosen[name])
    found = lab.calibrate(lab.Settings(**chosen))
    if options.json:
        print_json("calibrate", {"kind": "measured", **lab.as_json(found)})
    else:
        print(lab.describe(found))
    if options.out is not None:
        found.table.save(options.out)
        print(f"\ntable: {options.out}", file=sys.stderr if options.json else sys.stdout)
    return 0


def _check_target(path: Path) -> None:
    """Raises now what would go wrong after a long run."""
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(_args.sentence("out", "a file that can be written", str(path)))
