"""JSON output: its schema by name and version, in the document and as a file of the package."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from multibin.cli._options import Add

__all__ = ["VERSIONS", "add_json", "document", "print_json", "schema"]

VERSIONS = {"calibrate": 1, "plan": 2, "reproduce": 1, "simulate": 1}
"""The version of what each command prints.

``docs/reference/command-line-output.md`` says what raises it.
"""


def add_json(add: Add, command: str) -> None:
    """Adds the options that print JSON, and its schema."""
    add("--json", action="store_true", help="Print JSON instead of the table")
    text = "Print the JSON Schema of what --json prints, and exit"
    add("--json-schema", action=_PrintSchema, nargs=0, const=command, help=text)


class _PrintSchema(argparse.Action):
    """Prints the schema of the command that is its ``const``."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(schema(str(self.const)), end="")
        parser.exit()


def schema(command: str) -> str:
    """Returns the JSON Schema, draft 2020-12, of what a command prints.

    >>> from multibin.cli._json import schema
    >>> '"const": "multibin.simulate"' in schema("simulate")
    True
    """
    return (files("multibin.cli") / f"schemas/{command}.json").read_text(encoding="utf-8")


def document(command: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what was found with the name and the version of its schema at the top.

    >>> from multibin.cli._json import document
    >>> document("simulate", {"requests": 2})
    {'schema': 'multibin.simulate', 'version': 1, 'requests': 2}
    """
    return {"schema": f"multibin.{command}", "version": VERSIONS[command], **found}


def print_json(command: str, found: Mapping[str, Any]) -> None:
    """Prints what was found as strict JSON: no number is NaN or infinite."""
    print(json.dumps(document(command, found), indent=2, allow_nan=False))
