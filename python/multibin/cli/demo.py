"""``multibin demo``."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType
from typing import Any

from multibin._args import sentence
from multibin.cli._options import (
    add_engine,
    add_trace,
    check_trace,
    given,
    needing_engine,
    progress,
)

DRAWN = ("model", "trace", "requests", "width")
"""Options of which any one asks for drawn requests of forced lengths."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options. What is not given is left to the settings."""
    add = parser.add_argument
    add_trace(add, needed=False, default="the built-in prompts, else chat-like lengths")
    # An earlier spelling of TRACE.
    add("--trace", dest="trace_file", help=argparse.SUPPRESS)
    add_engine(add)
    add("--gguf-file", metavar="FILE", help="File in the folder of --model, in the format GGUF")
    add("--chat", action="store_true", help="Let --model answer the built-in prompts")
    add("--max-tokens", type=int, metavar="N", help="The most tokens of an answer (256)")
    add("--requests", type=int, metavar="N", help="Number of drawn requests (400)")
    add("--bins", type=int, metavar="N", help="Number of bins (6 for prompts, else 8)")
    add("--batch-size", type=int, metavar="N", help="Rows of a full batch (8)")
    add("--repeats", type=int, metavar="N", help="Runs of each policy (1 for prompts, else 3)")
    add("--plot", default="demo.png", metavar="FILE", help="Picture to draw (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Prints the table and draws the picture."""
    from multibin._canvas import check_target

    options.trace = options.trace or options.trace_file
    check_trace(options)
    engine = needing_engine("multibin.lab.compare.engine")
    check_target(options.plot)
    settings = _settings(options, engine)
    if isinstance(settings, engine.ChatSettings):
        report = progress("multibin demo")
        found = engine.compare_chat(settings, report)
        report("")
    else:
        found = engine.compare_engine(settings, lambda text: print(text, end="\n\n", flush=True))
    print(engine.describe(found), engine.table(found.results), sep="\n\n", end="\n\n")
    try:
        engine.draw(found.results, options.plot)
    except ModuleNotFoundError as error:
        print(f"no picture: {error}; install multibin[plot]")
    else:
        print(f"the slots of each policy, useful and wasted: {options.plot}")
    return 0


def _settings(options: argparse.Namespace, engine: ModuleType) -> Any:
    """Returns what runs: answers to the built-in prompts, or drawn requests.

    The packaged model answers if no other is named. Without it, drawn requests run.
    """
    values: dict[str, Any] = vars(options)
    if options.gguf_file is not None and options.model is None:
        raise ValueError(
            sentence("gguf_file", "a file of a model that is given", options.gguf_file)
        )
    drawn = not options.chat and any(values[name] is not None for name in DRAWN)
    if not drawn and options.model is None:
        try:
            options.model, options.gguf_file = _packaged()
        except ModuleNotFoundError as error:
            if options.chat:
                raise
            settings = engine.EngineSettings(**given(options, engine.EngineSettings))
            _say(f"{error}. The built-in tiny model runs instead, with random weights")
            return settings
    kind = engine.EngineSettings if drawn else engine.ChatSettings
    return kind(**given(options, kind))


def _packaged() -> tuple[str, str]:
    found: tuple[str, str] = needing_engine("multibin.llm._load.load_by_name").packaged()
    return found


def _say(line: str) -> None:
    print(f"multibin demo: {line}", file=sys.stderr, flush=True)
