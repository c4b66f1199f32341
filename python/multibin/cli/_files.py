"""What the commands share that answer a file, line by line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from multibin import _args
from multibin.cli._options import Add

__all__ = [
    "add_loading",
    "add_output",
    "check_tokenizer",
    "given",
    "interruptible",
    "opened",
    "summary",
]


def add_loading(add: Add) -> None:
    """Adds the options that say how the model is loaded."""
    add("--tokenizer", help="Folder or hub id of a tokenizer (the model's)")
    add("--gguf-file", metavar="NAME", help="GGUF file in the model's folder")
    add("--device", help="Device of the model (cuda if there is one)")
    add("--dtype", help="Data type of the model (that of the checkpoint)")
    add("--trust-remote-code", action="store_true", help="Run Python code of the checkpoint")


def add_output(add: Add, what: str) -> None:
    """Adds the file of answers; `what` describes it."""
    add("output", metavar="OUTPUT", nargs="?", default="-", help=what)


def check_tokenizer(options: argparse.Namespace) -> None:
    """Raises a ``ValueError`` for a tokenizer of the built-in model, which has its own."""
    if options.model is None and options.tokenizer is not None:
        rule = "left out without --model"
        raise ValueError(_args.sentence("tokenizer", rule, options.tokenizer))


@contextmanager
def opened(name: str) -> Iterator[Iterator[bytes]]:
    """Opens the lines of a file, or of the standard input for "-"."""
    if name == "-":
        yield iter(sys.stdin.buffer)
    else:
        with open(name, "rb") as file:
            yield iter(file)


@contextmanager
def interruptible(report: Any, result: Any) -> Iterator[None]:
    """Says how far a job came, and how it goes on, if Ctrl-C ends it inside."""
    try:
        yield
    except KeyboardInterrupt:
        report("")
        print(f"interrupted: {summary(result)}; run again to continue", file=sys.stderr)
        raise


def given(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """Returns the options that were given, by name."""
    values = {name: getattr(options, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def summary(result: Any) -> str:
    """Returns what a job did, in words."""
    parts = [f"{result.answered} lines answered"]
    if result.skipped:
        parts.append(f"{result.skipped} skipped, which had an answer")
    if result.failed:
        parts.append(f"{result.failed} failed, the first: {result.first_failure}")
    return ", ".join(parts)
