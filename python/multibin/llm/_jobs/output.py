"""The file of a job's answers: complete lines in the order of the input, continued by a later run.

An answer is written whole, behind those before it. So only the last line of the file of a run that
was killed can be torn: the next run cuts it off. One run at a time writes a file.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from multibin._args import shown

try:
    import fcntl
except ModuleNotFoundError:  # Windows has none; files are not locked there.
    fcntl = None  # type: ignore[assignment]

__all__ = ["Done", "Output"]

BLOCK = 1 << 16

NUMBERED = re.compile(rb'\{"line": ([1-9][0-9]*)[,}]')
"""The beginning of an answer as this module's callers write it."""


class Done(NamedTuple):
    """What an output has: its last answer's line of the input, 0 for none, and the line's id."""

    line: int = 0
    custom_id: object = None
    answers: int = 0
    """The number of answers; blank lines of the input have none."""


class Output:
    """Appends answers to a file, or to the standard output for "-".

    Raises, on entry:
        OSError: the file cannot be read or written.
        ValueError: another run writes it, or it is no output of this command.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._file: BinaryIO
        self.done = Done()

    def __enter__(self) -> Self:
        if self._name == "-":
            self._file = sys.stdout.buffer
            return self
        self._file = open(self._name, "ab")
        try:
            # A pipe or a device has no answers that could be read.
            if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                _lock(self._name, self._file)
                self.done = _resume(self._name)
        except BaseException:
            self._file.close()
            raise
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


def _lock(name: str, file: BinaryIO) -> None:
    """Locks the file until it is closed, where the file system has locks."""
    if fcntl is None:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(
            f"{name} must be an output of one run at a time, it is being written by another run"
        ) from None
    except OSError:
        # Some network file systems have no locks.
        return


def _resume(name: str) -> Done:
    """Returns what the output has, and cuts off a torn last line."""
    with open(name, "r+b") as file:
        end = _after_last_newline(file, os.fstat(file.fileno()).st_size)
        if end == 0:
            file.truncate(0)
            return Done()
        start = _after_last_newline(file, end - 1)
        file.seek(start)
        done = _done(name, file.read(end - start))
        file.seek(0)
        answers = _ascending(name, file, end)
        file.truncate(end)
        return done._replace(answers=answers)


def _ascending(name: str, file: BinaryIO, end: int) -> int:
    """Returns the number of answers up to `end`, or raises a ``ValueError`` if they are mixed."""
    last, count = 0, 0
    while file.tell() < end:
        line = file.readline()
        found = NUMBERED.match(line)
        number = int(found[1]) if found else _done(name, line, f"line {count + 1}").line
        if number <= last:
            raise ValueError(
                f"{name} must have its answers in the order of their lines, "
                f"got that to line {number} behind that to line {last}"
            )
        last, count = number, count + 1
    return count


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


def _done(name: str, line: bytes, place: str = "last line") -> Done:
    try:
        found = json.loads(line)
        number = found["line"]
    except (ValueError, TypeError, KeyError, RecursionError):
        number = None
    if type(number) is not int or number < 1:
        last = shown(line.decode(errors="replace").strip())
        raise ValueError(f"{name} must be new or an output of this command, its {place} is {last}")
    return Done(number, found.get("custom_id"))
