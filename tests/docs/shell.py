"""Runs the commands of a console block, each as a shell of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import ROOT, Block

import multibin

PROMPT, CONTINUED = "$ ", "> "
SECONDS = 300


@dataclass(frozen=True)
class Command:
    """A command, the line of its page, and the output that the page shows."""

    line: int
    code: str
    output: str | None = None


def commands(block: Block) -> list[Command]:
    """Returns the commands of a block; those of sh and bash are one script."""
    if block.language != "console":
        return [Command(block.line, block.code)]
    return list(_prompted(block))


def _prompted(block: Block) -> Iterator[Command]:
    lines = block.code.split("\n")
    starts = [i for i, line in enumerate(lines) if line.startswith(PROMPT)]
    if starts[:1] != [0]:
        raise ValueError(f"a console block must begin with {PROMPT!r}, got {lines[0]!r}")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        last = start
        while lines[last].endswith("\\"):
            last += 1
        code = [
            line.removeprefix(PROMPT).removeprefix(CONTINUED) for line in lines[start : last + 1]
        ]
        output = "\n".join(lines[last + 1 : end])
        yield Command(block.line + start, "\n".join(code), output if output.strip() else None)


def environment() -> dict[str, str]:
    """Returns the variables of a shell in which this installation is active."""
    package = Path(multibin.__file__).parents[1]
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{package}{os.pathsep}{ROOT}",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }


def run(code: str, folder: Path, around: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Runs a command and returns its status and all that it printed.

    The status is that of `timeout`, 124, if the command or what it started does not end.
    """
    process = subprocess.Popen(
        ["sh", "-e", "-c", code],
        cwd=folder,
        env=around or environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return 124, process.communicate()[0]
    return process.returncode, printed
