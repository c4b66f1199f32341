"""Options that several commands share, so that one name has one meaning."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from types import ModuleType
from typing import Any

from multibin import _args
from multibin.cli._process import importing
from multibin.lab.traces import Trace, read

__all__ = [
    "Add",
    "add_engine",
    "add_predictions",
    "add_trace",
    "check_trace",
    "given",
    "needing_engine",
    "progress",
    "read_trace",
]

Add = Callable[..., object]
"""``add_argument`` of a parser or a group."""


def add_trace(add: Add, *, needed: bool = True, default: str = "") -> None:
    """Adds the positional TRACE, and how it is read."""
    text = "Trace of requests: CSV or JSON, also packed, with columns known by name"
    if needed:
        add("trace", metavar="TRACE", help=text)
    else:
        add("trace", metavar="TRACE", nargs="?", help=f"{text} ({default})")
    add(
        "--columns",
        metavar="ROLE=NAME,...",
        help="Columns of TRACE by role: time, prompt, output, predicted; dots join nested names"
        " (by known names)",
    )
    add(
        "--time-unit",
        metavar="UNIT",
        help="Unit of times that are numbers: s, ms, us, ns, or seconds (seen where it is certain,"
        " else s)",
    )


def check_trace(options: argparse.Namespace) -> None:
    """Raises a ``ValueError`` for options that say how TRACE is read if there is none."""
    for name in ("columns", "time_unit"):
        if options.trace is None and (value := getattr(options, name)) is not None:
            raise ValueError(_args.sentence(name, "left out without TRACE", value))


def read_trace(
    options: argparse.Namespace, *, times: bool = True, path: str | None = None
) -> Trace:
    """Returns the trace of the options that ``add_trace`` adds.

    ``times=False`` ignores the column of times. Another ``path`` is read in the same way. The
    errors are those of ``traces.read``.
    """
    file = options.trace if path is None else path
    return read(file, times=times, columns=options.columns, time_unit=options.time_unit)


def add_predictions(add: Add) -> None:
    """Adds the options that draw gaps and predictions."""
    add("--cv", type=float, help="Coefficient of variation of the gaps; 1 is Poisson (1)")
    add("--seed", type=int, help="Seed of all draws (0)")
    add("--sigma", type=float, help="Predict the true lengths x exp(sigma Z); 0 is the truth")
    add("--shuffled", action="store_true", help="Predict the true lengths of other requests")


def add_engine(add: Add) -> None:
    """Adds the options of a command that runs the engine."""
    add("--model", help="Folder or hub id of a model (a small Llama, built in place)")
    add("--width", type=int, metavar="N", help="Width of the built-in model, a factor (1)")
    add("--threads", type=int, metavar="N", help="Threads of torch (1 for the small Llama)")


def given(options: argparse.Namespace, settings: type[Any]) -> dict[str, Any]:
    """Returns the options with a value that are fields of the dataclass ``settings``."""
    values = vars(options)
    names = [f.name for f in fields(settings)]
    return {name: values[name] for name in names if values.get(name) is not None}


def needing_engine(module: str) -> ModuleType:
    """Imports a module that needs torch, or raises an error that says what to install."""
    try:
        with importing():
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; install multibin[llm]") from error


def progress(command: str) -> Callable[[str], None]:
    """Returns a function that writes a line on stderr over the last one, on a terminal alone.

    An empty text clears the line. Logs, pipes and terminals that cannot clear a line get nothing.
    """
    start = time.monotonic()

    def report(text: str) -> None:
        dumb = os.environ.get("TERM") == "dumb"
        if sys.stderr is not None and sys.stderr.isatty() and not dumb:
            seconds = f"{time.monotonic() - start:.0f} s"
            line = f"{command}: {seconds:>5}  {text}" if text else ""
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)

    return report
