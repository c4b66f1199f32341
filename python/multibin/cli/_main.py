"""The command ``multibin``: finds the subcommand, runs it, and prints its errors."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

__all__ = ["main"]

COMMANDS = ("calibrate", "demo", "generate", "plan", "reproduce", "score", "simulate")
"""Modules of ``multibin.cli``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit status, or 2 for arguments or files it cannot use.

    Args:
        arguments: the words after ``multibin``; None takes those of this process.

    >>> from multibin.cli import main
    >>> main(["simulate", "no-such-file.csv"])  # Prints the error.
    2
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except BrokenPipeError:
        return _close_output()
    except (ValueError, TypeError, OSError, ModuleNotFoundError) as error:
        print(f"multibin {options.command}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _close_output() -> int:
    """Discards what is left to print, as the reader of the pipe is gone."""
    # Python flushes once more at exit, which must not fail too.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="multibin", description="Batches whose members finish together."
    )
    parser.add_argument("--version", action="version", version=f"multibin {version('multibin')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = importlib.import_module(f"multibin.cli.{name}")
        command = commands.add_parser(
            name, help=module.HELP, description=module.HELP, allow_abbrev=False
        )
        module.arguments(command)
        command.set_defaults(run=module.run)
    return parser
