"""``multibin demo``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from multibin.cli._options import add_engine, add_trace, given, needing_engine

HELP = "Run the policies with the engine: what bins save, in one table and one picture"

DRAWN = ("model", "trace", "requests", "width")
"""Options of which any one asks for drawn requests of forced lengths."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options. What is not given is left to the settings."""
    add = parser.add_argument
    add_trace(add, needed=False, default="the built-in prompts, else chat-like lengths")
    add_engine(add)
    add("--gguf-file", metavar="FILE", help="File in the folder of --model, in the format GGUF")
    add("--chat", action="store_true", help="Let --model answer the built-in prompts")
    add("--max-tokens", type=int, metavar="N", help="The most tokens of an answer (256)")
    add("--requests", type=int, metavar="N", help="Number of drawn requests (400)")
    add("--bins", type=int, metavar="N", help="Number of bins (4 for prompts, else 8)")
    add("--batch-size", type=int, metavar="N", help="Rows of a full batch (8)")
    add("--repeats", type=int, metavar="N", help="Runs of each policy (1 for prompts, else 3)")
    add("--plot", default="demo.png", metavar="FILE", help="Picture to draw (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Prints the table and draws the picture."""
    from multibin.lab._canvas import check_target

    engine = needing_engine("multibin.lab.compare.engine")
    check_target(options.plot)
    if _chats(options):
        found = engine.compare_chat(
            engine.ChatSettings(**given(options, engine.ChatSettings)), _say
        )
    else:
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


def _chats(options: argparse.Namespace) -> bool:
    """Returns whether prompts are answered; the packaged model is chosen if no other is."""
    if options.chat and options.model is not None:
        return True
    values: dict[str, Any] = vars(options)
    if not options.chat and any(values[name] is not None for name in DRAWN):
        return False
    packaged = needing_engine("multibin.llm._load.load_by_name").packaged
    try:
        options.model, options.gguf_file = packaged()
    except ModuleNotFoundError as error:
        if options.chat:
            raise
        _say(f"{error}. The built-in tiny model runs instead, with random weights")
        return False
    return True


def _say(line: str) -> None:
    print(f"multibin demo: {line}", file=sys.stderr, flush=True)
