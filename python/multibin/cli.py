"""The command ``multibin``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

__all__ = ["main"]

COMMANDS = ("calibrate", "demo", "plan", "reproduce", "simulate")
"""Modules of ``multibin.commands``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command: its exit status, or 2 for arguments or files that cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except BrokenPipeError:
        return _nobody_reads()
    except (ValueError, TypeError, OSError, ModuleNotFoundError) as error:
        print(f"multibin {options.command}: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _nobody_reads() -> int:
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
        module = importlib.import_module(f"multibin.commands.{name}")
        command = commands.add_parser(name, help=module.HELP, description=module.HELP)
        module.arguments(command)
        command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
