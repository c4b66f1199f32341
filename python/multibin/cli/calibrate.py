"""``multibin calibrate``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

HELP = "measures how long the engine's batches take: a cost table for simulate and plan"

DESCRIPTION = """\
Runs batches of a model by the engine's own loop: decode steps, prefills and moves on a grid of rows
and tokens. Prints the table, the linear model nearest to it, and how well both predict batches of
random lengths that were not used for it.
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options; what is not given is left to ``Settings``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = f"{HELP}\n\n{DESCRIPTION}"
    add = parser.add_argument
    add("model", nargs="?", help="a folder or hub id (a small Llama, built in place)")
    add("--out", metavar="FILE", help="write the table: JSON, for --costs of simulate and plan")
    add("--rows", metavar="N,N,...", help="rows of a batch (1,2,4,8,16)")
    add(
        "--tokens",
        metavar="N,N,...",
        help="positions cached per row (doublings from 16 up to the context, 2048 at most)",
    )
    add("--repeats", type=int, help="runs of everything, after one to warm up (5)")
    add("--width", type=int, help="scales the built-in model (1)")
    add("--device", help="cpu, cuda, cuda:1, ... (CUDA if there is one)")
    add("--dtype", help="such as bfloat16 (the checkpoint's)")
    add("--threads", type=int, help="of torch on CPU (1 for the built-in model of width 1)")
    add("--json", action="store_true", help="print JSON instead of the table")


def run(options: argparse.Namespace) -> int:
    """Measures, prints and writes the table."""
    try:
        from multibin.lab.calibrate import calibrate
        from multibin.lab.calibrate._report import data, text
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; install multibin[llm]") from error

    if options.out is not None:
        _check_target(Path(options.out))
    found = calibrate(_settings(options))
    print(json.dumps(data(found), indent=2, allow_nan=False) if options.json else text(found))
    if options.out is not None:
        found.table.save(options.out)
        print(f"\ntable: {options.out}", file=sys.stderr if options.json else sys.stdout)
    return 0


def _settings(options: argparse.Namespace) -> Any:
    from multibin.cli._numbers import numbers
    from multibin.lab.calibrate import Settings

    given = {name: value for name, value in vars(options).items() if value is not None}
    for name in ("rows", "tokens"):
        if name in given:
            given[name] = numbers(name, given[name])
    return Settings(**{name: given[name] for name in Settings.__match_args__ if name in given})


def _check_target(path: Path) -> None:
    """Says now what would go wrong after a long run."""
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ValueError(f"out: {str(path)!r} cannot be written")
