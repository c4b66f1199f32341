"""``multibin demo``."""

from __future__ import annotations

import argparse

from multibin.cli._options import add_engine, add_trace, given, needing_engine

HELP = "Run four policies with the engine: what bins save, in one table and one picture"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options. What is not given is left to ``EngineSettings``."""
    add = parser.add_argument
    add_trace(add, needed=False, default="chat-like lengths")
    add_engine(add)
    add("--requests", type=int, metavar="N", help="Number of requests (400)")
    add("--bins", type=int, metavar="N", help="Number of bins (8)")
    add("--batch-size", type=int, metavar="N", help="Rows of a full batch (8)")
    add("--repeats", type=int, metavar="N", help="Runs of each policy (3)")
    add("--plot", default="demo.png", metavar="FILE", help="Picture to draw (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Prints the table and draws the picture."""
    from multibin.lab._canvas import check_target

    engine = needing_engine("multibin.lab.compare.engine")
    check_target(options.plot)
    settings = engine.EngineSettings(**given(options, engine.EngineSettings))
    found = engine.compare_engine(settings)
    print(engine.describe(found), engine.table(found.results), sep="\n\n", end="\n\n")
    try:
        engine.draw(found.results, options.plot)
    except ModuleNotFoundError as error:
        print(f"no picture: {error}; install multibin[plot]")
    else:
        print(f"the slots of each policy, useful and wasted: {options.plot}")
    return 0
