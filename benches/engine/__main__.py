"""Measures the engine; the exit status is 1 if a target is missed."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Sequence

import torch
import transformers
from benches.engine import llama, smollm2

FIGURES = {"llama": llama, "smollm2": smollm2}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benches.engine", description=__doc__)
    figures = parser.add_subparsers(dest="figure", required=True, metavar="figure")
    for name, module in FIGURES.items():
        module.add_options(
            figures.add_parser(name, help=module.__doc__, description=module.__doc__)
        )
    return parser


def setting(options: argparse.Namespace) -> str:
    """Returns what the numbers depend on."""
    load = "/".join(f"{each:.1f}" for each in os.getloadavg())
    chosen = {name: value for name, value in vars(options).items() if name != "contestants"}
    return (
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load}, "
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}\n"
        f"{', '.join(f'{name}={value}' for name, value in chosen.items())}\n"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    print(setting(options), flush=True)
    return int(FIGURES[options.figure].run(options))


if __name__ == "__main__":
    sys.exit(main())
