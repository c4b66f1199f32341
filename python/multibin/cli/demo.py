"""``multibin demo``."""

from __future__ import annotations

import argparse

HELP = "what binning saves: four policies, one table"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options; what is not given is left to ``Settings``."""
    add = parser.add_argument
    add("--model", help="a folder or hub id (a small Llama, built in place)")
    add("--trace", help="a CSV with TIMESTAMP,ContextTokens,GeneratedTokens (chat-like lengths)")
    add("--requests", type=int, help="how many requests (400)")
    add("--bins", type=int, help="how many bins (8)")
    add("--batch-size", type=int, help="rows of a batch (8)")
    add("--repeats", type=int, help="runs of each policy (3)")
    add("--width", type=int, help="scales the built-in model (1)")
    add("--threads", type=int, help="of torch on CPU (1 for the built-in model of width 1)")
    add("--plot", default="demo.png", metavar="FILE", help="the picture (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Prints the table and draws the picture."""
    try:
        from multibin.lab.compare._engine import Settings, demo, table
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; install multibin[llm]") from error
    from multibin.lab._canvas import check_target, wasted_slots

    check_target(options.plot)
    given = {name: value for name, value in vars(options).items() if value is not None}
    settings = Settings(**{name: given[name] for name in Settings.__match_args__ if name in given})
    words, results = demo(settings)
    print(words, end="\n\n")
    print(table(results), end="\n\n")
    try:
        wasted_slots(results, options.plot)
    except ModuleNotFoundError as error:
        print(f"no picture: {error}; install multibin[plot]")
    else:
        print(f"the slots of each policy, useful and wasted: {options.plot}")
    return 0
