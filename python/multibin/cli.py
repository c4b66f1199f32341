"""The command ``multibin``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; 0, or 2 for arguments or files that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        _demo(options)
    except (ValueError, ModuleNotFoundError) as error:
        print(f"multibin {options.command}: error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="multibin", description="Batches whose members finish together."
    )
    parser.add_argument("--version", action="version", version=f"multibin {version('multibin')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands.add_parser("demo", help="what binning saves: four policies, one table"))
    return parser


def _add_demo(demo: argparse.ArgumentParser) -> None:
    add = demo.add_argument
    add("--model", help="a folder or hub id; without it a small Llama is built in place")
    add("--trace", help="a CSV with TIMESTAMP,ContextTokens,GeneratedTokens")
    add("--requests", type=int, default=400, help="how many requests (%(default)s)")
    add("--bins", type=int, default=8, help="how many bins (%(default)s)")
    add("--batch-size", type=int, default=8, help="rows of a batch (%(default)s)")
    add("--repeats", type=int, default=3, help="runs of each policy (%(default)s)")
    add("--width", type=int, default=1, help="scales the built-in model (%(default)s)")
    add("--plot", default="demo.png", metavar="FILE", help="the picture (%(default)s)")


def _demo(options: argparse.Namespace) -> None:
    try:
        from multibin.demo import Settings, demo, table
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; install multibin[llm]") from error
    settings = Settings(
        model=options.model,
        trace=options.trace,
        requests=options.requests,
        bins=options.bins,
        batch_size=options.batch_size,
        repeats=options.repeats,
        width=options.width,
    )
    words, results = demo(settings)
    print(words, end="\n\n")
    print(table(results), end="\n\n")
    try:
        from multibin.plot import wasted_slots

        wasted_slots(results, options.plot)
    except ModuleNotFoundError as error:
        print(f"no picture: {error}; install multibin[plot]")
    else:
        print(f"the slots of each policy, useful and wasted: {options.plot}")


if __name__ == "__main__":
    sys.exit(main())
