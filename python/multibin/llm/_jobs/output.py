"""The file of a job's answers: complete lines in the order of the input, continued by a later run.

An answer is written whole, behind those before it. So only the last line of the file of a run that
was killed can be torn: the next run cuts it off.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from multibin._args import shown

__all__ = ["Done", "Output", "resume"]

BLOCK = 1 << 16


class Done(NamedTuple):
    """The last line of the input that has an answer: its number, 0 for none, and its id."""

    line: int = 0
    custom_id: object = None


class Output:
    """Appends answers to a file, or to the standard output for "-"."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._file = sys.stdout.buffer if self._name == "-" else open(self._name, "ab")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.flush()
        if self._name != "-":
            self._file.close()

    def write(self, lines: list[bytes]) -> None:
        """Writes complete lines, for other processes to read at once."""
        self._file.write(b"".join(lines))
        self._file.flush()


def resume(name: str) -> Done:
    """Returns what the output has, and cuts off a torn last line.

    Raises:
        OSError: the file cannot be read or written.
        ValueError: its last complete line is no answer of this command.
    """
    if name == "-" or not Path(name).exists():
        return Done()
    with open(name, "r+b") as file:
        end = _after_last_newline(file, os.fstat(file.fileno()).st_size)
        file.truncate(end)
        if end == 0:
            return Done()
        start = _after_last_newline(file, end - 1)
        file.seek(start)
        return _done(name, file.read(end - start))


def _after_last_newline(file: BinaryIO, end: int) -> int:
    """Returns the position behind the last newline before `end`, 0 if there is none."""
    while end:
        start = max(0, end - BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _done(name: str, line: bytes) -> Done:
    try:
        found = json.loads(line)
        number = found["line"]
    except (ValueError, TypeError, KeyError):
        number = None
    if type(number) is not int or number < 1:
        last = shown(line.decode(errors="replace").strip())
        raise ValueError(
            f"{name} must be new or an output of this command, its last line is {last}"
        )
    return Done(number, found.get("custom_id"))
