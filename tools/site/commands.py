"""Fills in what the commands print for ``--help``, when the site is built."""

from __future__ import annotations

import os
import re
import subprocess
import sys

PAGE = "docs/reference/command-line.md"
MARK = re.compile(r"^<!-- help: ([a-z ]*) -->$", re.MULTILINE)


def filled(path: str, markdown: str) -> str:
    """Returns the page with the help of a command in place of each mark ``<!-- help: NAME -->``."""
    if path != PAGE:
        return markdown
    return MARK.sub(lambda mark: f"```text\n{help_of(mark[1].split())}```", markdown)


def help_of(command: list[str]) -> str:
    """Returns what ``multibin COMMAND --help`` prints, 100 columns wide."""
    line = [sys.executable, "-m", "multibin", *command, "--help"]
    return subprocess.run(
        line, check=True, capture_output=True, text=True, env=_environment()
    ).stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
