"""The parser of the command ``multibin``."""

from __future__ import annotations

import argparse
import importlib

from multibin.cli._commands import COMMANDS

__all__ = ["parser_of"]


class _Version(argparse.Action):
    """Prints the version, which is looked up only if it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"multibin {version('multibin')}")
        parser.exit()


def parser_of(command: str) -> argparse.ArgumentParser:
    """Returns the parser, with the options of one command alone, as the others need imports."""
    parser = argparse.ArgumentParser(
        prog="multibin", description="Batches whose members finish together."
    )
    text = "show program's version number and exit"
    parser.add_argument("--version", action=_Version, nargs=0, help=text)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, line in COMMANDS.items():
        one = commands.add_parser(name, help=line, description=line, allow_abbrev=False)
        if name == command:
            module = importlib.import_module(f"multibin.cli.{name}")
            module.arguments(one)
            one.set_defaults(run=module.run)
    return parser
